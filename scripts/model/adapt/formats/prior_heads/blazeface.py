"""BlazeFace (MediaPipe): boxes and six points in px from anchors' centres, beside score logits.

Bazarevsky et al., BlazeFace, 2019; the constants are of mediapipe/modules/face_detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.prior_heads.prior_grid import PriorLevel, prior_boxes
from scripts.model.adapt.preprocessing import BLACK, Preprocessing
from scripts.model.adapt.reading import FormatReading, OutputSlice, Priors
from scripts.model.adapt.recognition.layouts.prior_outputs import follows_priors
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

PREPROCESSING = Preprocessing(
    "rgb", 255, (127.5,) * 3, (127.5,) * 3, "centre", BLACK, "opencv-linear"
)
_COLUMNS = 16  # x, y, width, height, and x and y of six points
_MIN_ANCHORS = 100


class _Variant(NamedTuple):
    """anchors: of each stride, how many a cell has."""

    name: str
    anchors: tuple[tuple[int, int], ...]
    score_threshold: float


# By the side of the square input.
_VARIANTS = {
    128: _Variant("short range (front)", ((8, 2), (16, 6)), 0.5),
    256: _Variant("back", ((16, 2), (32, 6)), 0.5),
    192: _Variant("full range", ((4, 1),), 0.6),
}


@dataclass(frozen=True, eq=False)
class BlazeOutputs:
    """Boxes with points [1, A, 16], and scores [1, A, 1], in one output each or in two."""

    model: ObservedModel
    boxes: tuple[ObservedOutput, ...]
    scores: tuple[ObservedOutput, ...]
    row_count: int

    @property
    def summary(self) -> str:
        return ", ".join(f"{output.name} {list(output.shape)}" for output in self.outputs)

    @property
    def outputs(self) -> tuple[ObservedOutput, ...]:
        return self.boxes + self.scores


def find_blaze_outputs(model: ObservedModel) -> BlazeOutputs | None:
    """Where there are no other outputs; the levels in order of their rows, the finest first."""
    tables = [(output, output.table_shape) for output in model.outputs]
    boxes = [(o, shape[0]) for o, shape in tables if shape and shape[1] == _COLUMNS]
    scores = [(o, shape[0]) for o, shape in tables if shape and shape[1] == 1]
    if len(boxes) + len(scores) != len(tables) or len(boxes) not in (1, 2):
        return None
    boxes.sort(key=lambda item: -item[1])
    scores.sort(key=lambda item: -item[1])
    row_count = sum(rows for _, rows in boxes)
    if [rows for _, rows in boxes] != [rows for _, rows in scores] or row_count < _MIN_ANCHORS:
        return None
    return BlazeOutputs(model, tuple(o for o, _ in boxes), tuple(o for o, _ in scores), row_count)


def _anchor_points(side: int, variant: _Variant) -> NDArray[np.float32]:
    """SsdAnchorsCalculator with a fixed size of anchors: middles of cells, as priors of 1 px."""
    levels = [
        PriorLevel(side // stride, side // stride, (stride, stride), ((1, 1),) * count)
        for stride, count in variant.anchors
    ]
    return prior_boxes(levels)


def _read_blazeface(outputs: BlazeOutputs) -> FormatReading | None:
    image = outputs.model.foreign.image
    variant = _VARIANTS.get(image.width) if image.width == image.height else None
    if variant is None:
        return None
    anchors = _anchor_points(image.width, variant)
    if len(anchors) != outputs.row_count:
        return None
    cells = [count * (image.width // stride) ** 2 for stride, count in variant.anchors]
    if len(outputs.scores) > 1 and [o.samples[0].size for o in outputs.scores] != cells:
        return None
    pictures = [
        np.concatenate([np.asarray(array, np.float64).reshape(-1, _COLUMNS) for array in arrays])
        for arrays in zip(*(output.samples for output in outputs.boxes), strict=True)
    ]
    if follows_priors(np.stack(pictures), anchors):
        return None
    probable = all(output.is_within_unit_range() for output in outputs.scores)
    return FormatReading(
        format="blazeface",
        reasons=(
            f"{outputs.summary}: boxes in px from the {len(anchors)} anchors of BlazeFace's "
            f"{variant.name} model at {image.width} px, and six points",
        ),
        preprocessing=PREPROCESSING,
        boxes=OutputSlice(tuple(o.name for o in outputs.boxes), _COLUMNS, first=0, last=4),
        coding="prior-offsets",
        priors=Priors(anchors, variances=(1.0, 1.0), sizes="linear"),
        scores=OutputSlice(tuple(o.name for o in outputs.scores), 1),
        activation="none" if probable else "sigmoid",
        score_threshold=variant.score_threshold,
        iou_threshold=0.3,
        priority=2,
        notes=(
            "the six points are left out",
            "MediaPipe takes the mean of overlapping boxes; here the best of them is kept",
        ),
    )


BLAZEFACE = Format(
    "blazeface",
    "MediaPipe's faces: [1, 896, 16] and [1, 896, 1] (128 or 256 px), 2304 rows at 192 px",
    {BlazeOutputs: _read_blazeface},
)
