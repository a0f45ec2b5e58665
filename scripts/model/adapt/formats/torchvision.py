"""torchvision's detectors, NMS inside: vectors of boxes, labels and scores."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.detection_vectors import DetectionVectors

# What Mask R-CNN and Keypoint R-CNN have besides.
_IGNORED = {"masks", "keypoints", "keypoints_scores"}
_DOUBT = (
    "only the outputs speak for torchvision; its code takes pixels in 0..1 and stretches pictures "
    "to the input (others: --scale, --mean, --std, --fit)"
)


def _read_torchvision(vectors: DetectionVectors) -> FormatReading:
    is_certain = vectors.is_torchvision
    return FormatReading(
        format="torchvision",
        reasons=(
            f"{vectors.names} have a row a detection: NMS inside, torchvision style"
            + (", whose own preprocessing the graph has" if is_certain else ""),
        ),
        preprocessing=STRETCHED_UNIT,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        class_offset=1,
        is_class_offset_assumed=not is_certain,
        coco_gaps=True,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        ignored_outputs=tuple(
            output.name for output in vectors.model.outputs if output.lower_name in _IGNORED
        ),
        priority=1 if is_certain else -1,  # any vectors fit: only when no other format does
        doubts=() if is_certain else (_DOUBT,),
    )


TORCHVISION = Format(
    "torchvision",
    "boxes [N, 4], labels [N], scores [N], NMS inside, labels from 1",
    {DetectionVectors: _read_torchvision},
)
