"""Golden cases of face detectors before decoding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.scripts.model.adapt.cases import prior_boxes
from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.raw_heads import (
    MapBack,
    choose_rows,
    class_logits,
    map_back_stretched,
    map_back_top_left,
    objects_of_all_classes,
    softmax,
)
from tests.scripts.model.adapt.cases.references import nms
from tests.scripts.model.adapt.foreign_graphs import make_model

Size = tuple[int, int]


def faces(
    priors: np.ndarray,
    size: Size,
    *,
    threshold: float,
    iou: float,
    map_back: Callable[[Size], MapBack],
    landmarks: bool = False,
    logits: bool = False,
    growth: float = 0,
) -> GoldenCase:
    """growth: of the offsets of sizes, where all boxes are larger than their priors."""
    offsets = np.random.default_rng(4).normal(0, 0.5 if growth else 1, (len(priors), 4))
    offsets = (offsets + [0, 0, growth, growth]).astype(np.float32)
    boxes = prior_boxes.decode(offsets.astype(float), priors, *size)
    values, _ = class_logits(len(priors), 2, choose_rows(boxes, size), 1)
    outputs = {"loc": offsets, "conf": values if logits else softmax(values)}
    if landmarks:
        outputs["landms"] = np.random.default_rng(6).normal(0, 1, (len(priors), 10))
    model = make_model(
        {name: array[np.newaxis].astype(np.float32) for name, array in outputs.items()},
        image="input0",
        shape=(1, 3, size[1], size[0]),
    )
    objects = objects_of_all_classes(softmax(values)[:, 1:], boxes, threshold)
    return GoldenCase(model, nms(objects, iou), map_back(size))


def retinaface(size: Size, *, logits: bool = False, growth: float = 0) -> GoldenCase:
    """detect.py: vis_thres 0.6, nms_threshold 0.4; the picture is not distorted."""
    priors = prior_boxes.retinaface(*size, prior_boxes.RETINAFACE)
    return faces(
        priors,
        size,
        threshold=0.6,
        iou=0.4,
        map_back=map_back_top_left,
        landmarks=True,
        logits=logits,
        growth=growth,
    )


def face_detector_1mb(size: Size, min_sizes: tuple[tuple[int, ...], ...]) -> GoldenCase:
    priors = prior_boxes.retinaface(*size, min_sizes)
    return faces(priors, size, threshold=0.6, iou=0.4, map_back=map_back_top_left, landmarks=True)


def ultraface(size: Size, *, logits: bool = False) -> GoldenCase:
    """detect_imgs.py: threshold 0.6; fd_config.py: iou_threshold 0.3; stretched."""
    priors = prior_boxes.ultraface(*size)
    return faces(priors, size, threshold=0.6, iou=0.3, map_back=map_back_stretched, logits=logits)


def faceboxes(size: Size) -> GoldenCase:
    """test.py: nms_threshold 0.3."""
    priors = prior_boxes.faceboxes(*size)
    return faces(priors, size, threshold=0.5, iou=0.3, map_back=map_back_top_left)
