"""Heads before decoding whose rows are prior boxes: offsets beside class scores, for all levels.

Decoded boxes have the same shapes. They are told from offsets by their values: boxes have ordered
corners or sizes above 0, are in 0..1 or in px, and lie where their priors do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.reading import OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

LANDMARK_COLUMNS = 10  # x and y of five points of a face
_MAX_OFFSET = 10.0  # a box of e² times the prior's size, or ten variances beside it
_MIN_PRIORS = 40  # fewer rows are queries, or detections after NMS


@dataclass(frozen=True, eq=False)
class PriorOutputs:
    """Offsets [1, A, 4] and scores [1, A, C], or [1, 4, A] and [1, C, A], and landmarks.

    probable: scores in 0..1. sums: the lowest and the highest of a row of them.
    """

    model: ObservedModel
    layout: Literal["rows", "columns"]
    row_count: int
    offsets: ObservedOutput
    scores: ObservedOutput
    landmarks: ObservedOutput | None
    score_columns: int
    probable: bool
    sums: tuple[float, float]

    @property
    def softmaxed(self) -> bool:
        """Whether each row of scores adds up to 1."""
        return self.probable and 0.99 <= self.sums[0] <= self.sums[1] <= 1.01

    @property
    def softmaxed_in_steps(self) -> bool:
        """The same, where int8 may have made small scores 0."""
        return self.probable and 0.8 <= self.sums[0] <= self.sums[1] <= 1.05

    @property
    def offsets_slice(self) -> OutputSlice:
        return OutputSlice((self.offsets.name,), 4, self.layout)

    @property
    def scores_slice(self) -> OutputSlice:
        return OutputSlice((self.scores.name,), self.score_columns, self.layout)

    @property
    def input_size(self) -> tuple[int, int]:
        image = self.model.foreign.image
        return image.width, image.height

    @property
    def summary(self) -> str:
        outputs = f"{self.offsets.name} {list(self.offsets.shape)}"
        scores = f"{self.scores.name} {list(self.scores.shape)}"
        kind = "rows that add up to 1" if self.softmaxed_in_steps else "in 0..1"
        return f"{outputs} and {scores}, {kind if self.probable else 'logits'}"

    def are_offsets_to(self, priors: NDArray[np.float32]) -> bool:
        """Whether there is an offset for each prior box, [A, 4] cxcywh, and not a decoded box."""
        return len(priors) == self.row_count and not follows_priors(
            _tables(self.offsets, 4, self.layout), priors
        )


def find_prior_outputs(model: ObservedModel) -> PriorOutputs | None:
    """The outputs, where there are no others, and no boxes among them."""
    layouts: tuple[Literal["rows", "columns"], ...] = ("rows", "columns")
    shapes = [output.table_shape for output in model.outputs]
    if len(shapes) not in (2, 3) or any(o.is_integer for o in model.outputs):
        return None
    for layout in layouts:
        tables = {
            output.name: (shape if layout == "rows" else shape[::-1])
            for output, shape in zip(model.outputs, shapes, strict=True)
            if shape is not None
        }
        row_counts = {rows for rows, _ in tables.values()}
        row_count = max(row_counts, default=0)
        if len(tables) < len(shapes) or len(row_counts) > 1 or row_count < _MIN_PRIORS:
            continue
        columns = {output.name: tables[output.name][1] for output in model.outputs}
        parts = _name_parts(model.outputs, columns, layout)
        if parts is None:
            continue
        offsets, scores, landmarks = parts
        if _looks_like_boxes(_tables(offsets, 4, layout)):
            return None
        width = columns[scores.name]
        probable = scores.is_within_unit_range()
        sums = _tables(scores, width, layout).sum(2)
        return PriorOutputs(
            model,
            layout,
            row_count,
            offsets,
            scores,
            landmarks,
            width,
            probable,
            (float(sums.min()), float(sums.max())),
        )
    return None


def follows_priors(tables: NDArray[np.float64], priors: NDArray[np.float32]) -> bool:
    """Whether boxes [pictures, A, 4 or more], as xyxy or cxcywh, lie where their priors do, so that
    they are no offsets.

    priors: cxcywh [A, 4].
    """
    places = (tables[..., :2], (tables[..., :2] + tables[..., 2:4]) / 2)
    for order in ([0, 1], [1, 0]):
        centres = priors[:, order].astype(np.float64)
        expected = np.broadcast_to(centres, (len(tables), *centres.shape))
        for place in places:
            if all(_correlation(place[..., axis], expected[..., axis]) > 0.8 for axis in (0, 1)):
                return True
    return False


def _correlation(values: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    values, expected = values.ravel() - values.mean(), expected.ravel() - expected.mean()
    scale = float(np.sqrt((values**2).sum() * (expected**2).sum()))
    return float((values * expected).sum()) / scale if scale > 0 else 0.0


def _looks_like_boxes(tables: NDArray[np.float64]) -> bool:
    """Whether nearly all rows [..., 4] are xyxy with ordered corners, or have sizes above 0 and
    centres in the picture, as cxcywh has, and reach as far as boxes in 0..1 or in px do."""
    first, second = tables[..., :2], tables[..., 2:]
    if not np.isfinite(tables).all():
        return False
    ordered = float(np.mean((first < second).all(-1)))
    centred = float(np.mean(((first >= 0) & (second > 0)).all(-1)))
    normalised = float(np.mean((tables > -0.5) & (tables < 1.5))) > 0.95
    in_px = float(np.quantile(np.abs(tables), 0.9)) > _MAX_OFFSET
    return (ordered > 0.95 or centred > 0.98) and (normalised or in_px)


def _looks_like_scores(tables: NDArray[np.float64]) -> bool:
    """Whether all values are in 0..1, or background, in column 0, is the highest nearly always."""
    probable = bool(((tables >= -1e-3) & (tables <= 1 + 1e-3)).all())
    return probable or float(np.mean(tables.argmax(2) == 0)) > 0.8


def _name_parts(
    outputs: tuple[ObservedOutput, ...],
    columns: dict[str, int],
    layout: Literal["rows", "columns"],
) -> tuple[ObservedOutput, ObservedOutput, ObservedOutput | None] | None:
    """Offsets, scores and landmarks, by their columns; None where they are not clear."""
    four = [output for output in outputs if columns[output.name] == 4]
    landmarks = None
    if len(outputs) == 3:
        of_landmarks = [o for o in outputs if columns[o.name] == LANDMARK_COLUMNS]
        if len(of_landmarks) != 1:
            return None
        landmarks = of_landmarks[0]
    if len(four) == 2:  # three classes and background
        four = [output for output in four if not _looks_like_scores(_tables(output, 4, layout))]
    if len(four) != 1:
        return None
    (scores,) = (output for output in outputs if output not in (four[0], landmarks))
    return four[0], scores, landmarks


def _tables(
    output: ObservedOutput, width: int, layout: Literal["rows", "columns"]
) -> NDArray[np.float64]:
    """[pictures, A, width]."""
    tables = [np.asarray(array, np.float64) for array in output.samples]
    if layout == "rows":
        return np.stack([table.reshape(-1, width) for table in tables])
    return np.stack([table.reshape(width, -1).T for table in tables])
