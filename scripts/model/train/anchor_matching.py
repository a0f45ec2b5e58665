"""Decides which anchors of an EfficientDet learn to find which labelled box.

effdet asks for an IoU of 0.5. Anchors stand a stride apart, so thin boxes and boxes between two
anchors' shapes get few such anchors, or none; a network trained so scores them low, however clear
the object is. Here each box gets its closest anchors, after ATSS (Zhang et al. 2020), where a box's
threshold follows from its own anchors, too.
"""

from __future__ import annotations

import scripts.model.icevision  # noqa: F401  (before effdet)
import torch
from effdet.bench import DetBenchTrain
from effdet.object_detection.matcher import Match
from torch import Tensor

CLOSE_IOU = 0.5  # effdet's own threshold: from here on an anchor is a box's in any case
MIN_ANCHORS = 6  # of every box, as many as a box in the middle of anchors of its shape has
MIN_IOU = 0.2  # below, an anchor of MIN_ANCHORS says nothing of the box


class ClosestAnchorMatcher:
    """Matches to each labelled box the anchors of IoU >= CLOSE_IOU, and its MIN_ANCHORS closest.

    Has the interface of effdet's ArgMaxMatcher.
    """

    def match(self, similarity: Tensor) -> Match:
        """similarity: IoU float32 (boxes, anchors). An anchor that two boxes want is the one's that
        it overlaps more."""
        box_count, anchor_count = similarity.shape
        nothing = torch.full((anchor_count,), -1, dtype=torch.int64, device=similarity.device)
        if not box_count:
            return Match(nothing)
        closest = similarity.topk(min(MIN_ANCHORS, anchor_count), dim=1).values[:, -1:]
        own = similarity >= closest.clamp(MIN_IOU, CLOSE_IOU)
        best, box = torch.where(own, similarity, -torch.ones_like(similarity)).max(0)
        return Match(torch.where(best >= 0, box, nothing))


def match_closest_anchors(bench: DetBenchTrain) -> None:
    """Let an EfficientDet for training match anchors by ClosestAnchorMatcher, in place."""
    bench.anchor_labeler.target_assigner._matcher = ClosestAnchorMatcher()
