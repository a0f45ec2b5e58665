"""torchvision's detectors, NMS inside: vectors of boxes, labels and scores."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.detection_vectors import DetectionVectors


def _read_torchvision(vectors: DetectionVectors) -> FormatReading:
    names = f"{vectors.boxes.name}, {vectors.labels.name} and {vectors.scores.name}"
    return FormatReading(
        format="torchvision",
        reasons=(f"{names} have a row a detection: NMS inside, torchvision style, labels from 1",),
        preprocessing=STRETCHED_UNIT,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        class_offset=1,
        coco_gaps=True,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        ignored_outputs=tuple(  # of Mask R-CNN
            output.name for output in vectors.model.outputs if output.lower_name == "masks"
        ),
        priority=-1,  # any vectors fit: only when no other format does
    )


TORCHVISION = Format(
    "torchvision",
    "boxes [N, 4], labels [N], scores [N], NMS inside, labels from 1",
    {DetectionVectors: _read_torchvision},
)
