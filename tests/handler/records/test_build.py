"""Every field of a record is filled with what the picture and the model say."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.records.record import PredictionRecord
from tests.support.app import App, make_app
from tests.support.paths import ROOT
from tests.support.tiny_bundle import make_tiny_bundle, paint

SAMPLE = (ROOT / "events" / "sample.jpg").read_bytes()
GOLDEN = ROOT / "tests" / "golden" / "prediction-1.json.gz"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> PredictionRecord:
    """Of the sample picture, by the default model."""
    with make_app(ROOT / "handler" / "model", tmp_path_factory.mktemp("log")) as app:
        assert app.post(SAMPLE).status == 200
        [record] = app.records()
    return record


@pytest.fixture(scope="module")
def of_prediction_1() -> PredictionRecord:
    """What commit a716613, the last with that schema, wrote of the same picture."""
    return PredictionRecord.from_json(gzip.decompress(GOLDEN.read_bytes()))


def test_a_record_of_prediction_1_is_read(of_prediction_1: PredictionRecord) -> None:
    assert of_prediction_1.schema == "prediction/1"
    assert (of_prediction_1.count, len(of_prediction_1.near_misses)) == (48, 50)
    image = of_prediction_1.image
    assert image and (image.width, image.brightness, image.focus) == (1400, 0.5057, None)
    assert of_prediction_1.at_model_threshold is of_prediction_1.below_floor is None
    again = PredictionRecord.from_json(of_prediction_1.to_json())
    assert again == of_prediction_1


def test_a_record_from_before_function_version_is_read() -> None:
    """The file is what commit b12a3cc, the last without that field, wrote of the same picture."""
    text = gzip.decompress((GOLDEN.parent / "prediction-2.json.gz").read_bytes())
    assert b"function_version" not in text
    record = PredictionRecord.from_json(text)
    assert (record.schema, record.count, record.function_version) == ("prediction/2", 48, None)
    assert PredictionRecord.from_json(record.to_json()) == record


def test_the_function_version_is_lambdas(tmp_path: Path, tiny_bundle: Path) -> None:
    versions = {}
    for name, env in {
        "in Lambda": {"AWS_LAMBDA_FUNCTION_VERSION": "7"},
        "elsewhere": {"AWS_LAMBDA_FUNCTION_VERSION": ""},
    }.items():
        with make_app(tiny_bundle, tmp_path / name, **env) as app:
            app.post(png())
            [record] = app.records()
            versions[name] = record.function_version
    assert versions == {"in Lambda": "7", "elsewhere": None}


def test_the_older_fields_say_what_they_said(tmp_path: Path, tiny_bundle: Path) -> None:
    """The file is what commit a716613 wrote of the same picture by the same bundle of squares."""
    text = gzip.decompress((GOLDEN.parent / "prediction-1-squares.json.gz").read_bytes())
    before = PredictionRecord.from_json(text)
    with make_app(tiny_bundle, tmp_path) as app:
        assert app.post(shaded_png()).status == 200
        [after] = app.records()
    assert (before.schema, after.schema) == ("prediction/1", "prediction/2")
    assert (len(before.detections), len(before.near_misses)) == (8, 32)
    for name in ("count", "counts", "thresholds", "model", "route", "outcome"):
        assert getattr(after, name) == getattr(before, name)
    for name in ("detections", "near_misses"):
        for old, new in zip(getattr(before, name), getattr(after, name), strict=True):
            assert new["label"] == old["label"]
            assert new["score"] == pytest.approx(old["score"], abs=1e-3)
            assert new["box"] == pytest.approx(old["box"], abs=0.1)
    assert before.image and after.image
    for name in ("format", "width", "height", "orientation"):
        assert getattr(after.image, name) == getattr(before.image, name)


def test_the_older_statistics_say_what_they_said(
    of_prediction_1: PredictionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the sample picture, decoded at that commit's scale, twice the input."""
    monkeypatch.setattr(Detector, "min_frame", (1280, 1280))
    with make_app(ROOT / "handler" / "model", tmp_path) as app:
        assert app.post(SAMPLE).status == 200
        [after] = app.records()
    assert of_prediction_1.image and after.image
    for name in ("brightness", "contrast", "sharpness"):
        before = getattr(of_prediction_1.image, name)
        assert getattr(after.image, name) == pytest.approx(before, abs=1e-3)


def test_a_prediction_fills_every_field(record: PredictionRecord) -> None:
    assert record.image
    unknown = [name for name, value in dataclasses.asdict(record.image).items() if value is None]
    assert unknown == []
    own = load_bundle(ROOT / "handler" / "model").manifest.thresholds
    assert record.at_model_threshold == {"score": own.score, "count": record.count}
    assert record.below_floor
    assert record.below_floor["from_score"] == own.score_floor / 2
    mean = record.below_floor["score_sum"] / record.below_floor["count"]
    assert own.score_floor / 2 < mean < own.score_floor
    assert record.image.jpeg_quality == 86  # what it was saved with


