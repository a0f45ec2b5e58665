"""BlazeFace's three models, and outputs of as many rows that are not its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import blazeface
from tests.scripts.model.adapt.foreign_graphs import make_model
from tests.scripts.model.adapt.formats.raw_head_checks import (
    check_golden_boxes,
    check_network_input,
)


@pytest.mark.parametrize(
    ("side", "strides", "per_layer", "threshold", "split"),
    [
        (128, (8, 16, 16, 16), 2, 0.5, 0),
        (128, (8, 16, 16, 16), 2, 0.5, 512),
        (256, (16, 32, 32, 32), 2, 0.5, 0),
        (192, (4,), 1, 0.6, 0),
    ],
)
def test_blazeface(
    side: int,
    strides: tuple[int, ...],
    per_layer: int,
    threshold: float,
    split: int,
    tmp_path: Path,
) -> None:
    case = blazeface.blazeface(side, strides, per_layer=per_layer, threshold=threshold, split=split)
    result = check_golden_boxes(tmp_path, case, format_name="blazeface", classes="face")
    check_network_input(
        result, tmp_path, order="rgb", scale=255, mean=(127.5,) * 3, std=(127.5,) * 3
    )
    assert result.manifest.resize.fill == (0, 0, 0)


@pytest.mark.parametrize(("side", "rows", "columns"), [(160, 896, 16), (192, 2016, 18)])
def test_anchors_of_other_models_are_refused(
    side: int, rows: int, columns: int, tmp_path: Path
) -> None:
    """896 rows belong to 128 and 256 px; MediaPipe's palms have 2016 rows of 18 columns."""
    rng = np.random.default_rng(0)
    outputs = {"r": rng.normal(0, 9, (1, rows, columns)), "c": rng.normal(-5, 1, (1, rows, 1))}
    model = make_model(
        {name: array.astype(np.float32) for name, array in outputs.items()},
        shape=(1, 3, side, side),
    )
    with pytest.raises(ToolError, match="no known format fits"):
        adapt_model(tmp_path, model, classes="face")
