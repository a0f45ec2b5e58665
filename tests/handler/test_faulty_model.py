"""A graph that gives NaN, infinity or boxes that are none: strict JSON, a record, and the blame."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.picture import Picture
from tests.support.app import make_app
from tests.support.faulty_bundle import GOOD, make_faulty_bundle
from tests.support.pictures import RED, png

NAN, INF = math.nan, math.inf
BOX = (8.0, 8.0, 16.0, 24.0)
# Values that a diverged or wrongly exported network gives; what JSON and a picture cannot hold.
IMPOSSIBLE: dict[str, Any] = {
    "NaN score": (BOX, NAN, 0),
    "infinite score": (BOX, INF, 0),
    "score of minus infinity": (BOX, -INF, 0),
    "NaN corner": ((8.0, NAN, 16.0, 24.0), 0.8, 0),
    "NaN box": ((NAN, NAN, NAN, NAN), 0.8, 0),
    "infinite corner": ((8.0, 8.0, INF, 24.0), 0.8, 0),
    "infinite box": ((-INF, -INF, INF, INF), 0.8, 0),
    "inverted": ((16.0, 8.0, 8.0, 24.0), 0.8, 0),
    "upside down": ((8.0, 24.0, 16.0, 8.0), 0.8, 0),
    "far to the right": ((3000.0, 8.0, 3008.0, 24.0), 0.8, 0),
    "far above": ((8.0, -900.0, 16.0, -800.0), 0.8, 0),
    "class beyond the last": (BOX, 0.8, 2),
    "class below the first": (BOX, 0.8, -1),
}
POSSIBLE: dict[str, Any] = {
    "partly outside": ((-8.0, -8.0, 8.0, 8.0), 0.8, 0),
    "larger than the input": ((-1e30, -1e30, 1e30, 1e30), 0.8, 0),
    "without area": ((8.0, 8.0, 8.0, 8.0), 0.8, 1),
    "at the last edge": ((64.0, 8.0, 64.0, 24.0), 0.8, 1),
}


def strict(text: str | bytes) -> Any:
    """JSON as RFC 8259 has it: Python's own reader takes a literal NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"a literal {name}")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_is_impossible_is_dropped_and_counted(tmp_path: Path, name: str) -> None:
    folder = make_faulty_bundle(tmp_path, [IMPOSSIBLE[name], GOOD])
    detector = Detector.load(load_bundle(folder), threads=1)
    picture = Picture(np.full((64, 64, 3), 9, np.uint8), 64, 64, "PNG", 1)
    output = detector.detect(picture, Thresholds(0.5, 0.5, 100))
    assert output.dropped == 1
    assert output.detections.boxes.tolist() == [list(GOOD[0])]
    assert len(output.near_misses) == 0


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_is_possible_stays_within_the_picture(tmp_path: Path, name: str) -> None:
    folder = make_faulty_bundle(tmp_path, [POSSIBLE[name]])
    detector = Detector.load(load_bundle(folder), threads=1)
    picture = Picture(np.full((128, 128, 3), 9, np.uint8), 128, 128, "PNG", 1)
    output = detector.detect(picture, Thresholds(0.5, 0.5, 100))
    assert (output.dropped, len(output.detections)) == (0, 1)
    [box] = output.detections.boxes.tolist()
    assert min(box) >= 0 and max(box) <= 128


def test_what_is_left_is_best_first_though_nan_stood_between(tmp_path: Path) -> None:
    scores = (0.6, NAN, 0.9, 0.3, 0.8)
    folder = make_faulty_bundle(tmp_path, [(BOX, score, 0) for score in scores])
    detector = Detector.load(load_bundle(folder), threads=1)
    picture = Picture(np.full((64, 64, 3), 9, np.uint8), 64, 64, "PNG", 1)
    output = detector.detect(picture, Thresholds(0.5, 0.5, 100))
    assert output.detections.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert output.near_misses.scores.tolist() == pytest.approx([0.3])


@pytest.mark.parametrize("query", ["", "?tiles=2x2", "?score_threshold=0.95"])
def test_answer_and_record_are_strict_json_and_blame_the_model(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    query: str,
) -> None:
    bundle = make_faulty_bundle(tmp_path / "bundle", [*IMPOSSIBLE.values(), GOOD])
    with make_app(bundle, tmp_path / "log") as app:
        answer = app.post(png(RED), query=query)
        printed = capsys.readouterr().out
        [record] = app.records()
    assert answer.status == 200
    result = strict(answer.body)
    [warning] = result["warnings"]
    runs = 5 if "tiles" in query else 1
    assert f"the model gave {runs * len(IMPOSSIBLE)} impossible detections" in warning
    assert record.warnings == [warning]
    assert result["count"] == (0 if "0.95" in query else runs if runs == 1 else record.count)
    [blame] = [vars(line) for line in caplog.records if line.levelname == "ERROR"]
    assert blame["msg"].startswith("the model gave impossible detections")
    assert blame["dropped"] == runs * len(IMPOSSIBLE)
    assert blame["prediction_id"] == result["prediction_id"]
    [metrics] = [strict(line) for line in printed.splitlines() if "_aws" in line]
    assert metrics["DroppedDetections"] == [float(runs * len(IMPOSSIBLE))]


def test_every_dialect_and_every_picture_of_a_list_is_strict_json(tmp_path: Path) -> None:
    bundle = make_faulty_bundle(tmp_path / "bundle", [*IMPOSSIBLE.values(), GOOD])
    text = base64.b64encode(png(RED)).decode()
    store = (tmp_path / "store").as_uri()
    with make_app(bundle, tmp_path / "log", GRADIO_STORE=store) as app:
        many = app.post(json.dumps({"images": [text, text]}).encode())
        assert [each["count"] for each in strict(many.body)] == [1, 1]
        assert len(app.records()) == 2
        assert len(strict(app.send("POST", "/hf", png(RED)).body)) == 1
        roboflow = strict(app.send("POST", "/cells/1", png(RED)).body)
        assert (len(roboflow["predictions"]), len(roboflow["warnings"])) == (1, 1)
        uri = f"data:image/png;base64,{text}"
        body = json.dumps({"data": [uri]}).encode()
        old = strict(app.send("POST", "/api/predict", body).body)
        assert (old["data"][1], len(old["warnings"])) == (1, 1)
        new = strict(app.send("POST", "/gradio_api/run/predict", body).body)
        assert (new["data"][1], len(new["data"][2]["warnings"])) == (1, 1)
        drawn = app.post(png(RED), headers=[("Accept", "image/png")])
        assert (drawn.status, drawn.header("x-detection-count")) == (200, "1")
