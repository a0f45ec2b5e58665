"""YuNet (OpenCV's zoo, from March 2023): faces, coded as YOLOX's boxes, with a class score and an
objectness for each cell."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import BLACK, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.level_outputs import LevelOutputs

PREPROCESSING = Preprocessing("bgr", 255, ZERO_MEAN, UNIT_STD, "mmdet", BLACK, "opencv-linear")
_LANDMARK_COLUMNS = 10


def _read_yunet(outputs: LevelOutputs) -> FormatReading | None:
    """OpenCV's objdetect/src/face_detect.cpp: the score is the root of class score × objectness,
    and so it does not matter which of the two comes first."""
    head = outputs.with_boxes_per_cell(1)
    parts = head.find_parts(1, 1, 4, _LANDMARK_COLUMNS) if head else None
    if head is None or parts is None or outputs.strides != (8, 16, 32):
        return None
    scores, objectness, boxes, landmarks = parts
    probable = scores.is_probable() and objectness.is_probable()
    return FormatReading(
        format="yunet",
        reasons=(
            f"{head.summary}: class score and objectness "
            f"{'in 0..1' if probable else 'as logits'}, boxes as offsets and logarithms, five "
            "landmarks: YuNet",
        ),
        preprocessing=PREPROCESSING,
        boxes=boxes.slice(),
        coding="grid",
        scores=scores.slice(),
        objectness=objectness.slice(),
        score_exponents=(0.5, 0.5),
        activation="none" if probable else "sigmoid",
        objectness_activation="none" if probable else "sigmoid",
        levels=head.levels,
        ignored_outputs=landmarks.names,
        score_threshold=0.9,
        iou_threshold=0.3,
        priority=1,
        notes=("landmarks are left out",),
    )


YUNET = Format(
    "yunet",
    "12 outputs: class score, objectness, box and landmarks of strides 8, 16, 32",
    {LevelOutputs: _read_yunet},
)
