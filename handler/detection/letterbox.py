"""An RGB picture in, the model's input and the map back to the picture's pixels out.

Two rules, named in the manifest. `opencv-linear` is bit for bit what IceVision 0.12 does at
inference (albumentations' LongestMaxSize: cv2.resize with INTER_LINEAR on uint8). `antialias` is
Pillow's bilinear filter, whose support grows with the reduction, for models trained on pictures
made by this very code.

Five ways to place a picture in the input, named in the manifest, too, for a fraction of a px in the
input is several in a large picture:

- `centre`: IceVision's (albumentations), and YOLOv8's and later (ultralytics 8.4): padding on both
  sides, mapped back by the factor of each axis;
- `yolov5`: YOLOv5's to v7's: the same pixels, mapped back by one factor and the padding before its
  rounding;
- `yolox`: top left, sizes cut off to whole px, mapped back by one factor;
- `mmdet`: top left, sizes rounded, mapped back by the factor of each axis;
- `stretch`: the whole input, whatever the aspect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Rule = Literal["antialias", "opencv-linear"]
Fit = Literal["centre", "yolov5", "yolox", "mmdet", "stretch"]
Rgb = NDArray[np.uint8]
Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Letterbox:
    """Where the picture lies in the input; all in px. Source is the upright original.

    `offset` (x, y) and `scale` (x, y) map back: x of the original = (x of the input - offset) /
    scale. They are the trained code's own, not always what left, top, width and height come to.
    """

    source_width: int
    source_height: int
    input_width: int
    input_height: int
    left: int
    top: int
    width: int
    height: int
    offset: tuple[float, float]
    scale: tuple[float, float]


def fit(
    source_width: int,
    source_height: int,
    input_width: int,
    input_height: int,
    how: Fit = "centre",
) -> Letterbox:
    """Fit a picture into the input (sizes in px, at least 1), `how` as above.

    The arithmetic is that of albumentations' LongestMaxSize and PadIfNeeded (half-to-even rounding,
    the odd px of padding at the end), of YOLOv5's letterbox and scale_boxes, of YOLOX's
    preproc, and of mmcv's imrescale.
    """
    source, whole = (source_width, source_height), (input_width, input_height)
    gain = min(input_width / source_width, input_height / source_height)
    if how == "stretch":
        size = whole
    else:
        wanted = (side * gain for side in source)
        if how == "yolox":
            rounded = [int(side) for side in wanted]
        elif how == "mmdet":
            rounded = [int(side + 0.5) for side in wanted]
        else:
            rounded = [round(side) for side in wanted]
        width, height = (min(most, max(1, side)) for side, most in zip(rounded, whole, strict=True))
        size = (width, height)
    spare = [most - side for most, side in zip(whole, size, strict=True)]
    left, top = (spare[0] // 2, spare[1] // 2) if how in ("centre", "yolov5") else (0, 0)
    offset, scale = (float(left), float(top)), (size[0] / source_width, size[1] / source_height)
    if how in ("yolov5", "yolox"):
        scale = (gain, gain)
    if how == "yolov5":
        offset = (
            (input_width - source_width * gain) / 2,
            (input_height - source_height * gain) / 2,
        )
    return Letterbox(*source, *whole, left, top, *size, offset, scale)


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
    return np.array(box.offset * 2, np.float64), np.array(box.scale * 2, np.float64)


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
