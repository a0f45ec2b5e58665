"""RoIAlign in plain PyTorch, for a torchvision without its compiled operators."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


def roi_align(
    feature: Tensor,
    rois: Tensor,
    scale: float,
    height: int,
    width: int,
    samples: int,
    aligned: bool,
) -> Tensor:
    """RoIAlign of Mask R-CNN (He et al. 2017): the mean of `samples` x `samples` points in each
    cell, interpolated linearly.

    feature: float32 (N, C, h, w). rois: float32 (R, 5), picture number and xyxy. Returns float32
    (R, C, height, width). Points more than a cell outside of the feature count as 0.
    """
    channels, (rows, columns) = feature.shape[1], feature.shape[2:]
    corners = rois[:, 1:] * scale - (0.5 if aligned else 0.0)
    extent = corners[:, 2:] - corners[:, :2]
    extent = extent if aligned else extent.clamp(min=1.0)
    y_places, y_weights = _interpolate(corners[:, 1], extent[:, 1], height, samples, rows)
    x_places, x_weights = _interpolate(corners[:, 0], extent[:, 0], width, samples, columns)
    # A cell is the weighted sum of the pixels that its points lie between: a bag of embeddings.
    first = (rois[:, 0].long() * rows * columns)[:, None, None, None, None]
    places = y_places[:, :, None, :, None] * columns + x_places[:, None, :, None, :] + first
    weights = y_weights[:, :, None, :, None] * x_weights[:, None, :, None, :]
    pixels = feature.permute(0, 2, 3, 1).reshape(-1, channels)
    pooled = embedding_bag(
        places.reshape(-1, 4 * samples * samples),
        pixels,
        per_sample_weights=weights.reshape(-1, 4 * samples * samples).to(feature.dtype),
        mode="sum",
    )
    return pooled.reshape(len(rois), height, width, channels).permute(0, 3, 1, 2)


def _interpolate(
    start: Tensor, length: Tensor, cells: int, samples: int, limit: int
) -> tuple[Tensor, Tensor]:
    """Along one axis, the pixels beside the points of each cell, and their shares of its mean.

    start, length: of the regions, (R,), in pixels of the feature, which has `limit` of them.
    Returns int64 and float32 (R, cells, 2 * samples).
    """
    at = (torch.arange(cells * samples, device=start.device) + 0.5) / samples
    at = start[:, None] + at * (length / cells)[:, None]
    inside = ((at >= -1.0) & (at <= limit)).to(start.dtype)
    at = at.clamp(0, limit - 1)
    low = at.floor().clamp(max=limit - 1)
    part = at - low
    high = (low + 1).clamp(max=limit - 1)
    places = torch.stack([low, high], -1).long()
    weights = torch.stack([1 - part, part], -1) * inside[..., None] / samples
    shape = (len(start), cells, 2 * samples)
    return places.reshape(shape), weights.reshape(shape)
