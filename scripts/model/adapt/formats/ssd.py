"""SSDs: boxes beside scores whose first column is background; the ONNX zoo's, with NMS inside."""

from __future__ import annotations

from scripts.model.adapt.formats import paddle
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import BLACK, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.detection_vectors import DetectionVectors
from scripts.model.adapt.recognition.layouts.shared import BoxesAndScores
from scripts.model.plurals import counted

_DOUBT = (
    "an SSD's file does not say how pictures are normalised; here as for UltraFace, RGB "
    "(x - 127) / 128 (others: --order, --scale, --mean, --std)"
)
_NMS_DOUBT = (
    "the file does not say whose NMS this is; pixels and placing are taken as by the ONNX zoo's "
    "SSD, normalised as ImageNet and stretched (others: --scale, --mean, --std, --fit)"
)
_ULTRAFACE = Preprocessing(
    "rgb", 255, (127.0,) * 3, (128.0,) * 3, "stretch", BLACK, "opencv-linear"
)


def _read_ssd(pair: BoxesAndScores) -> FormatReading | None:
    columns = pair.scores_slice.width
    if columns < 2:
        return None
    score_kind = "rows that add up to 1" if pair.softmaxed else "logits"
    return FormatReading(
        format="ssd",
        reasons=(
            f"{pair.summary}, {score_kind}: SSD style, column 0 is background, "
            f"{counted(columns - 1, 'class')}",
        ),
        preprocessing=_ULTRAFACE,
        boxes=pair.boxes_slice,
        coding=pair.coding,
        units="normalised" if pair.normalised else "px",
        scores=pair.scores_slice,
        activation="none" if pair.probable else "softmax",
        background="first",
        score_threshold=0.5,
        iou_threshold=0.45,
        priority={True: 1, None: 0, False: -1}[pair.has_background],
        doubts=() if pair.softmaxed and pair.normalised and columns == 2 else (_DOUBT,),
    )


def _read_onnx_ssd(vectors: DetectionVectors) -> FormatReading:
    normalised, is_named = vectors.has_normalised_boxes, vectors.boxes.lower_name == "bboxes"
    return FormatReading(
        format="onnx-ssd",
        reasons=(f"{vectors.names}, boxes in 0..1: NMS inside, as in the ONNX zoo's SSD",),
        preprocessing=paddle.PREPROCESSING,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        units="normalised",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        class_offset=1,
        is_class_offset_assumed=True,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=(normalised or (normalised is None and is_named))
        and 0 not in vectors.real_labels,
        doubts=() if is_named else (_NMS_DOUBT,),
    )


SSD = Format(
    "ssd",
    "boxes xyxy 0..1 [1, A, 4] and scores [1, A, 1 + C] with background (UltraFace)",
    {BoxesAndScores: _read_ssd},
)
ONNX_SSD = Format(
    "onnx-ssd",
    "bboxes xyxy 0..1, labels from 1, scores (SSD-ResNet34)",
    {DetectionVectors: _read_onnx_ssd},
)
