"""A labelled picture in memory, which corruptions change, and its file: read and written again."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from handler.images.decode import decode
from handler.problems import Problem
from scripts.model.dataset import DatasetError, LabelledPicture

MAX_PIXELS = 400_000_000  # of a picture; those of a dataset need no protection from their sender


@dataclass(frozen=True)
class Encoding:
    """How a picture becomes a file again: as the original was, so that a corruption changes only
    what it means to change.

    format: of Pillow. quantization: a JPEG's tables. subsampling: 0 is 4:4:4, 1 4:2:2, 2 4:2:0.
    quality: instead of the tables.
    """

    format: str = "PNG"
    quantization: dict[int, list[int]] | None = None
    subsampling: int = 2
    quality: int | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """rgb: uint8 (h, w, 3), upright. boxes: float64 (N, 4), xyxy in px. labels: N class names."""

    rgb: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: tuple[str, ...]
    encoding: Encoding = Encoding()

    def with_pixels(self, values: NDArray[np.floating] | NDArray[np.uint8]) -> Scene:
        """The same labels on other pixels; numbers are rounded and clipped to 0..255."""
        if values.dtype != np.uint8:
            values = (np.clip(values, 0, 255) + 0.5).astype(np.uint8)
        return replace(self, rgb=np.ascontiguousarray(values))

    def select(self, mask: NDArray[np.bool_]) -> Scene:
        """Only some of the objects; the pixels stay."""
        labels = tuple(label for label, keep in zip(self.labels, mask, strict=True) if keep)
        return replace(self, boxes=self.boxes[mask], labels=labels)


def read_scene(picture: LabelledPicture) -> Scene:
    """Decode a labelled picture, as the handler does. Raises DatasetError."""
    try:
        image_bytes = picture.path.read_bytes()
        rgb = decode(image_bytes, max_pixels=MAX_PIXELS).rgb
    except (OSError, Problem) as error:
        reason = error.detail if isinstance(error, Problem) else error.strerror
        raise DatasetError(f"{picture.path}: {reason}; mend or remove it") from None
    rgb = np.asarray(rgb)
    return Scene(rgb, picture.boxes.copy(), picture.labels, _read_encoding(image_bytes))


def encode_scene(scene: Scene) -> bytes:
    """The scene as a file, in the original's format; formats that Pillow cannot write with all
    they had become PNG."""
    return encode(scene.rgb, scene.encoding)


def encode(rgb: NDArray[np.uint8], encoding: Encoding) -> bytes:
    """Pixels, uint8 (h, w, 3), as a file."""
    buffer = io.BytesIO()
    image = Image.fromarray(rgb)
    if encoding.format == "JPEG" and encoding.quality is not None:
        image.save(buffer, "JPEG", quality=encoding.quality, subsampling=encoding.subsampling)
    elif encoding.format == "JPEG" and encoding.quantization:
        image.save(buffer, "JPEG", qtables=encoding.quantization, subsampling=encoding.subsampling)
    elif encoding.format == "WEBP":
        image.save(buffer, "WEBP", quality=90 if encoding.quality is None else encoding.quality)
    else:
        image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read_encoding(image_bytes: bytes) -> Encoding:
    with Image.open(io.BytesIO(image_bytes)) as image:
        if isinstance(image, JpegImagePlugin.JpegImageFile) and image.quantization:
            tables = {key: list(table) for key, table in image.quantization.items()}
            subsampling = JpegImagePlugin.get_sampling(image)
            return Encoding("JPEG", tables, subsampling if subsampling in (0, 1, 2) else 2)
        return Encoding("WEBP" if image.format == "WEBP" else "PNG")
