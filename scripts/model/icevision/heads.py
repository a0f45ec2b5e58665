"""A checkpoint's IceVision model in; its network with decoded boxes, before NMS, out.

One class a family, each giving what scripts.model.graph takes: float32 [1, 3, H, W], normalised, to
boxes [B, A, 4] and scores [B, C, A]. What the framework does behind that, `Head` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import poolers

from scripts.model.graph import Nms
from scripts.model.icevision import regions
from scripts.model.icevision.checkpoint import Checkpoint

STRIDE = 32  # torchvision pads pictures to a multiple of it


@dataclass(frozen=True)
class Head:
    """A family's network, and its own way on from the candidates.

    core: float32 [1, 3, H, W] to boxes [B, A, 4], scores [B, C, A]; in eval mode. nms: which boxes
    compete. iou_threshold, max_detections: of IceVision's predict, as they come.
    """

    core: nn.Module
    nms: Nms
    iou_threshold: float
    max_detections: int


def of(loaded: Checkpoint) -> Head:
    """The head of a checkpoint's model, for the input size that the checkpoint says."""
    size = (loaded.width, loaded.height)
    with torch.no_grad():
        return _MAKERS[loaded.model_name](loaded.model.eval(), size)


class EfficientDetCandidates(nn.Module):
    """effdet's network with its box decoding.

    The decoding is that of effdet's `decode_box_outputs` (Faster R-CNN's box coder, anchors as y,
    x).
    """

    def __init__(self, bench: nn.Module) -> None:
        super().__init__()
        self.network = bench.model
        self.classes = bench.num_classes
        ymin, xmin, ymax, xmax = bench.anchors.boxes.unbind(1)
        self.register_buffer("centre", torch.stack([(ymin + ymax) / 2, (xmin + xmax) / 2], 1))
        self.register_buffer("extent", torch.stack([ymax - ymin, xmax - xmin], 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        class_levels, box_levels = self.network(image)
        logits = torch.cat(
            [level.permute(0, 2, 3, 1).reshape(1, -1, self.classes) for level in class_levels], 1
        )
        codes = torch.cat([level.permute(0, 2, 3, 1).reshape(1, -1, 4) for level in box_levels], 1)
        centre = codes[..., :2] * self.extent + self.centre
        half = torch.exp(codes[..., 2:]) * self.extent / 2
        boxes = torch.cat([centre - half, centre + half], 2)[..., [1, 0, 3, 2]]
        # Cut to the input before NMS, as effdet does: overlaps at the edges depend on it.
        height, width = image.shape[-2:]
        return _cut(boxes, width, height), logits.sigmoid().transpose(1, 2)


class RetinaNetCandidates(nn.Module):
    """torchvision's RetinaNet; its `postprocess_detections` up to NMS.

    IceVision makes it with a class of its own for the background, which nothing is trained to be:
    that row is left out, after it took part in the choice of each level's best 1000.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        padded = _padded(torch.zeros(1, 3, size[1], size[0]))
        features = list(model.backbone(padded).values())
        (anchors,) = model.anchor_generator(ImageList(padded, [(size[1], size[0])]), features)
        self.register_buffer("anchors", anchors)
        each = model.anchor_generator.num_anchors_per_location()
        self.counts = [f.shape[2] * f.shape[3] * n for f, n in zip(features, each, strict=True)]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = list(self.model.backbone(_padded(image)).values())
        found = self.model.head(features)
        boxes = self.model.box_coder.decode_single(found["bbox_regression"][0], self.anchors)
        height, width = image.shape[-2:]
        levels = found["cls_logits"].sigmoid().split(self.counts, 1)
        scores = torch.cat([self._best(level) for level in levels], 1)[..., 1:]
        return _cut(boxes, width, height)[None], scores.transpose(1, 2)

    def _best(self, scores: Tensor) -> Tensor:
        """The scores of a level, 0 for all but its best."""
        most = self.model.topk_candidates
        if scores.numel() <= most:
            return scores
        least = scores.flatten().topk(most).values[-1]
        return torch.where(scores >= least, scores, 0.0)


class FasterRcnnCandidates(nn.Module):
    """torchvision's Faster R-CNN, its region proposals' own NMS inside; a box for each class.

    boxes [C, R, 4], scores [C, 1, R]: R regions are proposed, at most 1000.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.backbone, self.rpn, self.heads = model.backbone, model.rpn, model.roi_heads
        padded = _padded(torch.zeros(1, 3, size[1], size[0]))
        shape = (size[1], size[0])
        features = self._features(padded)
        (anchors,) = self.rpn.anchor_generator(ImageList(padded, [shape]), list(features.values()))
        self.register_buffer("anchors", anchors)
        counts = [logits[0].numel() for logits in self.rpn.head(list(features.values()))[0]]
        most = self.rpn.pre_nms_top_n()
        self.counts, self.chosen = counts, [min(most, count) for count in counts]
        levels = [torch.full((count,), level) for level, count in enumerate(self.chosen)]
        self.register_buffer("levels", torch.cat(levels))
        pooler = self.heads.box_roi_pool
        self.maps = [name for name in features if name in pooler.featmap_names]
        self.scales, self.mapper = poolers._setup_scales(
            [features[name] for name in self.maps],
            [shape],
            pooler.canonical_scale,
            pooler.canonical_level,
        )

    def _features(self, padded: Tensor) -> dict[str, Tensor]:
        features = self.backbone(padded)
        return {"0": features} if isinstance(features, Tensor) else features

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        height, width = image.shape[-2:]
        features = self._features(_padded(image))
        proposals = self._proposals(list(features.values()), width, height)
        pooler = self.heads.box_roi_pool
        pooled = regions.pool(
            [features[name] for name in self.maps],
            proposals,
            self._levels(proposals),
            self.scales,
            pooler.output_size[0],
            pooler.sampling_ratio,
        )
        logits, codes = self.heads.box_predictor(self.heads.box_head(pooled))
        scores = F.softmax(logits, -1)[:, 1:]
        boxes = self.heads.box_coder.decode_single(codes, proposals).reshape(-1, logits.shape[1], 4)
        boxes = _cut(boxes, width, height)[:, 1:]
        scores = torch.where(_at_least(boxes, 1e-2), scores, 0.0)
        return boxes.transpose(0, 1), scores.transpose(0, 1).unsqueeze(1)

    def _proposals(self, features: list[Tensor], width: int, height: int) -> Tensor:
        objectness, codes = self.rpn.head(features)
        scores, boxes, first = [], [], 0
        for logits, code, count, most in zip(
            objectness, codes, self.counts, self.chosen, strict=True
        ):
            best, order = _rows(logits, 1).flatten().topk(most)
            anchors = self.anchors[first : first + count][order]
            boxes.append(self.rpn.box_coder.decode_single(_rows(code, 4)[order], anchors))
            scores.append(best.sigmoid())
            first += count
        cut = _cut(torch.cat(boxes).reshape(-1, 4), width, height)
        score = torch.where(_at_least(cut, self.rpn.min_size), torch.cat(scores), -1.0)
        kept = regions.propose(
            cut, score, self.levels, len(self.counts), self.rpn.nms_thresh,
            self.rpn.post_nms_top_n(),
        )  # fmt: skip
        return cut[kept]

    def _levels(self, boxes: Tensor) -> Tensor:
        """Which map a box is pooled from: torchvision's LevelMapper, equation 1 of the FPN
        paper."""
        if len(self.maps) == 1:
            return torch.zeros_like(boxes[:, 0], dtype=torch.int64)
        mapper = self.mapper
        side = torch.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
        level = torch.floor(mapper.lvl0 + torch.log2(side / mapper.s0) + mapper.eps)
        return level.clamp(mapper.k_min, mapper.k_max).to(torch.int64) - mapper.k_min


class Yolov5Candidates(nn.Module):
    """The network of yolov5-icevision, its boxes as corners."""

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


def _efficientdet(model: nn.Module, size: tuple[int, int]) -> Head:
    most = model.config.max_det_per_image
    return Head(EfficientDetCandidates(model).eval(), "per-class", 0.5, most)


def _retinanet(model: nn.Module, size: tuple[int, int]) -> Head:
    core = RetinaNetCandidates(model, size).eval()
    return Head(core, "per-class", model.nms_thresh, model.detections_per_img)


def _faster_rcnn(model: nn.Module, size: tuple[int, int]) -> Head:
    core = FasterRcnnCandidates(model, size).eval()
    heads = model.roi_heads
    return Head(core, "per-class", heads.nms_thresh, heads.detections_per_img)


def _yolov5(model: nn.Module, size: tuple[int, int]) -> Head:
    return Head(Yolov5Candidates(model, size).eval(), "best-class", 0.45, 300)


_MAKERS = {
    "ross.efficientdet": _efficientdet,
    "torchvision.retinanet": _retinanet,
    "torchvision.faster_rcnn": _faster_rcnn,
    "ultralytics.yolov5": _yolov5,
}


def _padded(image: Tensor) -> Tensor:
    """With zeros to the right and below, to a multiple of STRIDE, as torchvision's transform."""
    height, width = image.shape[-2:]
    right = math.ceil(width / STRIDE) * STRIDE - width
    below = math.ceil(height / STRIDE) * STRIDE - height
    return F.pad(image, (0, right, 0, below)) if right or below else image


def _cut(boxes: Tensor, width: int, height: int) -> Tensor:
    """xyxy boxes within a width x height px input."""
    return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))


def _at_least(boxes: Tensor, side: float) -> Tensor:
    return ((boxes[..., 2:] - boxes[..., :2]) >= side).all(-1)


def _rows(level: Tensor, columns: int) -> Tensor:
    """(1, A·columns, h, w) to (h·w·A, columns), in the order of torchvision's anchors."""
    _, _, height, width = level.shape
    return level.reshape(-1, columns, height, width).permute(2, 3, 0, 1).reshape(-1, columns)
