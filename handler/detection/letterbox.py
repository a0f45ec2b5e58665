"""Letterbox a picture into the model's input, and map boxes back to the picture.

The manifest names one of three rules to resize:

- `antialias` is Pillow's bilinear filter, whose support grows with the reduction, for models
  trained on pictures that this very code resized;
- `opencv-linear` is bit for bit what IceVision 0.12 does at inference (albumentations'
  LongestMaxSize: cv2.resize with INTER_LINEAR on uint8);
- `opencv-area` is bit for bit cv2.resize with INTER_AREA, which some pipelines shrink with.

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

Rule = Literal["antialias", "opencv-linear", "opencv-area"]
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
        from handler.detection import opencv_resize  # of these rules alone

        rgb = pixels if isinstance(pixels, np.ndarray) else to_rgb_array(pixels)
        resize = opencv_resize.opencv_area if rule == "opencv-area" else opencv_resize.opencv_linear
        resized = resize(rgb, *size)
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
