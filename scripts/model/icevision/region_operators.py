"""Torch operators for two-stage detectors, with their translations to ONNX.

torch.export cannot trace NMS and RoIAlign where the number of regions depends on the picture, so
these two steps are custom operators: `icebox::propose` and `icebox::pool`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from onnxscript import opset18 as op
from torch import Tensor
from torchvision.ops import batched_nms, roi_align


@torch.library.custom_op("icebox::propose", mutates_args=())
def select_proposals(
    boxes: Tensor,
    scores: Tensor,
    levels: Tensor,
    level_count: int,
    iou_threshold: float,
    top_n: int,
) -> Tensor:
    """The rows left after NMS within each level, best first, at most `top_n`.

    boxes: float32 (N, 4), xyxy px. scores: float32 (N,); rows scoring 0 or less are dropped.
    levels: int64 (N,), below `level_count`. Returns int64 (R,). As torchvision's
    RegionProposalNetwork.filter_proposals.
    """
    (positive,) = torch.nonzero(scores > 0, as_tuple=True)
    kept = batched_nms(boxes[positive], scores[positive], levels[positive], iou_threshold)
    return positive[kept[:top_n]]


@select_proposals.register_fake
def _(
    boxes: Tensor,
    scores: Tensor,
    levels: Tensor,
    level_count: int,
    iou_threshold: float,
    top_n: int,
) -> Tensor:
    return levels.new_empty(torch.library.get_ctx().new_dynamic_size())


@torch.library.custom_op("icebox::pool", mutates_args=())
def roi_pool(
    features: Sequence[Tensor],
    boxes: Tensor,
    levels: Tensor,
    scales: Sequence[float],
    side: int,
    sampling_ratio: int,
) -> Tensor:
    """Pool each box's features from the map of its level, as torchvision's MultiScaleRoIAlign.

    The pooling is RoIAlign as in Mask R-CNN's first release (not aligned by half a pixel).
    features: float32 (1, C, h, w), one a level. boxes: float32 (R, 4), xyxy px. levels: int64 (R,).
    scales: one a level. Returns float32 (R, C, side, side).
    """
    pooled = boxes.new_zeros(len(boxes), features[0].shape[1], side, side)
    for level, (feature, scale) in enumerate(zip(features, scales, strict=True)):
        (rows,) = torch.nonzero(levels == level, as_tuple=True)
        pooled[rows] = roi_align(feature, [boxes[rows]], (side, side), scale, sampling_ratio)
    return pooled


@roi_pool.register_fake
def _(
    features: Sequence[Tensor],
    boxes: Tensor,
    levels: Tensor,
    scales: Sequence[float],
    side: int,
    sampling_ratio: int,
) -> Tensor:
    return boxes.new_empty(boxes.shape[0], features[0].shape[1], side, side)


def _select_proposals_in_onnx(
    boxes, scores, levels, level_count: int, iou_threshold: float, top_n: int
):
    level = op.Constant(value_ints=list(range(level_count)))
    own = op.Equal(op.Unsqueeze(levels, [0]), op.Unsqueeze(level, [1]))
    of_level = op.Where(own, op.Unsqueeze(scores, [0]), op.Constant(value_float=-1.0))
    selected = op.NonMaxSuppression(
        op.Unsqueeze(boxes, [0]),
        op.Unsqueeze(of_level, [0]),
        op.Constant(value_ints=[top_n]),
        op.Constant(value_floats=[iou_threshold]),
        op.Constant(value_floats=[0.0]),
    )
    rows = op.Squeeze(op.Slice(selected, [2], [3], [1]), [1])
    left = op.Gather(scores, rows)
    count = op.Min(op.Shape(left), op.Constant(value_ints=[top_n]))
    _, order = op.TopK(left, count)
    return op.Gather(rows, order)


def _roi_pool_in_onnx(
    features, boxes, levels, scales: Sequence[float], side: int, sampling_ratio: int
):
    count = op.Shape(boxes, start=0, end=1)
    channels = op.Shape(features[0], start=1, end=2)
    shape = op.Concat(count, channels, op.Constant(value_ints=[side, side]), axis=0)
    pooled = op.Expand(op.Constant(value_float=0.0), shape)
    for level, (feature, scale) in enumerate(zip(features, scales, strict=True)):
        rows = op.NonZero(op.Equal(levels, op.Constant(value_int=level)))
        rows = op.Squeeze(rows, [0])
        own = op.Gather(boxes, rows)
        first = op.Expand(op.Constant(value_int=0), op.Shape(rows))  # all from the one picture
        aligned = op.RoiAlign(
            feature,
            own,
            first,
            coordinate_transformation_mode="output_half_pixel",
            mode="avg",
            output_height=side,
            output_width=side,
            sampling_ratio=sampling_ratio,
            spatial_scale=scale,
        )
        pooled = op.ScatterND(pooled, op.Unsqueeze(rows, [1]), aligned)
    return pooled


ONNX_TRANSLATIONS = {
    torch.ops.icebox.propose.default: _select_proposals_in_onnx,
    torch.ops.icebox.pool.default: _roi_pool_in_onnx,
}
