"""DAMO-YOLO (Alibaba): class scores and distributions over bins of each stride, or boxes beside
scores."""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import BLACK, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs
from scripts.model.adapt.recognition.layouts.shared import BoxesAndScores

PREPROCESSING = Preprocessing("rgb", 255, ZERO_MEAN, UNIT_STD, "stretch", BLACK, "opencv-linear")
_SCORE_THRESHOLD, _IOU_THRESHOLD = 0.6, 0.7  # of tools/demo.py, and of its configurations
_BINS_WITH_SPARE_COLUMN = 17
_BINS_OF_NANO = 8


def _read_heads(outputs: LevelOutputs) -> FormatReading | None:
    """DAMO-YOLO's damo/base_models/heads/zero_head.py with export_with_post=False: maps of sigmoid
    scores, then of bins; a cell's place is its corner. Tiny and Small have a spare last column of
    scores, which counts for nothing; the others have none."""
    for bin_count in (_BINS_WITH_SPARE_COLUMN, _BINS_OF_NANO):
        pair = outputs.find_scores_and_bins(bin_count)
        if pair is not None:
            break
    else:
        return None
    scores, bins = pair
    if outputs.strides != (8, 16, 32) or outputs.form == "rows" or not scores.is_probable():
        return None
    has_spare = bin_count == _BINS_WITH_SPARE_COLUMN and scores.columns > 1
    note = (
        f"the last of {scores.columns} columns of scores is spare, as in DAMO-YOLO-T and -S; with "
        f"{scores.columns} names, or --background none, it is a class"
    )
    return FormatReading(
        format="damo-yolo",
        reasons=(
            f"{outputs.summary}: scores in 0..1 and 4 × {bin_count} bins, all scores first: "
            "DAMO-YOLO before its own decoding",
        ),
        preprocessing=PREPROCESSING,
        boxes=bins.slice(),
        coding="distribution",
        scores=scores.slice(),
        background="last" if has_spare else "none",
        levels=outputs.levels,
        score_threshold=_SCORE_THRESHOLD,
        iou_threshold=_IOU_THRESHOLD,
        plausible=scores.position < bins.position and not outputs.are_level_by_level,
        priority=2,
        notes=(note,) if has_spare else (),
    )


def _read_decoded(pair: BoxesAndScores) -> FormatReading | None:
    """The usual export, tools/converter.py: xyxy in px and sigmoid scores of all cells."""
    if pair.normalised or not pair.probable or pair.coding != "xyxy":
        return None
    is_named = any("gfl_cls" in node.name for node in pair.model.foreign.model.graph.node)
    return FormatReading(
        format="damo-yolo",
        reasons=(f"{pair.summary}, by layers named gfl_cls: DAMO-YOLO",),
        preprocessing=PREPROCESSING,
        boxes=pair.boxes_slice,
        coding="xyxy",
        scores=pair.scores_slice,
        score_threshold=_SCORE_THRESHOLD,
        iou_threshold=_IOU_THRESHOLD,
        plausible=is_named,
        priority=2 if is_named else 0,
    )


DAMO_YOLO = Format(
    "damo-yolo",
    "maps of scores and 4 × 17 (or 8) bins of each stride, or boxes and scores; RGB 0..255",
    {LevelOutputs: _read_heads, BoxesAndScores: _read_decoded},
)
