"""An RGB picture in, the model's input and the map back to the picture's pixels out.

Two rules, named in the manifest. `opencv-linear` is bit for bit what IceVision 0.12 does at inference (albumentations'
LongestMaxSize, that is cv2.resize with INTER_LINEAR on uint8). `antialias` is Pillow's bilinear filter over the whole
support, for models trained on pictures made by this very code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Rule = Literal["antialias", "opencv-linear"]
Rgb = NDArray[np.uint8]
Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Letterbox:
    """Where the picture lies in the input; all in px. Source is the upright original."""

    source_width: int
    source_height: int
    input_width: int
    input_height: int
    left: int
    top: int
    width: int
    height: int


def fit(source_width: int, source_height: int, input_width: int, input_height: int) -> Letterbox:
    """Fit a picture into the input, centred, at its own aspect (sizes in px, at least 1).

    The arithmetic is albumentations' LongestMaxSize and PadIfNeeded: half-to-even rounding, the odd px at the end.
    """
    scale = min(input_width / source_width, input_height / source_height)
    width = min(input_width, max(1, round(source_width * scale)))
    height = min(input_height, max(1, round(source_height * scale)))
    left, top = int((input_width - width) / 2), int((input_height - height) / 2)
    return Letterbox(
        source_width, source_height, input_width, input_height, left, top, width, height
    )


def apply(rgb: Rgb, box: Letterbox, *, rule: Rule, fill: tuple[int, int, int]) -> Rgb:
    """The model's input, uint8 (input_height, input_width, 3).

    rgb: uint8 (h, w, 3), the upright picture at any scale (a JPEG may come already reduced).
    """
    resize = _antialias if rule == "antialias" else opencv_linear
    content = resize(rgb, box.width, box.height)
    if (box.width, box.height) == (box.input_width, box.input_height):
        return content
    whole = np.empty((box.input_height, box.input_width, 3), np.uint8)
    whole[:] = fill
    whole[box.top : box.top + box.height, box.left : box.left + box.width] = content
    return whole


def content(model_input: Rgb, box: Letterbox) -> Rgb:
    """The input without its padding, a view uint8 (height, width, 3)."""
    return model_input[box.top : box.top + box.height, box.left : box.left + box.width]


def to_original(boxes: Boxes, box: Letterbox) -> Boxes:
    """Boxes float32 (N, 4) xyxy from input px to px of the upright original, clipped to it."""
    offset, scale = _map(box)
    limit = np.array([box.source_width, box.source_height] * 2, np.float64)
    return np.clip((boxes - offset) / scale, 0, limit).astype(np.float32)


def to_input(boxes: Boxes, box: Letterbox) -> Boxes:
    """Boxes float32 (N, 4) xyxy from px of the upright original to input px."""
    offset, scale = _map(box)
    return (boxes * scale + offset).astype(np.float32)


def _map(box: Letterbox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    offset = np.array([box.left, box.top] * 2, np.float64)
    scale = np.array([box.width / box.source_width, box.height / box.source_height] * 2, np.float64)
    return offset, scale


def _antialias(rgb: Rgb, width: int, height: int) -> Rgb:
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))


def opencv_linear(rgb: Rgb, width: int, height: int) -> Rgb:
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR) for uint8 (h, w, 3), bit for bit.

    OpenCV works in fixed point: 11-bit weights, the horizontal pass kept at >> 4, the vertical sum at >> 16, rounded
    at >> 2; and an exact halving silently becomes an average of four.
    """
    source_height, source_width = rgb.shape[:2]
    if (source_height, source_width) == (height, width):
        return np.ascontiguousarray(rgb)
    if (source_height, source_width) == (2 * height, 2 * width):
        four = rgb.reshape(height, 2, width, 2, 3).astype(np.uint16)
        return ((four.sum(axis=(1, 3), dtype=np.uint16) + 2) >> 2).astype(np.uint8)
    x0, x1, x_weights = _taps(source_width, width)
    y0, y1, y_weights = _taps(source_height, height)
    rows, row_of = np.unique(
        np.concatenate([y0, y1]), return_inverse=True
    )  # rows that no output needs are skipped
    used = rgb[rows]
    across = used[:, x0].astype(np.int32) * x_weights[0][None, :, None]
    across += used[:, x1].astype(np.int32) * x_weights[1][None, :, None]
    across >>= 4
    upper = (across[row_of[:height]] * y_weights[0][:, None, None]) >> 16
    lower = (across[row_of[height:]] * y_weights[1][:, None, None]) >> 16
    return ((upper + lower + 2) >> 2).astype(np.uint8)


def _taps(
    source: int, target: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """For each of `target` positions: two source positions and their weights, int32 (2, target), out of 2,048."""
    scale = source / target
    position = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.int64)
    fraction = (position - first).astype(np.float32)
    fraction[(first < 0) | (first >= source - 1)] = 0
    first = np.clip(first, 0, source - 1)
    second = np.minimum(first + 1, source - 1)
    weights = np.stack([np.rint((np.float32(1) - fraction) * 2048), np.rint(fraction * 2048)])
    return first, second, weights.astype(np.int32)
