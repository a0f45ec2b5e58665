"""An RGB picture in, the model's input and the map back to the picture's pixels out.

Two rules, named in the manifest. `opencv-linear` is bit for bit what IceVision 0.12 does at
inference (albumentations' LongestMaxSize: cv2.resize with INTER_LINEAR on uint8). `antialias` is
Pillow's bilinear filter, whose support grows with the reduction, for models trained on pictures
made by this very code.
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

    The arithmetic is albumentations' LongestMaxSize and PadIfNeeded: half-to-even rounding, the
    odd px of padding at the end.
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
    resized = resize(rgb, box.width, box.height)
    if (box.width, box.height) == (box.input_width, box.input_height):
        return resized
    model_input = np.empty((box.input_height, box.input_width, 3), np.uint8)
    model_input[:] = fill
    content(model_input, box)[:] = resized
    return model_input


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
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), bit for bit.

    rgb: uint8 (h, w, 3). OpenCV works in fixed point: 11-bit weights, the horizontal sum kept at
    >> 4, the vertical products at >> 16, their sum rounded at >> 2. (Where both sides are halved it
    silently averages areas instead, which comes to the same.)
    """
    source_height, source_width = rgb.shape[:2]
    if (source_height, source_width) == (height, width):
        return np.ascontiguousarray(rgb)
    (x0, x1), x_weights = _taps(source_width, width, whole_at_edges=True)
    (y0, y1), y_weights = _taps(source_height, height, whole_at_edges=False)
    lines = np.ascontiguousarray(rgb).reshape(source_height, -1)
    channels = np.arange(3)
    bytes0, bytes1 = ((x[:, np.newaxis] * 3 + channels).ravel() for x in (x0, x1))
    weights0, weights1 = np.repeat(x_weights, 3, axis=1)

    def across(rows: NDArray[np.intp]) -> NDArray[np.int32]:
        near = lines[rows]
        sums: NDArray[np.int32] = np.take(near, bytes0, axis=1) * weights0
        sums += np.take(near, bytes1, axis=1) * weights1
        sums >>= 4
        return sums

    resized = np.empty((height, width * 3), np.uint8)
    for top in range(0, height, 64):  # a band of rows stays in the CPU's cache: 4 times as fast
        band = slice(top, top + 64)
        upper, lower = across(y0[band]), across(y1[band])
        upper *= y_weights[0, band, np.newaxis]
        lower *= y_weights[1, band, np.newaxis]
        resized[band] = ((upper >> 16) + (lower >> 16) + 2) >> 2
    return resized.reshape(height, width, 3)


def _taps(
    source: int, target: int, *, whole_at_edges: bool
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Two source positions for each of `target` (2, target), and their weights out of 2,048.

    Beyond an edge both are the edge. Then OpenCV gives one of two columns the whole weight, but
    leaves it divided between two rows, which rounds differently.
    """
    scale = 1 / (target / source)  # as OpenCV has it: not always source / target to the last bit
    position = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.intp)
    fraction = position - first.astype(np.float32)
    if whole_at_edges:
        fraction[(first < 0) | (first >= source - 1)] = 0
    weights = np.rint(np.stack([1 - fraction, fraction]) * np.float32(2048)).astype(np.int32)
    return np.clip([first, first + 1], 0, source - 1), weights
