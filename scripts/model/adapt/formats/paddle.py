"""PaddleDetection's exports, NMS inside: rows of label, score and box."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    BLACK,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts import DetectionRows

PREPROCESSING = Preprocessing(
    "rgb", 1, IMAGENET_MEAN, IMAGENET_STD, "stretch", BLACK, "opencv-linear"
)


def _read_paddle(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 6:
        return None
    return FormatReading(
        format="paddle",
        reasons=(
            f"{rows.summary} and inputs {rows.model.fixed_inputs_text}: "
            "PaddleDetection (label, score, xyxy), NMS inside",
        ),
        preprocessing=PREPROCESSING,
        boxes=rows.slice(2, 4),
        coding="xyxy",
        scores=rows.slice(1),
        labels=rows.slice(0),
        count_output=rows.count_output,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=bool(rows.model.fixed_input_names & {"scale_factor", "im_shape"}),
        priority=2,
        notes=(
            "normalised as ImageNet (PicoDet, PP-YOLOE); PP-YOLOE+ wants --mean 0,0,0 --std 1,1,1",
        ),
    )


PADDLE = Format(
    "paddle",
    "PaddleDetection: [N, 6] label, score, xyxy and a count; im_shape, scale_factor",
    {DetectionRows: _read_paddle},
)
