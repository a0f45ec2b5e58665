"""DEFAULT_TILES: small objects are counted whatever the client's dialect, or the answer says why
they may not be."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clients.icebox import Icebox
from handler.detection.detector import Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.settings import Settings
from tests.e2e.clients.conftest import serving
from tests.handler.routes.test_detect_tiles import CELL, file, made_bundle
from tests.support.app import App, make_app
from tests.support.paths import SHARED_DATA
from tests.support.pictures import RED, jpeg, png

__all__ = ["made_bundle"]  # the fixture
JSON = [("Content-Type", "application/json")]
SMALL = "smaller than those that the model was trained on"


def counts(app: App, picture: bytes) -> dict[str, int]:
    """What each dialect counts on the picture, without a word about tiles."""

    def asked(path: str, body: bytes, headers: Any = ()) -> Any:
        answer = app.send("POST", path, body, headers)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    text = base64.b64encode(picture).decode()
    uri = f"data:image/png;base64,{text}"
    with serving(app.module.lambda_handler) as url:
        by_client = Icebox(url).detect(picture).count
    return {
        "native": asked("/v1/detect", picture)["count"],
        "native, of a list": asked(
            "/v1/detect", json.dumps({"images": [text]}).encode(), JSON
        )[0]["count"],
        "direct invoke": app.invoke({"image": text})["count"],
        "Hugging Face": len(asked("/hf", picture)),
        "Roboflow": len(asked("/cells/3", picture)["predictions"]),
        "Gradio 2": asked("/api/predict", json.dumps({"data": [uri]}).encode(), JSON)["data"][1],
        "Gradio": asked(
            "/gradio_api/run/predict", json.dumps({"data": [uri]}).encode(), JSON
        )["data"][1],
        "client": by_client,
    }  # fmt: skip


@pytest.fixture
def app(made_bundle: Path, tmp_path: Path) -> Iterator[App]:
    with make_app(made_bundle, tmp_path / "log", GRADIO_STORE=(tmp_path / "g").as_uri()) as app:
        yield app


def test_every_dialect_counts_small_squares(app: App) -> None:
    made = counts(app, file())
    assert made == dict.fromkeys(made, 9)


def test_a_deployment_may_do_without(made_bundle: Path, tmp_path: Path) -> None:
    store = (tmp_path / "g").as_uri()
    with make_app(made_bundle, tmp_path / "log", DEFAULT_TILES="none", GRADIO_STORE=store) as app:
        made = counts(app, file())
        assert made == dict.fromkeys(made, 0)
        answer = app.send("POST", "/cells/3?tiles=2x2", file())
        assert len(json.loads(answer.body)["predictions"]) == 9  # beyond Roboflow's own query
        assert app.send("POST", "/cells/3?tiles=many", file()).status == 400


def test_a_bundle_that_knows_no_scale_is_left_alone(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path) as app:
        made = json.loads(app.post(png(RED)).body)
        assert (made["count"], made["tiles"], made["warnings"]) == (1, None, [])


@pytest.mark.parametrize("background", [0, 200, 255])
def test_an_empty_picture_is_looked_at_once(
    app: App, monkeypatch: pytest.MonkeyPatch, background: int
) -> None:
    looked = []
    detect = app.module.detector.detect

    def counted(*arguments: Any, **options: Any) -> Any:
        looked.append(1)
        return detect(*arguments, **options)

    monkeypatch.setattr(app.module.detector, "detect", counted)
    stream = io.BytesIO()
    Image.new("L", (4000, 3000), background).save(stream, "PNG")
    assert json.loads(app.post(stream.getvalue()).body)["count"] == 0
    assert len(looked) == 1
    app.post(file())
    assert len(looked) == 1 + 1 + 4  # the whole picture, and 2 x 2 tiles


@pytest.fixture
def magnifier(made_bundle: Path, tmp_path: Path) -> Iterator[App]:
    """An environment whose model was trained on larger objects than its boxes ever are."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.onnx").write_bytes((made_bundle / "model.onnx").read_bytes())
    manifest = json.loads((made_bundle / "model.json").read_text())
    manifest["training_scale"]["object_px"] = 12.0  # half as large again as a box of the model's
    (folder / "model.json").write_text(json.dumps(manifest))
    with make_app(folder, tmp_path / "log") as app:
        yield app


