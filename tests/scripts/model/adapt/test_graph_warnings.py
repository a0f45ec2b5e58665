"""Warnings about thresholds and labels inside the graph."""

from __future__ import annotations

from pathlib import Path

from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import nms_inside, yolo


def test_thresholds_inside_the_graph_are_reported(tmp_path: Path) -> None:
    warnings = adapt_model(tmp_path, nms_inside.mmdeploy().model).warnings
    assert any("inside the graph" in warning for warning in warnings)
    assert not adapt_model(tmp_path, yolo.yolov5().model).warnings


def test_a_label_without_a_name_is_reported(tmp_path: Path) -> None:
    warnings = adapt_model(tmp_path, nms_inside.torchvision().model, class_offset=0).warnings
    assert any("label 3, which has no name" in warning for warning in warnings)
