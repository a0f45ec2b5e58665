"""The picture that all peers get."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.paths import ROOT, SAMPLE
from scripts.tool import ToolError

PHOTOS = ROOT.parent / "shared" / "data" / "microalgae" / "labeled"
SIDE_PX, QUALITY = 2794, 90  # of the photos that the model is made for


@dataclass(frozen=True)
class Picture:
    """A JPEG: its name, bytes and size in px."""

    name: str
    content: bytes
    width: int
    height: int


def load_picture(path: Path | None) -> Picture:
    """The JPEG at `path`; without one, a photo of 2,794 px where there is one, or else one made of
    the sample. Raises ToolError."""
    if path is None:
        path = next(iter(sorted(PHOTOS.glob("*.jpg"))), None)
        if path is None:
            return make_picture()
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if image.format != "JPEG":
                raise ToolError(f"{path} is a {image.format}; the peers are asked with a JPEG")
            return Picture(path.name, content, *image.size)
    except (OSError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolError(f"--picture {path}: {reason}; give a JPEG") from None


def make_picture() -> Picture:
    """The sample, enlarged to the size of the photos."""
    with Image.open(SAMPLE) as image:
        scale = SIDE_PX / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        enlarged = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    enlarged.save(buffer, "JPEG", quality=QUALITY)
    return Picture(f"{SAMPLE.name}, enlarged", buffer.getvalue(), *size)
