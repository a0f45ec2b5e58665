"""What a golden case is: a tiny model of a format, and the boxes that its published code gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx

Object = tuple[int, float, tuple[float, float, float, float]]  # class id, score, xyxy in input px


class GoldenCase(NamedTuple):
    """objects: what the format's code detects, in px of the input. map_back: a box and the
    picture's width and height to the box in px of the picture, as that code does it."""

    model: onnx.ModelProto
    objects: list[Object]
    map_back: Callable[[Object, int, int], np.ndarray]
