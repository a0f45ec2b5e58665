"""Golden cases of NanoDet, joined and an output a stride."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import map_back_stretch, nms, objects_above
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, OBJECTS, WIDTH, grid, make_model


def nanodet_outputs(
    strides: tuple[int, ...], shift: float
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Scores (A, 3), bins (A, 32) and the objects decoded as NanoDet does: distance2bbox of the
    mean of softmax over 8 bins, from the cell's place."""
    cells, rng = grid(strides), np.random.default_rng(3)
    scores, bins = np.full((len(cells), 3), 0.01), rng.normal(0, 1, (len(cells), 32))
    bins -= np.tile(np.arange(8) * 1.2, 4)  # short distances are likelier: boxes within the picture
    coarse = np.flatnonzero(cells[:, 2] == 32)[: len(OBJECTS)]
    objects = []
    for row, (label, score, _) in zip(coarse, OBJECTS, strict=True):
        scores[row, label] = score
        probabilities = np.exp(bins[row].reshape(4, 8))
        distances = (probabilities / probabilities.sum(1, keepdims=True)) @ np.arange(8) * 32
        x, y = cells[row, :2] * 32 + shift * 32
        box = np.array([x - distances[0], y - distances[1], x + distances[2], y + distances[3]])
        objects.append((label, score, tuple(np.clip(box, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]))))
    return scores, bins, nms(objects_above(0.35, objects), 0.6)


def nanodet_plus() -> GoldenCase:
    scores, bins, objects = nanodet_outputs((8, 16, 32, 64), 0)
    model = make_model(
        {"output": np.concatenate([scores, bins], 1)[None].astype(np.float32)}, image="data"
    )
    return GoldenCase(model, objects, map_back_stretch)


def nanodet_by_stride() -> GoldenCase:
    scores, bins, objects = nanodet_outputs((8, 16, 32), 0.5)
    outputs, strides = {}, grid()[:, 2]
    for kind, values in (("cls", scores), ("dis", bins)):
        for stride in (8, 16, 32):
            outputs[f"{kind}_pred_stride_{stride}"] = values[strides == stride][None].astype("f4")
    return GoldenCase(make_model(outputs, image="input.1"), objects, map_back_stretch)
