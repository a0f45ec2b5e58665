"""The long run's requests: pictures of every format and many sizes in every form, and bad ones.

Each kind has a share, and several requests of its own, so that memory is asked for in many sizes.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.bench.fuzz.inputs.bodies import DETECT, make_body
from scripts.bench.fuzz.inputs.pictures import damaged_picture
from scripts.bench.fuzz.inputs.seeds import make_png_chunk, make_tiff, seed_pictures
from scripts.local.http_event import HttpRequest, to_http_api
from scripts.local.invoke import MAX_PAYLOAD_BYTES
from scripts.paths import SAMPLE

Size = tuple[int, int]
SMALL: tuple[Size, ...] = ((64, 48), (160, 120), (320, 240), (500, 333), (640, 640), (803, 601))
MIDDLE: tuple[Size, ...] = ((1024, 768), (1400, 1050), (1280, 1280))
LARGE: tuple[Size, ...] = ((2794, 2793), (4032, 3024))  # a microscope's, a phone's
LARGE_EXACT: tuple[Size, ...] = ((2000, 1500),)  # of formats that are decoded in full
VARIANTS = 20  # requests of each kind, at most
NOISE_PX = 512  # a square of it is repeated
ROTATED = 6  # EXIF's value of a phone held upright
MAX_FILE_BYTES = MAX_PAYLOAD_BYTES * 3 // 4 - 100_000


@dataclass(frozen=True)
class Kind:
    """share: of all requests, in parts of a thousand. make: a request of the kind."""

    name: str
    share: int
    make: Callable[[random.Random], HttpRequest]


def photo(rng: random.Random, size: Size) -> Image.Image:
    """Part of the sample at another size, with a camera's noise."""
    sample = _sample()
    left, top = (rng.randrange(side // 3) for side in sample.size)
    box = (left, top, left + sample.width * 2 // 3, top + sample.height * 2 // 3)
    pixels = np.asarray(sample.resize(size, Image.Resampling.BILINEAR, box=box))
    repeats = (-(-size[1] // NOISE_PX), -(-size[0] // NOISE_PX), 1)
    noise = np.tile(_noise(), repeats)[: size[1], : size[0]]
    return Image.fromarray(np.maximum(pixels, noise) - noise)


@functools.cache
def _sample() -> Image.Image:
    with Image.open(SAMPLE) as sample:
        return sample.convert("RGB")


@functools.cache
def _noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 12, (NOISE_PX, NOISE_PX, 1)).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    return exif


def _with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(image.getchannel("G"))
    return image


def _grey_16(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image)[..., 1].astype(np.uint16) * 257)


def _twelve_bits(image: Image.Image) -> bytes:
    return make_tiff(np.asarray(image).astype(np.uint16) * 16, bits=16, compressed=True)


def _tiles(image: Image.Image) -> bytes:
    return make_tiff(np.asarray(image), tile=256, compressed=True)


def _planes(image: Image.Image) -> bytes:
    return make_tiff(np.asarray(image), planar=2, rows_per_strip=64)


ENCODERS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda image: encode(image, "JPEG", quality=88),
    "JPEG, progressive": lambda image: encode(image, "JPEG", progressive=True),
    "JPEG, rotated": lambda image: encode(image, "JPEG", exif=_rotated()),
    "JPEG, grey": lambda image: encode(image.convert("L"), "JPEG"),
    "JPEG, CMYK": lambda image: encode(image.convert("CMYK"), "JPEG"),
    "PNG": lambda image: encode(image, "PNG", compress_level=1),
    "PNG, alpha": lambda image: encode(_with_alpha(image), "PNG", compress_level=1),
    "PNG, palette": lambda image: encode(image.quantize(64), "PNG"),
    "PNG, 16 bits": lambda image: encode(_grey_16(image), "PNG", compress_level=1),
    "PNG, rotated": lambda image: encode(image, "PNG", compress_level=1, exif=_rotated()),
    "WebP": lambda image: encode(image, "WEBP", method=0),
    "WebP, alpha": lambda image: encode(_with_alpha(image), "WEBP", method=0),
    "WebP, lossless": lambda image: encode(image, "WEBP", lossless=True, method=0),
    "TIFF": lambda image: encode(image, "TIFF", compression="tiff_lzw"),
    "TIFF, 12 bits": _twelve_bits,
    "TIFF, tiles": _tiles,
    "TIFF, planes": _planes,
    "BMP": lambda image: encode(image.convert("P"), "BMP"),
}
REDUCIBLE = ("JPEG", "JPEG, progressive", "JPEG, rotated", "JPEG, grey")


def _picture(rng: random.Random, sizes: tuple[Size, ...], names: tuple[str, ...] = ()) -> bytes:
    """Raises ValueError for none that a request holds in some tries, which is a bug."""
    for _ in range(20):
        name = rng.choice(names or tuple(ENCODERS))
        image_bytes = ENCODERS[name](photo(rng, rng.choice(sizes)))
        if len(image_bytes) <= MAX_FILE_BYTES:
            return image_bytes
    raise ValueError(f"no picture of {sizes} px fits into a request")


def _raw(image_bytes: bytes, query: str = "", accept: str = "application/json") -> HttpRequest:
    headers = [("Content-Type", "application/octet-stream"), ("Accept", accept)]
    return HttpRequest("POST", f"/v1/detect{query}", headers, image_bytes)


def _large(rng: random.Random) -> HttpRequest:
    if rng.random() < 0.5:
        return _raw(_picture(rng, LARGE, REDUCIBLE))
    return _raw(_picture(rng, LARGE_EXACT))


def _annotated(rng: random.Random) -> HttpRequest:
    accept = rng.choice(("image/png", "image/jpeg"))
    return _raw(_picture(rng, SMALL + MIDDLE), accept=accept)


def _dialect(rng: random.Random) -> HttpRequest:
    text = base64.b64encode(_picture(rng, SMALL)).decode()
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    data_url = f"data:image/png;base64,{text}"
    return rng.choice(
        (
            _json("/v1/detect", {"image": text}),
            _json("/hf", {"inputs": text, "parameters": {"threshold": 0.4}}),
            _json("/+/api/predict/", {"data": [data_url]}),
            HttpRequest("POST", "/cells/3?confidence=40", form, text.encode()),
        )
    )


def _json(path: str, document: Any) -> HttpRequest:
    return HttpRequest(
        "POST", path, [("Content-Type", "application/json")], json.dumps(document).encode()
    )


def _form(rng: random.Random) -> HttpRequest:
    parts = [
        b'--XX\r\nContent-Disposition: form-data; name="image"; filename="%d"\r\n\r\n%b\r\n'
        % (number, _picture(rng, SMALL))
        for number in range(rng.choice((1, 1, 3)))
    ]
    headers = [("Content-Type", "multipart/form-data; boundary=XX")]
    return HttpRequest("POST", "/v1/detect", headers, b"".join(parts) + b"--XX--\r\n")


def _truncated(rng: random.Random) -> HttpRequest:
    image_bytes = _picture(rng, SMALL + MIDDLE)
    return _raw(image_bytes[: rng.randrange(len(image_bytes) // 2, len(image_bytes) - 20)])


def _too_large(rng: random.Random) -> HttpRequest:
    side = rng.randrange(9_000, 60_000)
    head = side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    chunks = ((b"IHDR", head), (b"IDAT", rng.randbytes(50_000)), (b"IEND", b""))
    return _raw(b"\x89PNG\r\n\x1a\n" + b"".join(make_png_chunk(*chunk) for chunk in chunks))


def _no_picture(rng: random.Random) -> HttpRequest:
    return _raw(rng.choice((b"", b"%PDF-1.7 ", b"<html>", rng.randbytes(9))) * rng.randrange(9_000))


def _odd(rng: random.Random) -> HttpRequest:
    body, media_type = make_body(DETECT, rng)
    return HttpRequest("POST", "/v1/detect", [("Content-Type", media_type)], body)


KINDS = (
    Kind("small", 250, lambda rng: _raw(_picture(rng, SMALL))),
    Kind("middle", 90, lambda rng: _raw(_picture(rng, MIDDLE))),
    Kind("large", 30, _large),
    Kind("annotated", 40, _annotated),
    Kind("tiles", 15, lambda rng: _raw(_picture(rng, MIDDLE), "?tiles=2x2")),
    Kind("HEIC", 10, lambda rng: _raw(seed_pictures()["heic"])),
    Kind("dialect", 80, _dialect),
    Kind("form", 40, _form),
    Kind("page", 45, lambda rng: HttpRequest("GET", rng.choice(("/", "/health", "/v1/model")))),
    Kind("damaged", 130, lambda rng: _raw(damaged_picture(rng))),
    Kind("truncated", 90, _truncated),
    Kind("too large", 40, _too_large),
    Kind("no picture", 60, _no_picture),
    Kind("odd", 80, _odd),
)
LARGEST = "large"  # the kind that the largest picture is of


def write_events(folder: Path, seed: int) -> dict[str, list[Path]]:
    """Events as files, by kind. The same seed gives the same."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, list[Path]] = {}
    for kind in KINDS:
        rng = random.Random(f"{kind.name} {seed}")
        paths[kind.name] = []
        for number in range(min(VARIANTS, kind.share)):
            event = json.dumps(to_http_api(kind.make(rng)))
            if len(event) > MAX_PAYLOAD_BYTES:
                continue
            path = folder / f"{kind.name}-{number}.json"
            path.write_text(event)
            paths[kind.name].append(path)
    return paths


def choose(count: int, seed: int) -> list[str]:
    """The kinds of `count` requests, in order."""
    names, shares = [kind.name for kind in KINDS], [kind.share for kind in KINDS]
    return random.Random(f"kinds {seed}").choices(names, shares, k=count)
