"""TensorFlow's Object Detection API and its EfficientDet: boxes as yxyx, labels from 1."""

from __future__ import annotations

import re

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_BYTES
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.detection_vectors import DetectionVectors
from scripts.model.adapt.recognition.layouts.shared import DetectionRows

# What a SavedModel of TensorFlow 2's API has besides: the same before NMS, in other words.
_IGNORED = r"^raw_detection_|detection_multiclass_scores|detection_anchor_indices"


def _read_tf_ssd(vectors: DetectionVectors) -> FormatReading:
    is_named = "detection_" in f"{vectors.boxes.lower_name} {vectors.scores.lower_name}"
    normalised = vectors.has_normalised_boxes
    is_alike = bool(normalised) and vectors.model.foreign.image.layout == "nhwc"
    return FormatReading(
        format="tf-ssd",
        reasons=(f"{vectors.names}: TensorFlow's object detection, yxyx in 0..1",),
        preprocessing=STRETCHED_BYTES,
        boxes=vectors.boxes_slice,
        coding="yxyx",
        units="normalised",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        class_offset=1,
        coco_gaps=True,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        ignored_outputs=tuple(
            output.name
            for output in vectors.model.outputs
            if re.search(_IGNORED, output.lower_name)
        ),
        # TensorRT's exporters name EfficientNMS's outputs alike, but its boxes are in px.
        plausible=(is_named and normalised is not False) or is_alike,
        priority=2 if is_named else int(vectors.count_output is not None),
    )


def _read_tf_efficientdet(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 7:
        return None
    return FormatReading(
        format="tf-efficientdet",
        reasons=(
            f"{rows.summary} of an NHWC picture: picture, yxyx, score, label: "
            "TensorFlow's EfficientDet, labels from 1",
        ),
        preprocessing=STRETCHED_BYTES,
        boxes=rows.boxes_slice,
        coding="yxyx",
        scores=rows.slice(5),
        labels=rows.slice(6),
        class_offset=1,
        coco_gaps=True,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=rows.output.holds_labels(0)
        and rows.output.holds_labels(6)
        and rows.model.foreign.image.layout == "nhwc",
        priority=2,
    )


TF_SSD = Format(
    "tf-ssd",
    "TensorFlow: detection_boxes yxyx 0..1, _scores, _classes from 1; NHWC 0..255",
    {DetectionVectors: _read_tf_ssd},
)
TF_EFFICIENTDET = Format(
    "tf-efficientdet",
    "TensorFlow: detections [1, N, 7]: picture, yxyx px, score, label from 1",
    {DetectionRows: _read_tf_efficientdet},
)
