"""NMS as TensorRT's plugins give it: vectors of detections, and mostly their count.

EfficientNMS has num_dets int32 [1, 1], det_boxes [1, N, 4], det_scores and det_classes int32 [1, N]
(NVIDIA's plugin/efficientNMSPlugin), BatchedNMS the same with classes in floats and -1 in padding
(plugin/batchedNMSPlugin). Other exports leave the count out, and give only what they found.
"""

from __future__ import annotations

from scripts.model.adapt.formats import ultralytics
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.detection_vectors import DetectionVectors

_DOUBT = (
    "the file does not say whose NMS this is; pixels and placing are taken as by YOLOv8's code, "
    "RGB 0..1 in the centre (others: --scale, --mean, --std, --fit; torchvision: --format "
    "torchvision)"
)


def _read_efficientnms(vectors: DetectionVectors) -> FormatReading:
    has_count = vectors.count_output is not None
    has_label_0 = 0 in vectors.real_labels
    is_others = not has_label_0 and (
        vectors.is_torchvision
        or vectors.has_torchvision_names
        or bool(vectors.has_normalised_boxes)  # the ONNX zoo's SSD
    )
    count = "and a count" if has_count else "without a count"
    return FormatReading(
        format="efficientnms",
        reasons=(f"{vectors.names} have a row a detection, {count}: an exported NMS",),
        preprocessing=ultralytics.PREPROCESSING,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        units="normalised" if vectors.has_normalised_boxes else "px",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        is_class_offset_assumed=not has_count,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=has_count or not is_others,
        priority=1 if has_count else 0,
        doubts=() if has_count else (_DOUBT,),
    )


EFFICIENTNMS = Format(
    "efficientnms",
    "num_dets, det_boxes, det_scores, det_classes (the count may be missing): NMS inside",
    {DetectionVectors: _read_efficientnms},
)
