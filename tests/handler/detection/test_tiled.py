"""Predictions in tiles stay within their time limit, and are the same with any threads."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.detection.tiling import WHOLE, Grid
from handler.problems import Unprocessable
from tests.support.pictures import encoded
from tests.support.tiny_bundle import make_tiny_bundle

THRESHOLDS = Thresholds(0.5, 0.5, 100)
# In the 80 px input a cell of the tiny detector is 10 px. The whole picture of 720 px has cells of
# 72 px, too large to see a square of 40 px; a tile of 2 x 2 is 400 px and has cells of 40 px.
SQUARES = [("red", (0, 0, 40, 40)), ("green", (320, 80, 360, 120))]
PICTURE = encoded(SQUARES, "PNG", 720)


@pytest.fixture(scope="module")
def bundle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny_bundle(tmp_path_factory.mktemp("tiled") / "bundle", size=(80, 80))
    manifest = json.loads((folder / "model.json").read_text())
    manifest["training_scale"] = {
        **{"object_px": 8.0, "pictures": 20, "dataset": "squares", "command": "evaluate"}
    }
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def detector(bundle_dir: Path) -> Detector:
    return Detector.load(load_bundle(bundle_dir), threads=1)


def test_tiles_that_would_take_too_long_are_refused(detector: Detector) -> None:
    request = PredictRequest(PICTURE, THRESHOLDS, Grid(8, 8))
    with pytest.raises(Unprocessable, match="8x8 tiles of this picture would take about"):
        predict(request, detector=detector, max_pixels=10**6, tiles_s=0.0)


def test_threads_find_the_same(bundle_dir: Path, detector: Detector) -> None:
    request = PredictRequest(PICTURE, THRESHOLDS, Grid(8, 8))
    parallel = Detector.load(load_bundle(bundle_dir), threads=3)
    one, other = (
        predict(request, detector=each, max_pixels=10**6) for each in (detector, parallel)
    )
    assert len(one.detections)
    for name in ("boxes", "scores", "class_ids"):
        assert np.array_equal(getattr(one.detections, name), getattr(other.detections, name))
    before = threading.active_count()
    with pytest.raises(Unprocessable):
        predict(request, detector=parallel, max_pixels=10**6, tiles_s=0.0)
    assert threading.active_count() == before


def test_auto_takes_the_whole_picture_where_time_is_short(detector: Detector) -> None:
    request = PredictRequest(PICTURE, THRESHOLDS, "auto")
    prediction = predict(request, detector=detector, max_pixels=10**6, tiles_s=0.0)
    assert (prediction.grid, len(prediction.detections)) == (None, 0)
    assert predict(request, detector=detector, max_pixels=10**6).grid == Grid(2, 2)
    assert PredictRequest(b"", THRESHOLDS).tiles == WHOLE
