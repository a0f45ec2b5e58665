"""The pictures that are measured: a camera's small one, the sample, a microscope's, a phone's 12
megapixels, a PNG and a HEIC."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.paths import ROOT
from scripts.tool import ToolError

SAMPLE = ROOT / "events" / "sample.jpg"
HEIC = ROOT / "scripts" / "bench" / "fuzz" / "inputs" / "seed.heic"
MICROSCOPE = (2794, 2793)  # px of the photos that the default model was made for


@dataclass(frozen=True)
class MeasuredPicture:
    name: str
    image_bytes: bytes


def make_pictures(path: Path | None) -> list[MeasuredPicture]:
    """All pictures, the one that the last line is about first.

    path: a photo to measure in place of the sample enlarged to a microscope's size. Raises
    ToolError where it cannot be read.
    """
    with Image.open(SAMPLE) as file:
        sample = file.copy()
    if path is None:
        large = MeasuredPicture(f"{MICROSCOPE[0]:,} px JPEG", _jpeg(sample, MICROSCOPE))
    else:
        large = _read(path)
    return [
        large,
        MeasuredPicture("1,400 px JPEG", SAMPLE.read_bytes()),
        MeasuredPicture("640 x 480 JPEG", _jpeg(sample, (640, 480))),
        MeasuredPicture("12 MP JPEG", _jpeg(sample, (4000, 3000))),
        MeasuredPicture("1,400 px PNG", _png(sample)),
        MeasuredPicture("64 x 48 HEIC", HEIC.read_bytes()),
    ]


def _read(path: Path) -> MeasuredPicture:
    try:
        image_bytes = path.read_bytes()
        with Image.open(io.BytesIO(image_bytes)) as image:
            name = f"{image.width:,} px {image.format}"
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error})") from error
    return MeasuredPicture(name, image_bytes)


def _jpeg(image: Image.Image, size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