def sentence(app: App, body: bytes, query: str) -> str:
    """The one warning, which is of small objects."""
    made = json.loads(app.post(body, query=query).body)
    assert made["count"] and made["count_interval"] is None
    [warning] = made["warnings"]
    assert SMALL in warning and "about 8 px in its input, not 12" in warning
    return str(warning)


def test_a_count_of_small_objects_is_warned_of(magnifier: App) -> None:
    assert "ask with tiles=auto" in sentence(magnifier, jpeg(RED), "?tiles=none")
    assert "ask with tiles=auto" in sentence(magnifier, file(), "?tiles=2x2")
    [(colour, box)] = RED
    as_seen = file(squares=[(colour, tuple(px // 8 for px in box))], size=(80, 80))
    assert "at a higher magnification" in sentence(magnifier, as_seen, "")  # no finer px there


def test_tiles_that_time_does_not_allow_are_warned_of(magnifier: App) -> None:
    detector, thresholds = magnifier.module.detector, Thresholds(0.5, 0.5, 100)
    for request in (
        PredictRequest(jpeg(RED), thresholds, "auto"),
        PredictRequest(file(), thresholds, "auto"),
    ):
        made = predict(request, detector=detector, max_pixels=10**6, auto_s=0.0)
        assert made.grid is None and made.has_small_objects == bool(len(made.detections))
        [warning] = made.warnings
        said = "take too long here; send parts" if len(made.detections) else "is not seen"
        assert said in warning


def test_a_list_as_long_as_the_models_maximum_is_warned_of(app: App) -> None:
    every_third = range(0, 720, 3 * CELL)
    cells = [(name, (x + at, y, x + at + CELL, y + CELL)) for x in every_third for y in every_third
             for name, at in (("red", 0), ("green", CELL))]  # fmt: skip
    cells += [("red", (x, y + CELL, x + CELL, y + 2 * CELL)) for x in every_third
              for y in every_third]  # fmt: skip
    body = file(squares=cells)
    made = json.loads(app.post(body, query="?tiles=2x2").body)
    assert made["count"] == 100 and "as many as max_detections allows" in made["warnings"][0]
    made = json.loads(app.post(body, query="?tiles=2x2&max_detections=20").body)
    assert (made["count"], made["warnings"]) == (20, [])  # as asked
    made = json.loads(app.post(body, query="?tiles=2x2&max_detections=400").body)
    assert (made["count"], made["warnings"]) == (len(cells), [])


@pytest.mark.needs_shared_data
def test_a_mosaic_of_photos_is_counted_whoever_asks(tmp_path: Path) -> None:
    """Four photos side by side, whose cells come to the model at half their size: without tiles it
    finds far fewer than on each by itself (version 1.0.0 206 of 301)."""
    paths = sorted((SHARED_DATA / "microalgae" / "labeled").glob("*.jpg"))[:4]
    mosaic = Image.new("RGB", (5600, 5600))
    for at, path in enumerate(paths):
        with Image.open(path) as photo:
            mosaic.paste(photo.convert("RGB"), (at % 2 * 2800, at // 2 * 2800))
    stream = io.BytesIO()
    mosaic.save(stream, "JPEG", quality=90)
    store = (tmp_path / "g").as_uri()
    model = Settings.from_env({}).model_dir
    with make_app(model, tmp_path / "log", GRADIO_STORE=store) as app:
        alone = sum(json.loads(app.post(path.read_bytes()).body)["count"] for path in paths)
        made = counts(app, stream.getvalue())
        assert {dialect: count for dialect, count in made.items() if abs(count - alone) > 12} == {}
        whole = json.loads(app.post(stream.getvalue(), query="?tiles=none").body)
        assert alone > 150 and whole["count"] < 0.9 * alone
        assert any(SMALL in sentence for sentence in whole["warnings"])


def test_a_picture_on_which_small_objects_would_leave_no_trace_is_told(app: App) -> None:
    """Eight times the model's input, 80 px: objects of 16 px (8 in training) would have 2."""
    warnings = json.loads(app.post(jpeg(RED)).body)["warnings"]
    assert [each.partition(";")[0] for each in warnings] == [
        "the picture has 8 times the size of the model's input: what is smaller than about 16 px "
        "on it is not seen"
    ]
    small = io.BytesIO()
    Image.open(io.BytesIO(jpeg(RED))).resize((500, 500)).save(small, "PNG")
    for answer in (app.post(jpeg(RED), query="?tiles=4x4"), app.post(small.getvalue())):
        assert json.loads(answer.body)["warnings"] == []
