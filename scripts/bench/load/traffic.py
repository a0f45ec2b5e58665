"""What is sent: one picture to one route, or a mixture of clients with a large picture among them.

The mixture has every dialect, a picture in tiles, one that is refused, and one as large as Lambda
takes: it shows what a heavy request does to the light ones beside it.
"""

from __future__ import annotations

import base64
import io
import json
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scripts.local.http_event import HttpRequest
from scripts.tool import ToolError

JPEG = [("Content-Type", "image/jpeg")]
JSON = [("Content-Type", "application/json")]
# Of an event's 6 MB base64 leaves a picture this much.
LARGE_BYTES = 4_500_000
LARGE_PX = 3_000
NOISE = 8.0  # of luma: a camera's, at a high sensitivity
SHARES = {
    "raw": 0.40,
    "json": 0.20,
    "roboflow": 0.10,
    "gradio": 0.10,
    "tiles": 0.05,
    "large": 0.05,
    "rejected": 0.10,
}


@dataclass(frozen=True)
class Kind:
    """A kind of request. share: of all requests. expected: the status of its answer."""

    name: str
    request: HttpRequest
    share: float = 1.0
    expected: int = 200


def make_traffic(image_bytes: bytes, *, mixed: bool) -> list[Kind]:
    """The kinds of requests, whose shares add up to 1. Raises ToolError for what is no picture."""
    raw = HttpRequest("POST", "/v1/detect", JPEG, image_bytes)
    if not mixed:
        return [Kind("raw", raw)]
    text = base64.b64encode(image_bytes).decode()
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    requests = {
        "raw": raw,
        "json": HttpRequest("POST", "/v1/detect", JSON, json.dumps({"image": text}).encode()),
        "roboflow": HttpRequest("POST", "/cells/3?confidence=40", form, text.encode()),
        "gradio": HttpRequest(
            "POST",
            "/+/api/predict/",
            JSON,
            json.dumps({"data": [f"data:image/png;base64,{text}"]}).encode(),
        ),
        "tiles": HttpRequest("POST", "/v1/detect?tiles=auto", JPEG, image_bytes),
        "large": HttpRequest("POST", "/v1/detect", JPEG, enlarge(image_bytes)),
        "rejected": HttpRequest("POST", "/v1/detect", JPEG, image_bytes[: len(image_bytes) // 3]),
    }
    expected = {"rejected": 422}
    return [
        Kind(name, request, SHARES[name], expected.get(name, 200))
        for name, request in requests.items()
    ]


def choose_kinds(kinds: list[Kind], count: int, seed: int) -> list[int]:
    """Which kind each of `count` requests is, as indices."""
    shares = [kind.share for kind in kinds]
    return random.Random(f"kinds {seed}").choices(range(len(kinds)), shares, k=count)


def enlarge(image_bytes: bytes) -> bytes:
    """The picture at LARGE_PX with a camera's noise, as the best JPEG below LARGE_BYTES."""
    try:
        picture = Image.open(io.BytesIO(image_bytes)).convert("RGB")
    except OSError:
        raise ToolError("--picture is no picture that can be read; name a JPEG") from None
    scale = LARGE_PX / max(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    noise = np.random.default_rng(0).normal(0, NOISE, (picture.height, picture.width, 1))
    noisy = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    for quality in range(95, 20, -5):
        stream = io.BytesIO()
        noisy.save(stream, "JPEG", quality=quality)
        if len(stream.getvalue()) <= LARGE_BYTES:
            break
    return stream.getvalue()
