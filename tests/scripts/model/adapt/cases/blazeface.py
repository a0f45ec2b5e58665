"""Golden cases of MediaPipe's BlazeFace."""

from __future__ import annotations

import numpy as np

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.raw_heads import (
    choose_rows,
    class_logits,
    map_back_rounded,
    objects_of_all_classes,
    sigmoid,
)
from tests.scripts.model.adapt.cases.references import nms
from tests.scripts.model.adapt.foreign_graphs import make_model


def anchor_centres(side: int, strides: tuple[int, ...], per_layer: int) -> np.ndarray:
    """mediapipe/calculators/tflite/ssd_anchors_calculator.cc: layers of one stride are merged, so
    that a cell has the anchors of all of them; in 0..1."""
    centres: list[tuple[float, float]] = []
    layer = 0
    while layer < len(strides):
        end = layer
        while end < len(strides) and strides[end] == strides[layer]:
            end += 1
        cells = -(-side // strides[layer])
        for y in range(cells):
            for x in range(cells):
                centres += [((x + 0.5) / cells, (y + 0.5) / cells)] * (per_layer * (end - layer))
        layer = end
    return np.array(centres)


def blazeface(
    side: int, strides: tuple[int, ...], *, per_layer: int, threshold: float, split: int = 0
) -> GoldenCase:
    """tensors_to_detections_calculator.cc without an exponential: scales are the input's side.

    split: how many rows come as outputs of their own.
    """
    anchors = anchor_centres(side, strides, per_layer)
    rng = np.random.default_rng(4)
    regressors = rng.normal(0, 4, (len(anchors), 16)).astype(np.float32)
    regressors[:, 2:4] = rng.uniform(10, 60, (len(anchors), 2))
    x = regressors[:, 0] / side + anchors[:, 0]
    y = regressors[:, 1] / side + anchors[:, 1]
    w, h = regressors[:, 2].astype(float) / side, regressors[:, 3].astype(float) / side
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1) * side
    logits, _ = class_logits(len(anchors), 1, choose_rows(boxes, (side, side)), 0)
    tables = {"regressors": regressors, "classificators": logits}
    outputs = {
        f"{name}_{part}": rows[np.newaxis].astype(np.float32)
        for name, table in tables.items()
        for part, rows in enumerate([table[:split], table[split:]] if split else [table])
    }
    model = make_model(outputs, image="input", shape=(1, side, side, 3))
    objects = objects_of_all_classes(sigmoid(logits), boxes, threshold)
    return GoldenCase(model, nms(objects, 0.3), map_back_rounded((side, side)))
