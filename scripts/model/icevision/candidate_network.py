"""The network of an IceVision model up to NMS: every candidate's decoded box and its scores.

One nn.Module a family. Each takes the normalised picture, float32 [1, 3, H, W], and returns boxes
[B, A, 4], xyxy in input px, and scores [B, C, A]: what scripts.model.graph wraps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import poolers

from scripts.model.candidates import Candidates
from scripts.model.graph import Nms
from scripts.model.icevision import region_operators
from scripts.model.icevision.checkpoint import Checkpoint

STRIDE = 32  # torchvision pads pictures to a multiple of it


@dataclass(frozen=True)
class CandidateNetwork:
    """A model's network up to NMS, and what IceVision's predict does behind it.

    module: float32 [1, 3, H, W] to boxes [B, A, 4] and scores [B, C, A]; in eval mode. nms: which
    boxes compete. iou_threshold, max_detections: the defaults of IceVision's predict.
    """

    module: nn.Module
    nms: Nms
    iou_threshold: float
    max_detections: int

    def run(self, normalised: np.ndarray) -> Candidates:
        """PyTorch's candidates for a normalised picture, float32 [1, 3, H, W]."""
        with torch.no_grad():
            boxes, scores = self.module(torch.from_numpy(np.ascontiguousarray(normalised)))
        return Candidates(boxes.numpy(), scores.numpy())


def build_candidate_network(checkpoint: Checkpoint) -> CandidateNetwork:
    """Cut a checkpoint's model before NMS, for the checkpoint's input size.

    Raises what PyTorch raises where the model cannot run at that size: AssertionError,
    RuntimeError, ValueError.
    """
    size = (checkpoint.width, checkpoint.height)
    with torch.no_grad():
        return _BUILDERS[checkpoint.model_name](checkpoint.model.eval(), size)


