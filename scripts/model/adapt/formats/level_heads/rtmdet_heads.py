"""RTMDet (mmdetection, MMYOLO) before decoding: class logits and distances of each stride."""

from __future__ import annotations

import dataclasses

import numpy as np

from scripts.model.adapt.formats import mmdeploy
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import MMDET_BGR_MEAN, MMDET_BGR_STD
from scripts.model.adapt.reading import Coding, FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs, LevelPart

PREPROCESSING = dataclasses.replace(mmdeploy.PREPROCESSING, mean=MMDET_BGR_MEAN, std=MMDET_BGR_STD)
# Median distances at stride 32: px from a quarter of a cell on, perhaps from an eighth.
_SMALLEST_IN_PX, _CLEARLY_IN_PX = 4.0, 8.0
_PX_ABOVE_0, _STRIDES_ABOVE_0 = 0.8, 0.95  # without an exponential, some are not
_UNITS = {
    "pixel-distances": "distances in px",
    "distances": "distances in strides",
    None: "distances of unclear units (--coding pixel-distances, distances or log-distances)",
}


def _read_rtmdet_heads(outputs: LevelOutputs) -> FormatReading | None:
    """mmdetection's dense_heads/rtmdet_head.py: distances are in px, through an exponential or not,
    and a cell's place is its corner. Exports that end at its convolutions leave out the factor, or
    the exponential, too."""
    head = outputs.with_boxes_per_cell(1)
    pair = head.find_scores_and_boxes() if head else None
    if head is None or pair is None or outputs.strides != (8, 16, 32):
        return None
    logits, distances = pair
    if logits.is_probable():
        return None
    coding = measure_distances(head, distances)
    return FormatReading(
        format="rtmdet-heads",
        reasons=(f"{head.summary}: class logits and {_UNITS[coding]}: RTMDet before decoding",),
        preprocessing=PREPROCESSING,
        boxes=distances.slice(),
        coding=coding or "pixel-distances",
        scores=logits.slice(),
        activation="sigmoid",
        levels=head.levels,
        score_threshold=0.3,
        iou_threshold=0.65,
        plausible=coding is not None,
        notes=(
            "in what its distances are is told by their values; --coding pixel-distances (px), "
            "distances (strides) or log-distances says otherwise",
        ),
    )


def measure_distances(head: LevelOutputs, distances: LevelPart) -> Coding | None:
    """Distances in px grow with the stride, and in strides they would reach beyond the picture;
    None where the two kinds of evidence do not agree, or too many are below 0."""
    medians = [float(np.median(values)) for values in distances.level_values()]
    above_0 = distances.share_above(0)
    finest, coarsest = medians[0], medians[-1]
    grows = coarsest > 2 * finest  # a coarse level's strides are four times the fine one's
    image = head.model.foreign.image
    fits_as_strides = coarsest * head.strides[-1] < max(image.width, image.height)
    if coarsest < _SMALLEST_IN_PX or (coarsest <= _CLEARLY_IN_PX and not grows):
        return "distances" if above_0 > _STRIDES_ABOVE_0 else None
    if coarsest > _CLEARLY_IN_PX and (grows or not fits_as_strides):
        return "pixel-distances" if above_0 > _PX_ABOVE_0 else None
    return None


RTMDET_HEADS = Format(
    "rtmdet-heads",
    "RTMDet before decoding: class logits and 4 distances of strides 8, 16, 32",
    {LevelOutputs: _read_rtmdet_heads},
)
