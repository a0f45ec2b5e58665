"""A loss for EfficientDets whose scores say how well a box fits.

So the tightest box of several on one object scores best, and NMS keeps it. Scores learn by quality
focal loss (Li et al. 2020, "Generalized focal loss"): an anchor's target is the IoU of the box that
it gives now, not 1. Boxes learn by generalized IoU (Rezatofighi et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import scripts.model.icevision  # noqa: F401  (before effdet)
import torch
import torch.nn.functional as F
from effdet.bench import DetBenchTrain
from torch import Tensor, nn

FOCUS = 2.0  # beta of the quality focal loss
BOX_WEIGHT = 2.0
MAX_LOG_EXTENT = 4.0  # of a box by its anchor; more is a diverging network's


class QualityLoss(nn.Module):
    """Has the interface of effdet's DetectionLoss.

    anchors: float32 (A, 4), y0, x0, y1, x1 px of the input.
    """

    def __init__(self, anchors: Tensor, class_count: int) -> None:
        super().__init__()
        self.register_buffer("anchors", anchors, persistent=False)
        self.class_count = class_count

    def forward(
        self,
        class_levels: Sequence[Tensor],
        box_levels: Sequence[Tensor],
        class_targets: Sequence[Tensor],
        box_targets: Sequence[Tensor],
        positive_counts: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, that of the scores and that of the boxes.

        By level: class_levels [B, anchors · classes, H, W], box_levels [B, anchors · 4, H, W];
        class_targets [B, H, W, anchors], -1 for background, box_targets [B, H, W, anchors · 4],
        both of effdet's labeler. positive_counts: [B].
        """
        logits = _join(class_levels, self.class_count).float()
        codes = _join(box_levels, 4).float()
        batch_size = len(logits)
        classes = torch.cat([each.reshape(batch_size, -1) for each in class_targets], 1)
        true_codes = torch.cat([each.reshape(batch_size, -1, 4) for each in box_targets], 1)
        picture, anchor = torch.nonzero(classes >= 0, as_tuple=True)
        anchors = self.anchors[anchor]
        iou, generalized_iou = _overlap(
            _decode(codes[picture, anchor], anchors), _decode(true_codes[picture, anchor], anchors)
        )
        target = torch.zeros_like(logits)
        target[picture, anchor, classes[picture, anchor]] = iou.detach()
        focus = (target - logits.sigmoid()).abs() ** FOCUS
        errors = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * focus
        positives = positive_counts.sum().clamp(min=1)
        class_loss = errors.sum() / positives
        box_loss = (1 - generalized_iou).sum() / positives
        return class_loss + BOX_WEIGHT * box_loss, class_loss, box_loss


def use_quality_loss(bench: DetBenchTrain) -> None:
    """Let an EfficientDet for training learn by QualityLoss, in place."""
    bench.loss_fn = QualityLoss(bench.anchors.boxes, bench.num_classes)


def _join(levels: Sequence[Tensor], width: int) -> Tensor:
    """Levels [B, anchors · width, H, W] as one tensor [B, all anchors, width]."""
    return torch.cat([each.permute(0, 2, 3, 1).reshape(len(each), -1, width) for each in levels], 1)


def _decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes [N, 4], y0, x0, y1, x1, of Faster R-CNN's codes, as effdet's FasterRcnnBoxCoder."""
    extent = anchors[:, 2:] - anchors[:, :2]
    centre = anchors[:, :2] + extent / 2 + codes[:, :2] * extent
    half = torch.exp(codes[:, 2:].clamp(max=MAX_LOG_EXTENT)) * extent / 2
    return torch.cat([centre - half, centre + half], 1)


def _overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalized IoU [N] of boxes [N, 4], pair by pair."""
    area = [(each[:, 2:] - each[:, :2]).prod(1) for each in (first, second)]
    shared = torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])
    intersection = shared.clamp(min=0).prod(1)
    union = area[0] + area[1] - intersection
    around = torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])
    hull = around.prod(1)
    iou = intersection / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)
