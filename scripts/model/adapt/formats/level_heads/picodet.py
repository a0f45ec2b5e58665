"""PicoDet (PaddleDetection) without its post-processing: class scores and distributions over bins
for each stride."""

from __future__ import annotations

from scripts.model.adapt.formats import paddle
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs

_STRIDES = (8, 16, 32, 64)
_BINS = 8  # of each of a box's four sides


def _read_picodet(outputs: LevelOutputs) -> FormatReading | None:
    """PaddleDetection's ppdet/modeling/heads/pico_head.py: the class scores of all strides come
    before the distributions, the quality is in them already; a cell's place is its middle."""
    pair = outputs.find_scores_and_bins(_BINS)
    if pair is None or outputs.strides != _STRIDES:
        return None
    scores, bins = pair
    probable = scores.is_probable()
    is_nanodet_like = outputs.are_level_by_level
    return FormatReading(
        format="picodet",
        reasons=(
            f"{outputs.summary}: scores {'in 0..1' if probable else 'as logits'} and 4 × {_BINS} "
            f"bins, {'stride by stride' if is_nanodet_like else 'all scores first'}: PicoDet",
        ),
        preprocessing=paddle.PREPROCESSING,
        boxes=bins.slice(),
        coding="distribution",
        scores=scores.slice(),
        activation="none" if probable else "sigmoid",
        levels=outputs.levels,
        cell_centre="middle",
        clips_boxes=True,
        score_threshold=0.4,
        iou_threshold=0.5,
        priority=0 if is_nanodet_like else 2,
        notes=(
            "NanoDet-Plus may have the same outputs, mostly stride by stride: --format nanodet",
        ),
    )


PICODET = Format(
    "picodet",
    "PicoDet without post-processing: scores and 4 × 8 bins of strides 8 to 64",
    {LevelOutputs: _read_picodet},
)
