"""Events with a picture: the one that is measured, and the largest that the function takes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scripts.bench.memory.largest import MAX_PIXELS
from scripts.bench.memory.pictures import PICTURES, side_of
from scripts.local.http_event import HttpRequest, to_http_api

# Those that take most memory, by `scripts/run memory largest`.
LARGEST = ("JPEG", "PNG, alpha, rotated", "WebP, lossless, alpha", "TIFF, 12 of 16 bits, 8 samples")


def largest_pictures() -> Iterator[bytes]:
    """Events of pictures at the function's limits of size."""
    for name in LARGEST:
        image_bytes = PICTURES[name](side_of(name, MAX_PIXELS))
        yield picture_event(image_bytes, f"image/{name.partition(',')[0].lower()}")


def picture_event(image_bytes: bytes, content_type: str = "image/jpeg") -> bytes:
    request = HttpRequest("POST", "/v1/detect", [("Content-Type", content_type)], image_bytes)
    return json.dumps(to_http_api(request)).encode()
