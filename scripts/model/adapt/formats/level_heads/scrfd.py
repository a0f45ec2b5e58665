"""SCRFD (InsightFace): faces, with a score, distances and five landmarks for each anchor."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import BLACK, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs

PREPROCESSING = Preprocessing(
    "rgb", 255, (127.5,) * 3, (128.0,) * 3, "yolox", BLACK, "opencv-linear"
)
_LANDMARK_COLUMNS = 10
# Of InsightFace's two head layouts: anchors of a cell by the strides.
_ANCHORS = {(8, 16, 32): 2, (8, 16, 32, 64, 128): 1}


def _read_scrfd(outputs: LevelOutputs) -> FormatReading | None:
    """InsightFace's detection/scrfd/tools/scrfd.py: sides lie at distance · stride from a cell's
    corner; both anchors of a cell have its place."""
    anchors = _ANCHORS.get(outputs.strides)
    head = outputs.with_boxes_per_cell(anchors) if anchors else None
    if anchors is None or head is None:
        return None
    with_landmarks = head.find_parts(1, 4, _LANDMARK_COLUMNS)
    parts = with_landmarks or head.find_parts(1, 4)
    if parts is None:
        return None
    scores, distances = parts[:2]
    probable = scores.is_probable()
    return FormatReading(
        format="scrfd",
        reasons=(
            f"{head.summary}: scores {'in 0..1' if probable else 'as logits'}, distances in "
            f"strides{', five landmarks' if with_landmarks else ''}: SCRFD",
        ),
        preprocessing=PREPROCESSING,
        boxes=distances.slice(),
        coding="distances",
        scores=scores.slice(),
        activation="none" if probable else "sigmoid",
        levels=head.levels,
        boxes_per_cell=anchors,
        ignored_outputs=with_landmarks[2].names if with_landmarks else (),
        score_threshold=0.5,
        iou_threshold=0.4,
        priority=1,
        notes=("landmarks are left out",) if with_landmarks else (),
    )


SCRFD = Format(
    "scrfd",
    "6, 9, 10 or 15 outputs: face scores, distances and landmarks of each stride",
    {LevelOutputs: _read_scrfd},
)
