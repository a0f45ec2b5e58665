"""POST /api/predict: the bytes that an app made for a Gradio 2 Space sends, and its page's form."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handler.http.events import MAX_ALB_RESPONSE_BYTES, MAX_RESPONSE_BYTES
from scripts.local.http_event import FORMS
from tests.support.app import App, make_app
from tests.support.pictures import RED_AND_GREEN, encoded, jpeg
from tests.support.tiny_bundle import make_tiny_bundle

PATHS = ("/api/predict", "/api/predict/", "/+/api/predict", "/+/api/predict/")
PICTURE = jpeg(RED_AND_GREEN)
PREFIX = "data:image/png;base64,"
URI = PREFIX + base64.b64encode(PICTURE).decode()  # the app says PNG whatever it is
# What Dart's http sends for `post(url, headers: {'Content-Type': 'application/json; …'}, body: …)`
HEADERS = [
    ("user-agent", "Dart/2.16 (dart:io)"),
    ("content-type", "application/json; charset=UTF-8"),
    ("accept-encoding", "gzip"),
]
APP_BODY = f'{{"data":["{URI}"]}}'.encode()


def predict(app: App, *data: Any, path: str = "/api/predict", form: str = "http-api") -> Any:
    answer = app.send("POST", path, json.dumps({"data": data}).encode(), HEADERS, form)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def picture_of(answer: Any) -> Image.Image:
    """As the app takes it: what is left of the text without this very prefix."""
    text = answer["data"][0]
    assert text.startswith(PREFIX)
    made = Image.open(io.BytesIO(base64.b64decode(text.replace(PREFIX, ""), validate=True)))
    assert made.format == "PNG"
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", PATHS)
def test_the_app_works_by_its_url_alone(app: App, path: str, form: str) -> None:
    sent = app.send("POST", path, APP_BODY, HEADERS, form)
    assert (sent.status, sent.header("content-type")) == (200, "application/json")
    answer = json.loads(sent.body)
    assert set(answer) == {"data", "durations", "avg_durations"}
    assert answer["data"][1] == 3
    assert answer["durations"] == answer["avg_durations"]
    assert 0 < answer["durations"][0] < 30
    assert max(picture_of(answer).size) <= 1280
    [record] = app.records()
    assert (record.count, record.route) == (3, path.rstrip("/"))


def test_the_page_has_four_inputs(app: App) -> None:
    plain = np.asarray(picture_of(predict(app, URI, False, False, 0.5)))
    boxes = np.asarray(picture_of(predict(app, URI, False, True, 0.5)))
    labels = np.asarray(picture_of(predict(app, URI, True, True, 0.5)))
    only_labels = np.asarray(picture_of(predict(app, URI, True, False, 0.5)))
    assert np.array_equal(boxes, np.asarray(picture_of(predict(app, URI))))
    differs = [np.any(one != plain, -1).sum() for one in (boxes, labels, only_labels)]
    assert 0 < differs[0] < differs[1]
    assert 0 < differs[2] < differs[1]


@pytest.mark.parametrize(
    ("threshold", "count", "used"), [(0.3, 3, 0.3), (0, 3, 0.5), (0.99, 0, 0.99), (1, 0, 1.0)]
)
def test_a_threshold_of_zero_means_a_half(
    app: App, threshold: float, count: int, used: float
) -> None:
    assert predict(app, URI, False, True, threshold)["data"][1] == count
    [record] = app.records()
    assert record.thresholds is not None and record.thresholds["score"] == used


def test_what_else_a_page_sends_is_of_no_use(app: App) -> None:
    body = {"data": [URI], "fn_index": 0, "session_hash": "x", "example_id": None, "cleared": False}
    answer = app.send("POST", "/api/predict/", json.dumps(body).encode(), HEADERS)
    assert json.loads(answer.body)["data"][1] == 3


@pytest.mark.parametrize("form", ["http-api", "alb"])
def test_a_picture_of_noise_fits_into_an_answer(tmp_path: Path, form: str) -> None:
    """The worst there is for PNG; `send` raises where the answer is above Lambda's limit."""
    noise = np.random.default_rng(1).integers(0, 255, (1280, 1280, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=95, subsampling=0)
    uri = PREFIX + base64.b64encode(stream.getvalue()).decode()
    exact = make_tiny_bundle(tmp_path / "exact", rule="opencv-linear")  # decodes it at full size
    with make_app(exact, tmp_path / "log") as app:
        text = predict(app, uri, form=form)["data"][0]
    room = MAX_ALB_RESPONSE_BYTES if form == "alb" else MAX_RESPONSE_BYTES
    assert len(text) <= room * 4 / 3 + 100


def test_a_large_picture_comes_back_at_1280_px(tmp_path: Path) -> None:
    exact = make_tiny_bundle(tmp_path / "exact", rule="opencv-linear")
    uri = PREFIX + base64.b64encode(encoded(RED_AND_GREEN, "PNG", 2000)).decode()
    with make_app(exact, tmp_path / "log") as app:
        assert picture_of(predict(app, uri)).size == (1280, 1280)


BAD = {
    "empty": (b"", 400, "the body is empty"),
    "no JSON": (b"data", 400, "well-formed JSON"),
    "a list": (b"[]", 400, '{"data": ["data:image/png;base64,'),
    "no data": (b"{}", 400, '{"data": ['),
    "data of nothing": (b'{"data": []}', 400, '{"data": ['),
    "no picture": (b'{"data": [null]}', 400, '{"data": ['),
    "two inputs": (json.dumps({"data": [URI, True]}).encode(), 400, "show labels, show boxes"),
    "labels of text": (json.dumps({"data": [URI, "no", True, 0.5]}).encode(), 400, "show labels"),
    "a threshold of 2": (json.dumps({"data": [URI, False, True, 2]}).encode(), 400, "from 0 to 1"),
    "no threshold": (json.dumps({"data": [URI, False, True, None]}).encode(), 400, "threshold"),
    "no base64": (b'{"data": ["data:image/png;base64,@@"]}', 400, "data[0] is not base64"),
    "a URL": (b'{"data": ["https://example.org/a.png"]}', 400, "data[0] is not base64"),
    "a text": (b'{"data": ["data:image/png;base64,aGVsbG8gd29ybGQ="]}', 415, "text"),
    "a truncated picture": (APP_BODY.replace(URI[1000:].encode(), b""), 422, "truncated"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_its_form(app: App, name: str) -> None:
    body, status, words = BAD[name]
    answer = app.send("POST", "/+/api/predict/", body, HEADERS)
    assert (answer.status, answer.header("content-type")) == (status, "application/json")
    told = json.loads(answer.body)
    assert set(told) == {"error"}
    assert words in told["error"]
    assert [record.outcome for record in app.records()] == ["rejected"]


def test_another_method_is_not_allowed(app: App) -> None:
    answer = app.send("GET", "/api/predict/")
    assert (answer.status, answer.header("allow")) == (405, "POST")
