"""Answers in gzip: for clients that accept it, by gateways that pass bytes on."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from handler.http.compression import MIN_BYTES
from handler.http.events import accepts_gzip
from scripts.local.http_event import FORMS
from tests.support.app import App
from tests.support.pictures import RED_AND_GREEN, jpeg

GZIP = [("Accept-Encoding", "gzip, deflate, br")]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("gzip", True), ("", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.0, br", False)]
    + [("GZIP;q=0.5", True), ("*", True), ("*;q=0", False), ("gzip;q=0, *", False)],
)
def test_compression_is_the_clients_choice(accept: str, expected: bool) -> None:
    assert accepts_gzip(accept) is expected


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_packed_where_its_gateway_passes_bytes_on(app: App, form: str) -> None:
    picture = jpeg(RED_AND_GREEN)
    target = "/v1/detect?score_threshold=0"
    plain = app.send("POST", target, picture, form=form)
    packed = app.send("POST", target, picture, headers=GZIP, form=form)
    assert plain.header("Content-Encoding") is None
    assert plain.header("Vary") == packed.header("Vary") == "Accept-Encoding"
    assert packed.header("Content-Type") == "application/json"
    if form == "rest-api":
        body = packed.body
        assert packed.header("Content-Encoding") is None
    else:
        body = gzip.decompress(packed.body)
        assert packed.header("Content-Encoding") == "gzip"
        assert len(packed.body) < len(body) / 2
    assert json.loads(body)["detections"] == json.loads(plain.body)["detections"]
    assert len(body) > MIN_BYTES


def test_a_short_answer_is_not_packed(app: App) -> None:
    health = app.send("GET", "/health", headers=GZIP)
    assert health.header("Content-Encoding") is None and json.loads(health.body)
    problem = app.send("POST", "/v1/detect", headers=GZIP)
    assert problem.status == 400 and json.loads(problem.body)


def test_a_picture_in_json_is_not_packed_again(app: App) -> None:
    document = {"data": ["data:image/png;base64," + base64.b64encode(jpeg(RED_AND_GREEN)).decode()]}
    answer = app.send("POST", "/api/predict", json.dumps(document).encode(), headers=GZIP)
    assert answer.header("Content-Encoding") is None
    assert len(json.loads(answer.body)["data"][0]) > MIN_BYTES


def test_half_a_surrogate_pair_is_packed_as_it_is_sent(app: App) -> None:
    headers = [*GZIP, ("Content-Type", "application/json")]
    body = json.dumps({"images": ["\ud800" * 50] * 16}).encode()
    plain = app.send("POST", "/v1/detect", body, headers=headers[1:])
    packed = app.send("POST", "/v1/detect", body, headers=headers)
    assert packed.header("Content-Encoding") == "gzip"
    strip = lambda text: [each["problem"]["detail"] for each in json.loads(text)]  # noqa: E731
    assert strip(gzip.decompress(packed.body)) == strip(plain.body)
