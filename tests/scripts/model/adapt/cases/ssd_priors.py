"""Golden cases of SSDs before decoding."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tests.scripts.model.adapt.cases import prior_boxes
from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.raw_heads import (
    choose_rows,
    class_logits,
    map_back_stretched,
    objects_of_all_classes,
    sigmoid,
    softmax,
)
from tests.scripts.model.adapt.cases.references import nms
from tests.scripts.model.adapt.foreign_graphs import make_model

VOC_300 = (30, 60, 111, 162, 213, 264, 315)
COCO_300 = (21, 45, 99, 153, 207, 261, 315)
VOC_512 = (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.65)
COCO_512 = (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72)


def ssd(
    priors: np.ndarray,
    size: tuple[int, int],
    columns: int,
    *,
    threshold: float = 0.5,
    iou: float = 0.45,
    given: Literal["logits", "softmax", "int8 softmax", "sigmoid logits", "sigmoid"] = "logits",
    transposed: bool = False,
    yxhw: bool = False,
    shape: tuple[int, ...] | None = None,
) -> GoldenCase:
    """columns: of the scores, the first of which is background. given: what the scores are."""
    offsets = np.random.default_rng(4).normal(0, 1, (len(priors), 4)).astype(np.float32)
    boxes = prior_boxes.decode(offsets.astype(float), priors, *size)
    logits, _ = class_logits(len(priors), columns, choose_rows(boxes, size), 1)
    probabilities = sigmoid(logits) if "sigmoid" in given else softmax(logits)
    if given == "int8 softmax":  # in steps of 1/256, so that a row does not add up to 1
        probabilities = np.round(softmax(logits / 2) * 256) / 256
    scores = logits if "logits" in given else probabilities
    tables = {"a": offsets[:, [1, 0, 3, 2]] if yxhw else offsets, "b": scores}
    model = make_model(
        {
            name: (table.T if transposed else table)[np.newaxis].astype(np.float32)
            for name, table in tables.items()
        },
        image="input",
        shape=shape or (1, 3, size[1], size[0]),
    )
    objects = objects_of_all_classes(probabilities[:, 1:], boxes, threshold)
    return GoldenCase(model, nms(objects, iou), map_back_stretched(size))