def test_a_rejection_has_none_of_them(tmp_path: Path, app: App) -> None:
    assert app.post(b"no picture").status == 415
    [record] = app.records()
    assert record.image and record.image.focus is record.image.dhash is None
    assert record.at_model_threshold is record.below_floor is record.capture is None


def shaded_png() -> bytes:
    """420 x 300 px: eight by eight fields, red and green in turn, from faint to strong."""
    rgb = np.full((300, 420, 3), 60, np.uint8)
    for number in range(64):
        y, x = divmod(number, 8)
        rgb[36 * y : 36 * y + 36, 52 * x : 52 * x + 52, number % 2] = 60 + 3 * number
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


SQUARES = [("red", (8 * x, 8 * y, 8 * x + 8, 8 * y + 8)) for x in range(0, 8, 2) for y in (0, 2, 4)]


def png(size: tuple[int, int] = (64, 64)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(paint(*size, SQUARES)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?score_threshold=0.05",
        "?score_threshold=1.0",
        "?max_detections=2",
        "?score_threshold=1.0&max_detections=1",
    ],
)
def test_the_models_own_threshold_counts_whichever_the_request_has(app: App, query: str) -> None:
    app.post(png(), query=query)
    [record] = app.records()
    assert record.at_model_threshold == {"score": 0.5, "count": len(SQUARES)}
    assert record.below_floor == {"from_score": 0.05, "count": 0, "score_sum": 0.0}


def test_more_than_the_models_maximum_are_not_counted(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    manifest = json.loads((bundle / "model.json").read_text())
    manifest["thresholds"]["max_detections"] = 5
    (bundle / "model.json").write_text(json.dumps(manifest))
    with make_app(bundle, tmp_path / "log") as app:
        app.post(png(), query="?max_detections=100")
        [record] = app.records()
    assert record.count == len(SQUARES)
    assert record.at_model_threshold == {"score": 0.5, "count": 5}


def test_a_request_for_few_still_counts_all(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", size=(256, 256))
    manifest = json.loads((bundle / "model.json").read_text())
    manifest["thresholds"]["max_detections"] = 2000
    (bundle / "model.json").write_text(json.dumps(manifest))
    out = io.BytesIO()
    Image.fromarray(np.full((256, 256, 3), (255, 0, 0), np.uint8)).save(out, "PNG")
    with make_app(bundle, tmp_path / "log") as app:
        app.post(out.getvalue(), query="?max_detections=1")
        [record] = app.records()
    assert (record.count, record.at_model_threshold) == (1, {"score": 0.5, "count": 1024})


def test_what_scores_below_the_floor_is_counted_and_not_shown(app: App) -> None:
    """Squares whose red lies 9 % above their other channels, under the floor of 10 %."""
    rgb = np.full((64, 64, 3), 100, np.uint8)
    rgb[:16, :16] = (123, 100, 100)  # four cells
    rgb[:8, 32:40] = (112, 100, 100)  # 4.7 %, which nobody counts
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    app.post(out.getvalue())
    [record] = app.records()
    assert (record.count, record.near_misses) == (0, [])
    assert record.below_floor == pytest.approx(
        {"from_score": 0.05, "count": 4, "score_sum": 4 * 23 / 255}, abs=1e-4
    )


def test_too_many_below_the_floor_are_not_known(tmp_path: Path) -> None:
    """The graph gives 100 + 50 + 800 boxes at most; 1,024 cells lie below the floor."""
    bundle = make_tiny_bundle(tmp_path / "bundle", size=(256, 256))
    out = io.BytesIO()
    Image.fromarray(np.full((256, 256, 3), (123, 100, 100), np.uint8)).save(out, "PNG")
    with make_app(bundle, tmp_path / "log") as app:
        app.post(out.getvalue())
        [record] = app.records()
    assert record.below_floor is None
    assert record.at_model_threshold == {"score": 0.5, "count": 0}


@pytest.fixture
def tiled_app(tmp_path: Path) -> Iterator[App]:
    with make_app(make_tiny_bundle(tmp_path / "bundle", size=(80, 80)), tmp_path / "log") as app:
        yield app


def tiled_png(squares: int) -> bytes:
    """720 px, in two by two tiles of 400 px whose cells are 40 px."""
    cells = [(x, y) for y in range(18) for x in range(18)][:squares]
    rgb = paint(720, 720, [])
    for x, y in cells:
        rgb[40 * y : 40 * y + 40, 40 * x : 40 * x + 40] = (255, 0, 0)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("query", ["?tiles=2x2", "?tiles=2x2&score_threshold=1.0"])
def test_tiles_count_at_the_models_threshold_too(tiled_app: App, query: str) -> None:
    tiled_app.post(tiled_png(20), query=query)
    [record] = tiled_app.records()
    assert record.at_model_threshold == {"score": 0.5, "count": 20}
    assert record.below_floor is None


def test_tiles_whose_near_misses_are_cut_count_nothing(tiled_app: App) -> None:
    """A tile has 90 squares and keeps 50 of them as near misses."""
    tiled_app.post(tiled_png(18 * 10), query="?tiles=2x2&score_threshold=1.0")
    [record] = tiled_app.records()
    assert record.at_model_threshold is None