class EfficientDetCandidates(nn.Module):
    """effdet's network with the box decoding of its `decode_box_outputs`.

    That is Faster R-CNN's box coder, with anchors as y, x.
    """

    def __init__(self, bench: nn.Module) -> None:
        super().__init__()
        self.network = bench.model
        self.class_count = bench.num_classes
        ymin, xmin, ymax, xmax = bench.anchors.boxes.unbind(1)
        self.register_buffer("centre", torch.stack([(ymin + ymax) / 2, (xmin + xmax) / 2], 1))
        self.register_buffer("extent", torch.stack([ymax - ymin, xmax - xmin], 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        class_levels, box_levels = self.network(image)
        logits = torch.cat(
            [level.permute(0, 2, 3, 1).reshape(1, -1, self.class_count) for level in class_levels],
            1,
        )
        codes = torch.cat([level.permute(0, 2, 3, 1).reshape(1, -1, 4) for level in box_levels], 1)
        centre = codes[..., :2] * self.extent + self.centre
        half = torch.exp(codes[..., 2:]) * self.extent / 2
        boxes = torch.cat([centre - half, centre + half], 2)[..., [1, 0, 3, 2]]
        # effdet clips boxes before NMS, too; overlaps at the edges depend on it.
        height, width = image.shape[-2:]
        return _clip(boxes, width, height), logits.sigmoid().transpose(1, 2)


class RetinaNetCandidates(nn.Module):
    """torchvision's RetinaNet with its `postprocess_detections` up to NMS.

    IceVision builds it with a class for the background, which no object is trained as. That class
    takes part in the choice of each level's best 1000 scores and is dropped afterwards.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        padded = _pad(torch.zeros(1, 3, size[1], size[0]))
        features = list(model.backbone(padded).values())
        (anchors,) = model.anchor_generator(ImageList(padded, [(size[1], size[0])]), features)
        self.register_buffer("anchors", anchors)
        per_cell = model.anchor_generator.num_anchors_per_location()
        self.level_sizes = [
            level.shape[2] * level.shape[3] * anchors_per_cell
            for level, anchors_per_cell in zip(features, per_cell, strict=True)
        ]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = list(self.model.backbone(_pad(image)).values())
        outputs = self.model.head(features)
        boxes = self.model.box_coder.decode_single(outputs["bbox_regression"][0], self.anchors)
        height, width = image.shape[-2:]
        levels = outputs["cls_logits"].sigmoid().split(self.level_sizes, 1)
        scores = torch.cat([self._keep_top_k(level) for level in levels], 1)[..., 1:]
        return _clip(boxes, width, height)[None], scores.transpose(1, 2)

    def _keep_top_k(self, scores: Tensor) -> Tensor:
        """The scores of a level, 0 for all but its best."""
        top_k = self.model.topk_candidates
        if scores.numel() <= top_k:
            return scores
        lowest = scores.flatten().topk(top_k).values[-1]
        return torch.where(scores >= lowest, scores, 0.0)


class FasterRcnnCandidates(nn.Module):
    """torchvision's Faster R-CNN, including the NMS of its region proposals.

    Each class has boxes of its own: boxes [C, R, 4], scores [C, 1, R] of R proposed regions, at
    most 1000.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.backbone, self.rpn, self.heads = model.backbone, model.rpn, model.roi_heads
        padded = _pad(torch.zeros(1, 3, size[1], size[0]))
        shape = (size[1], size[0])
        features = self._features(padded)
        (anchors,) = self.rpn.anchor_generator(ImageList(padded, [shape]), list(features.values()))
        self.register_buffer("anchors", anchors)
        objectness, _ = self.rpn.head(list(features.values()))
        self.level_sizes = [logits[0].numel() for logits in objectness]
        self.top_k = [min(self.rpn.pre_nms_top_n(), size) for size in self.level_sizes]
        levels = [torch.full((k,), level) for level, k in enumerate(self.top_k)]
        self.register_buffer("levels", torch.cat(levels))
        pooler = self.heads.box_roi_pool
        self.map_names = [name for name in features if name in pooler.featmap_names]
        self.scales, self.mapper = poolers._setup_scales(
            [features[name] for name in self.map_names],
            [shape],
            pooler.canonical_scale,
            pooler.canonical_level,
        )

    def _features(self, padded: Tensor) -> dict[str, Tensor]:
        features = self.backbone(padded)
        return {"0": features} if isinstance(features, Tensor) else features

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        height, width = image.shape[-2:]
        features = self._features(_pad(image))
        proposals = self._proposals(list(features.values()), width, height)
        pooler = self.heads.box_roi_pool
        pooled = region_operators.roi_pool(
            [features[name] for name in self.map_names],
            proposals,
            self._levels(proposals),
            self.scales,
            pooler.output_size[0],
            pooler.sampling_ratio,
        )
        logits, codes = self.heads.box_predictor(self.heads.box_head(pooled))
        scores = F.softmax(logits, -1)[:, 1:]
        boxes = self.heads.box_coder.decode_single(codes, proposals).reshape(-1, logits.shape[1], 4)
        boxes = _clip(boxes, width, height)[:, 1:]
        scores = torch.where(_larger_than(boxes, 1e-2), scores, 0.0)
        return boxes.transpose(0, 1), scores.transpose(0, 1).unsqueeze(1)

    def _proposals(self, features: list[Tensor], width: int, height: int) -> Tensor:
        objectness, codes = self.rpn.head(features)
        scores, boxes, first = [], [], 0
        for logits, code, level_size, top_k in zip(
            objectness, codes, self.level_sizes, self.top_k, strict=True
        ):
            best, order = _flatten_anchors(logits, 1).flatten().topk(top_k)
            anchors = self.anchors[first : first + level_size][order]
            boxes.append(
                self.rpn.box_coder.decode_single(_flatten_anchors(code, 4)[order], anchors)
            )
            scores.append(best.sigmoid())
            first += level_size
        clipped = _clip(torch.cat(boxes).reshape(-1, 4), width, height)
        score = torch.where(_larger_than(clipped, self.rpn.min_size), torch.cat(scores), -1.0)
        kept = region_operators.select_proposals(
            clipped, score, self.levels, len(self.level_sizes), self.rpn.nms_thresh,
            self.rpn.post_nms_top_n(),
        )  # fmt: skip
        return clipped[kept]

    def _levels(self, boxes: Tensor) -> Tensor:
        """The feature map each box is pooled from: torchvision's LevelMapper, equation 1 of Feature
        Pyramid Networks (Lin et al. 2017)."""
        if len(self.map_names) == 1:
            return torch.zeros_like(boxes[:, 0], dtype=torch.int64)
        mapper = self.mapper
        side = torch.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
        level = torch.floor(mapper.lvl0 + torch.log2(side / mapper.s0) + mapper.eps)
        return level.clamp(mapper.k_min, mapper.k_max).to(torch.int64) - mapper.k_min


class Yolov5Candidates(nn.Module):
    """The network of yolov5-icevision, with boxes as corners (xyxy)."""

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        model.model[-1].inplace = False  # the exporter cannot follow assignments to slices
        model(torch.zeros(1, 3, size[1], size[0]))  # makes its grids

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.model(image)[0]
        half = rows[..., 2:4] / 2
        boxes = torch.cat([rows[..., :2] - half, rows[..., :2] + half], 2)
        scores = rows[..., 5:] * rows[..., 4:5]
        return boxes, scores.transpose(1, 2)


def _efficientdet(model: nn.Module, size: tuple[int, int]) -> CandidateNetwork:
    module = EfficientDetCandidates(model).eval()
    return CandidateNetwork(module, "per-class", 0.5, model.config.max_det_per_image)


def _retinanet(model: nn.Module, size: tuple[int, int]) -> CandidateNetwork:
    module = RetinaNetCandidates(model, size).eval()
    return CandidateNetwork(module, "per-class", model.nms_thresh, model.detections_per_img)


def _faster_rcnn(model: nn.Module, size: tuple[int, int]) -> CandidateNetwork:
    module = FasterRcnnCandidates(model, size).eval()
    heads = model.roi_heads
    return CandidateNetwork(module, "per-class", heads.nms_thresh, heads.detections_per_img)


def _yolov5(model: nn.Module, size: tuple[int, int]) -> CandidateNetwork:
    module = Yolov5Candidates(model, size).eval()
    return CandidateNetwork(module, "best-class", 0.45, 300)


_BUILDERS = {
    "ross.efficientdet": _efficientdet,
    "torchvision.retinanet": _retinanet,
    "torchvision.faster_rcnn": _faster_rcnn,
    "ultralytics.yolov5": _yolov5,
}


def _pad(image: Tensor) -> Tensor:
    """Pad with zeros on the right and below to a multiple of STRIDE, as torchvision's transform."""
    height, width = image.shape[-2:]
    right = math.ceil(width / STRIDE) * STRIDE - width
    below = math.ceil(height / STRIDE) * STRIDE - height
    return F.pad(image, (0, right, 0, below)) if right or below else image


def _clip(boxes: Tensor, width: int, height: int) -> Tensor:
    """Clip xyxy boxes to a width x height px input."""
    return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))


def _larger_than(boxes: Tensor, side: float) -> Tensor:
    """Whether both sides of a box are at least `side` px."""
    return ((boxes[..., 2:] - boxes[..., :2]) >= side).all(-1)


def _flatten_anchors(level: Tensor, columns: int) -> Tensor:
    """(1, A·columns, h, w) to (h·w·A, columns), in the order of torchvision's anchors."""
    _, _, height, width = level.shape
    return level.reshape(-1, columns, height, width).permute(2, 3, 0, 1).reshape(-1, columns)
