"""Letterbox a picture into the model's input, and map boxes back to the picture.

The manifest names one of two rules to resize. `opencv-linear` is bit for bit what IceVision 0.12
does at inference (albumentations' LongestMaxSize: cv2.resize with INTER_LINEAR on uint8).
`antialias` is Pillow's bilinear filter, whose support grows with the reduction, for models trained
on pictures that this very code resized.

It also names one of five ways to fit the picture into the input. They differ by a fraction of an
input px, which is several px in a large picture:

- `centre`: as IceVision (albumentations) and YOLOv8 and later (ultralytics 8.4): padding on both
  sides, mapped back by one factor per axis;
- `yolov5`: as YOLOv5 to v7: the same pixels, mapped back by one factor for both axes and the
  unrounded padding;
- `yolox`: top left, sizes truncated to whole px, mapped back by one factor for both axes;
- `mmdet`: top left, sizes rounded, mapped back by one factor per axis;
- `stretch`: the whole input, whatever the aspect ratio.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.images.picture import Pixels, as_image, to_rgb_array

Rule = Literal["antialias", "opencv-linear"]
Fit = Literal["centre", "yolov5", "yolox", "mmdet", "stretch"]
Rgb = NDArray[np.uint8]
Boxes = NDArray[np.float32]


class Letterbox(NamedTuple):
    """Where the picture lies in the input, in px. The source is the upright original.

    `offset` (x, y) and `scale` (x, y) map back: source x = (input x - offset x) / scale x. They are
    those of the framework that trained the model, which may differ from left, top, width, height.
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
    mode: Fit = "centre",
) -> Letterbox:
    """Fit a picture into the input in one of the five ways above. Sizes in px, at least 1.

    The arithmetic is that of albumentations' LongestMaxSize and PadIfNeeded (half-to-even rounding,
    the odd px of padding at the end), YOLOv5's letterbox and scale_boxes, YOLOX's preproc, and
    mmcv's imrescale.
    """
    source_size, input_size = (source_width, source_height), (input_width, input_height)
    gain = min(input_width / source_width, input_height / source_height)
    if mode == "stretch":
        size = input_size
    else:
        exact = (side * gain for side in source_size)
        if mode == "yolox":
            rounded = [int(side) for side in exact]
        elif mode == "mmdet":
            rounded = [int(side + 0.5) for side in exact]
        else:
            rounded = [round(side) for side in exact]
        width, height = (
            min(limit, max(1, side)) for side, limit in zip(rounded, input_size, strict=True)
        )
        size = (width, height)
    padding = (input_width - size[0], input_height - size[1])
    left, top = (padding[0] // 2, padding[1] // 2) if mode in ("centre", "yolov5") else (0, 0)
    offset, scale = (float(left), float(top)), (size[0] / source_width, size[1] / source_height)
    if mode in ("yolov5", "yolox"):
        scale = (gain, gain)
    if mode == "yolov5":
        offset = (
            (input_width - source_width * gain) / 2,
            (input_height - source_height * gain) / 2,
        )
    return Letterbox(*source_size, *input_size, left, top, *size, offset, scale)


def apply(
    pixels: Pixels,
    letterbox: Letterbox,
    *,
    rule: Rule,
    fill: tuple[int, int, int],
    extent: tuple[float, float, float, float] | None = None,
) -> Rgb:
    """Resize and pad a picture to the model's input, uint8 (input_height, input_width, 3).

    pixels: an image of mode RGB or L, or uint8 (h, w, 3): the upright picture at any scale. extent:
    where the picture lies in them, as `Picture.extent` says of a reduced JPEG, which only
    `antialias` takes; None for all of them.
    """
    size = (letterbox.width, letterbox.height)
    if rule == "antialias":
        resized = _antialias(pixels, *size, extent)
    else:
        rgb = pixels if isinstance(pixels, np.ndarray) else to_rgb_array(pixels)
        resized = opencv_linear(rgb, *size)
    input_width, input_height = letterbox.input_width, letterbox.input_height
    if (letterbox.width, letterbox.height) == (input_width, input_height):
        return resized
    model_input = np.empty((input_height, input_width, 3), np.uint8)
    model_input[:] = fill
    content(model_input, letterbox)[:] = resized
    return model_input


def content(model_input: Rgb, letterbox: Letterbox) -> Rgb:
    """The input without its padding, a view uint8 (height, width, 3)."""
    left, top = letterbox.left, letterbox.top
    return model_input[top : top + letterbox.height, left : left + letterbox.width]


def to_original(boxes: Boxes, letterbox: Letterbox) -> Boxes:
    """Map boxes, float32 (N, 4) xyxy, from input px to px of the original, clipped to it."""
    offset, scale = _offset_and_scale(letterbox)
    limit = np.array([letterbox.source_width, letterbox.source_height] * 2, np.float64)
    return np.clip((boxes - offset) / scale, 0, limit).astype(np.float32)


def to_input(boxes: Boxes, letterbox: Letterbox) -> Boxes:
    """Map boxes, float32 (N, 4) xyxy, from px of the original to input px."""
    offset, scale = _offset_and_scale(letterbox)
    return (boxes * scale + offset).astype(np.float32)


def _offset_and_scale(letterbox: Letterbox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Float64 (4,) each, for boxes xyxy."""
    return np.array(letterbox.offset * 2, np.float64), np.array(letterbox.scale * 2, np.float64)


def _antialias(
    pixels: Pixels, width: int, height: int, extent: tuple[float, float, float, float] | None
) -> Rgb:
    if isinstance(pixels, np.ndarray) and pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    image = as_image(pixels)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=extent)
    return to_rgb_array(image)


def opencv_linear(rgb: Rgb, width: int, height: int) -> Rgb:
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), bit for bit.

    rgb: uint8 (h, w, 3). OpenCV works in fixed point: 11-bit weights, the horizontal sum kept at
    >> 4, the vertical products at >> 16, their sum rounded at >> 2. (If both sides are halved it
    averages areas instead, with the same result.)
    """
    source_height, source_width = rgb.shape[:2]
    if (source_height, source_width) == (height, width):
        return np.ascontiguousarray(rgb)
    (x0, x1), x_weights = _taps(source_width, width, one_tap_at_edges=True)
    (y0, y1), y_weights = _taps(source_height, height, one_tap_at_edges=False)
    lines = np.ascontiguousarray(rgb).reshape(source_height, -1)
    channels = np.arange(3)
    bytes0, bytes1 = ((x[:, np.newaxis] * 3 + channels).ravel() for x in (x0, x1))
    weights0, weights1 = np.repeat(x_weights, 3, axis=1)

    def resize_rows(rows: NDArray[np.intp]) -> NDArray[np.int32]:
        source_rows = lines[rows]
        sums: NDArray[np.int32] = np.take(source_rows, bytes0, axis=1) * weights0
        sums += np.take(source_rows, bytes1, axis=1) * weights1
        sums >>= 4
        return sums

    resized = np.empty((height, width * 3), np.uint8)
    for top in range(0, height, 64):  # a band of rows fits into the CPU's cache: 4 times as fast
        band = slice(top, top + 64)
        upper, lower = resize_rows(y0[band]), resize_rows(y1[band])
        upper *= y_weights[0, band, np.newaxis]
        lower *= y_weights[1, band, np.newaxis]
        resized[band] = ((upper >> 16) + (lower >> 16) + 2) >> 2
    return resized.reshape(height, width, 3)


def _taps(
    source: int, target: int, *, one_tap_at_edges: bool
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Two source positions per target position, (2, target), and their weights out of 2,048.

    Beyond an edge both positions are the edge. OpenCV then gives one of two columns all the weight,
    but divides it between two rows, which rounds differently.
    """
    scale = 1 / (target / source)  # OpenCV's: not always source / target to the last bit
    position = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.intp)
    fraction = position - first.astype(np.float32)
    if one_tap_at_edges:
        fraction[(first < 0) | (first >= source - 1)] = 0
    weights = np.rint(np.stack([1 - fraction, fraction]) * np.float32(2048)).astype(np.int32)
    return np.clip([first, first + 1], 0, source - 1), weights
