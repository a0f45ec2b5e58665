"""Exports that end in TensorRT's EfficientNMS: vectors of detections and their count."""

from __future__ import annotations

from scripts.model.adapt.formats import ultralytics
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.detection_vectors import DetectionVectors


def _read_efficientnms(vectors: DetectionVectors) -> FormatReading:
    names = f"{vectors.boxes.name}, {vectors.scores.name}, {vectors.labels.name}"
    return FormatReading(
        format="efficientnms",
        reasons=(f"{names} and a count: an exported NMS, labels from 0",),
        preprocessing=ultralytics.PREPROCESSING,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=vectors.count_output is not None,
    )


EFFICIENTNMS = Format(
    "efficientnms",
    "num_dets, det_boxes, det_scores, det_classes: NMS inside, labels from 0",
    {DetectionVectors: _read_efficientnms},
)
