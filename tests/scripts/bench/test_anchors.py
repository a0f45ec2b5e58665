"""Labelled boxes are grouped by how many anchors fit them, and each group's scores are told."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detections import Detections
from scripts.bench import anchors
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.render.photo import write_photo
from scripts.tool import ToolError
from tests.support.paths import ROOT
from tests.support.training import PYTHON, needs_training

MANIFEST = load_bundle(ROOT / "handler" / "model").manifest
SIDE = MANIFEST.input.width


def picture(labelled: list[list[float]], found: list[list[float]], scores: list[float]):
    return EvaluatedPicture(
        ground_truth=LabelledPicture(
            ROOT / "a.jpg", np.array(labelled, np.float64), ("Microalgae",) * len(labelled)
        ),
        predictions=Detections(
            np.array(found, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.zeros(len(scores), np.int64),
        ),
        width=2 * SIDE,
        height=2 * SIDE,
    )


def test_boxes_are_compared_with_anchors_in_the_models_input() -> None:
    labelled = [[20.0, 20, 60, 60], [200, 200, 240, 240], [400, 400, 440, 440]]
    overlapping = [*labelled, [404.0, 400, 444, 440]]
    anchor_boxes = np.array([[10.0, 10, 30, 30], [11, 10, 31, 30], [100, 100, 121, 121]])
    counts, scores = anchors.measure(
        [picture(overlapping, [[21.0, 20, 60, 60], [300, 300, 340, 340]], [0.8, 0.9])],
        MANIFEST,
        anchor_boxes,
    )
    assert counts.tolist() == [2, 1]  # the two that overlap are left out
    assert scores.tolist() == [pytest.approx(0.8), 0]


def test_a_table_has_a_row_for_each_group_that_occurs() -> None:
    counts, scores = np.array([0, 0, 3, 4, 9]), np.array([0.2, 0.4, 0.5, 0.7, 0.9])
    assert anchors.format_table(counts, scores, 0.45).splitlines()[2:] == [
        "| 0 | 2 | 0.30 | 0% |",
        "| 3 to 4 | 2 | 0.60 | 100% |",
        "| 8 or more | 1 | 0.90 | 100% |",
    ]


def test_another_detector_is_refused() -> None:
    other = MANIFEST.provenance._replace(model="ultralytics.yolov5")
    with pytest.raises(ToolError, match="only those have these anchors"):
        anchors.make_anchors(MANIFEST._replace(provenance=other), None)


@needs_training
def test_the_default_models_boxes_are_counted(tmp_path: Path) -> None:
    for seed in (3, 4):
        write_photo(tmp_path, seed, 700)
    ran = subprocess.run(
        [PYTHON, "-P", "-m", "scripts.bench.anchors", ROOT / "handler" / "model", tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    boxes = int(re.search(r": (\d+) boxes that overlap no other", ran.stdout)[1])
    rows = [line.split("|")[2:] for line in ran.stdout.splitlines() if line.startswith("| ")][2:]
    assert boxes > 10 and sum(int(row[0]) for row in rows) == boxes
    assert sum(int(row[0]) * int(row[2].strip(" %")) / 100 for row in rows) > 0.7 * boxes
