"""Options replace the defaults of the recognised format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handler.bundle.manifest import Resize
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import nanodet, nms_inside, yolo
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    WIDTH,
)


def test_options_replace_what_is_recognised(tmp_path: Path) -> None:
    model = yolo.yolox_decoded().model
    result = adapt_model(
        tmp_path,
        model,
        order="rgb",
        scale=1.0,
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.5, 0.5),
        fit="stretch",
        fill=(1, 2, 3),
        nms="per-class",
        score_threshold=0.2,
        iou_threshold=0.6,
        resize="antialias",
    )
    preprocessing = result.reading.preprocessing
    assert (preprocessing.order, preprocessing.scale, preprocessing.mean) == (
        "rgb",
        1.0,
        (0.1, 0.2, 0.3),
    )
    assert result.manifest.resize == Resize("antialias", (1, 2, 3), "stretch")
    assert (result.manifest.thresholds.score, result.manifest.thresholds.iou) == (0.2, 0.6)
    labels = {label for label, _, _ in detect(tmp_path, WIDTH, HEIGHT)}
    assert labels == {0, 1, 2}  # the bee on the ant, which class-agnostic NMS took away


def test_mean_and_std_follow_the_order_and_the_scale(tmp_path: Path) -> None:
    model = nanodet.nanodet_plus().model
    preprocessing = adapt_model(tmp_path, model, order="rgb", scale=1.0).reading.preprocessing
    assert preprocessing.mean == pytest.approx(np.array([123.675, 116.28, 103.53]) / 255)
    assert preprocessing.std == pytest.approx(np.array([58.395, 57.12, 57.375]) / 255)


@pytest.mark.parametrize(
    "coding", ["grid", "distribution", "distances", "pixel-distances", "log-distances"]
)
def test_codings_of_cells_need_a_grid(coding: str, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=f"--coding {coding} needs rows that are a grid's cells"):
        adapt_model(tmp_path, nms_inside.mmdeploy().model, coding=coding)
