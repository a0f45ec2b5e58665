"""PaddleDetection's exports: rows of label, score and box with NMS inside, or boxes and scores."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    BLACK,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import BoxesAndScores, DetectionRows

PREPROCESSING = Preprocessing(
    "rgb", 1, IMAGENET_MEAN, IMAGENET_STD, "stretch", BLACK, "opencv-linear"
)
_NORMALISATION_NOTE = (
    "normalised as ImageNet (PicoDet, PP-YOLOE); PP-YOLOE+ wants --mean 0,0,0 --std 1,1,1"
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
        notes=(_NORMALISATION_NOTE,),
    )


def _read_before_nms(pair: BoxesAndScores) -> FormatReading | None:
    """Exports with export.nms=False: boxes divided by scale_factor, which is 1 in the bundle."""
    if pair.normalised or pair.coding != "xyxy" or not pair.probable:
        return None
    return FormatReading(
        format="paddle",
        reasons=(
            f"{pair.summary}, and inputs {pair.model.fixed_inputs_text}: PaddleDetection without "
            "NMS",
        ),
        preprocessing=PREPROCESSING,
        boxes=pair.boxes_slice,
        coding="xyxy",
        scores=pair.scores_slice,
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible="scale_factor" in pair.model.fixed_input_names,
        priority=2,
        notes=(_NORMALISATION_NOTE,),
    )


PADDLE = Format(
    "paddle",
    "PaddleDetection: [N, 6] label, score, xyxy and a count; im_shape, scale_factor; or no NMS",
    {DetectionRows: _read_paddle, BoxesAndScores: _read_before_nms},
)
