"""Face detectors before decoding: offsets to square priors, beside scores of background and face.

RetinaFace and Face-Detector-1MB (biubug6) have five landmarks, UltraFace (Linzaer) and FaceBoxes
(zisianw) none. All have variances 0.1 and 0.2.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.prior_heads.prior_grid import PriorLevel, prior_boxes
from scripts.model.adapt.formats.prior_heads.softmaxed_offsets import read_softmaxed_offsets
from scripts.model.adapt.preprocessing import BLACK, UNIT_STD, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.prior_outputs import PriorOutputs

Size = tuple[int, int]
MakePriors = Callable[[Size], NDArray[np.float32]]

# detect.py runs on a picture of any size, less the mean and without padding; a fixed input is
# filled with the mean, so that the padding is 0 there.
_MINUS_MEAN = Preprocessing(
    "bgr", 255, (104.0, 117.0, 123.0), UNIT_STD, "yolox", (123, 117, 104), "opencv-linear"
)
_ULTRAFACE = Preprocessing(
    "rgb", 255, (127.0,) * 3, (128.0,) * 3, "stretch", BLACK, "opencv-linear"
)
_FITTED = (
    "its own code takes pictures of any size; here they are fitted into the input, top left "
    "(--fit, --fill)"
)

_STRIDES = (8, 16, 32, 64)
_RETINAFACE = ((16, 32), (64, 128), (256, 512))
_FACE_DETECTOR_1MB = ((10, 20), (32, 64), (128, 256))  # its mobilenet0.25
_SLIM = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))  # its slim and RFB, and UltraFace
# FaceBoxes: how many priors of a side stand beside each other in a cell of 32 px, along an axis.
_DENSE_SIDES = {32: 4, 64: 2, 128: 1}


def _squares(size: Size, sides: tuple[tuple[int, ...], ...]) -> NDArray[np.float32]:
    """PriorBox of Pytorch_Retinaface: cells of a stride, however the input is divided."""
    levels = [
        PriorLevel(
            *_cell_counts(size, stride), (stride, stride), tuple((side, side) for side in of_level)
        )
        for stride, of_level in zip(_STRIDES, sides, strict=False)
    ]
    return prior_boxes(levels)


def _ultraface(size: Size) -> NDArray[np.float32]:
    """generate_priors of UltraFace: the input is divided evenly, and sizes end at its own."""
    levels = []
    for stride, sides in zip(_STRIDES, _SLIM, strict=True):
        columns, rows = _cell_counts(size, stride)
        step = (size[0] / columns, size[1] / rows)
        levels.append(PriorLevel(columns, rows, step, tuple((side, side) for side in sides)))
    return prior_boxes(levels, largest=size)


def _faceboxes(size: Size) -> NDArray[np.float32]:
    """PriorBox of FaceBoxes.PyTorch: small priors stand densely, from the cell's corner on."""
    sizes, places = [], []
    for side, count in _DENSE_SIDES.items():
        steps = [0.5] if count == 1 else [index / count for index in range(count)]
        places += [(x, y) for y in steps for x in steps]
        sizes += [(side, side)] * count**2
    return prior_boxes(
        [
            PriorLevel(*_cell_counts(size, 32), (32, 32), tuple(sizes), tuple(places)),
            PriorLevel(*_cell_counts(size, 64), (64, 64), ((256, 256),)),
            PriorLevel(*_cell_counts(size, 128), (128, 128), ((512, 512),)),
        ]
    )


def count_priors(size: Size) -> dict[str, int]:
    """How many priors each format has at an input's (width, height)."""
    return {
        "retinaface": len(_squares(size, _RETINAFACE)),
        "ultraface": len(_ultraface(size)),
        "faceboxes": len(_faceboxes(size)),
    }


def _cell_counts(size: Size, stride: int) -> tuple[int, int]:
    return math.ceil(size[0] / stride), math.ceil(size[1] / stride)


def _read_faces(
    outputs: PriorOutputs,
    format_name: str,
    make_priors: MakePriors,
    *,
    has_landmarks: bool,
    preprocessing: Preprocessing = _MINUS_MEAN,
    score_threshold: float = 0.6,
    iou_threshold: float = 0.4,
    priority: int = 2,
    notes: tuple[str, ...] = (_FITTED,),
    doubts: tuple[str, ...] = (),
) -> FormatReading | None:
    if outputs.score_columns != 2:
        return None
    return read_softmaxed_offsets(
        outputs,
        format_name,
        make_priors(outputs.input_size),
        preprocessing,
        has_landmarks=has_landmarks,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        priority=priority,
        notes=notes,
        doubts=doubts,
    )


def _read_retinaface(outputs: PriorOutputs) -> FormatReading | None:
    doubt = (
        "the priors are taken to be Pytorch_Retinaface's, of 16 to 512 px; the mobilenet0.25 of "
        "Face-Detector-1MB has as many of 10 to 256 px: --format face-detector-1mb"
    )
    return _read_faces(
        outputs,
        "retinaface",
        functools.partial(_squares, sides=_RETINAFACE),
        has_landmarks=True,
        doubts=(doubt,),
    )


def _read_face_detector_1mb(outputs: PriorOutputs) -> FormatReading | None:
    """The sizes of the priors are all that tells the mobilenet0.25 from RetinaFace."""
    for sides, priority in ((_SLIM, 2), (_FACE_DETECTOR_1MB, 1)):
        reading = _read_faces(
            outputs,
            "face-detector-1mb",
            functools.partial(_squares, sides=sides),
            has_landmarks=True,
            priority=priority,
        )
        if reading is not None:
            return reading
    return None


def _read_ultraface(outputs: PriorOutputs) -> FormatReading | None:
    return _read_faces(
        outputs,
        "ultraface",
        _ultraface,
        has_landmarks=False,
        preprocessing=_ULTRAFACE,
        iou_threshold=0.3,
        notes=(),
    )


def _read_faceboxes(outputs: PriorOutputs) -> FormatReading | None:
    return _read_faces(
        outputs,
        "faceboxes",
        _faceboxes,
        has_landmarks=False,
        score_threshold=0.5,
        iou_threshold=0.3,
    )


RETINAFACE = Format(
    "retinaface",
    "offsets [1, A, 4], background and face [1, A, 2], landmarks [1, A, 10]; BGR less the mean",
    {PriorOutputs: _read_retinaface},
)
FACE_DETECTOR_1MB = Format(
    "face-detector-1mb",
    "the same with smaller priors: slim, RFB and mobilenet0.25 of Face-Detector-1MB",
    {PriorOutputs: _read_face_detector_1mb},
)
ULTRAFACE = Format(
    "ultraface",
    "offsets [1, A, 4], background and face [1, A, 2]; RGB less 127 (decoded: ssd)",
    {PriorOutputs: _read_ultraface},
)
FACEBOXES = Format(
    "faceboxes",
    "the same with FaceBoxes' dense priors; BGR less the mean",
    {PriorOutputs: _read_faceboxes},
)
