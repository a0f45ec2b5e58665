"""The finders of all layouts, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable

from scripts.model.adapt.formats import detr, mmdeploy
from scripts.model.adapt.formats.anchor_heads import yolo_anchors
from scripts.model.adapt.formats.level_heads import yunet
from scripts.model.adapt.formats.prior_heads import blazeface
from scripts.model.adapt.recognition.layouts import (
    detection_vectors,
    level_outputs,
    one_map,
    prior_outputs,
    shared,
)
from scripts.model.adapt.recognition.observed_model import ObservedModel

# From the most specific layout to the most general.
LAYOUT_FINDERS: tuple[Callable[[ObservedModel], object | None], ...] = (
    level_outputs.find_level_outputs,
    yunet.find_offsets_classes_overlaps,
    prior_outputs.find_prior_outputs,
    blazeface.find_blaze_outputs,
    one_map.find_one_map,
    yolo_anchors.find_anchor_maps,
    detr.find_query_outputs,
    detection_vectors.find_detection_vectors,
    mmdeploy.find_scored_boxes_and_labels,
    shared.find_boxes_and_scores,
    shared.find_detection_rows,
    shared.find_prediction_table,
)
