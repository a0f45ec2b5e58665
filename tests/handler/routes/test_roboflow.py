"""POST /PROJECT/VERSION: the bytes that Roboflow's clients send, read off roboflow 1.7.3 and
inference-sdk (infer_from_api_v0) while they ran against scripts/serve."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from scripts.local.http_event import FORMS
from tests.support.app import App
from tests.support.pictures import RED_AND_GREEN, jpeg, png

PICTURE = jpeg(RED_AND_GREEN)
BASE64 = base64.b64encode(PICTURE)
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
BODIES = {
    "roboflow": (BASE64, FORM),
    "roboflow, a path": (base64.b64encode(png(RED_AND_GREEN)), FORM),
    "inference-sdk": (BASE64, [("Content-Type", "application/json")]),
    "curl -d of `base64`, folded": (base64.encodebytes(PICTURE), FORM),
    "a data URI": (b"data:image/jpeg;base64," + BASE64, FORM),
    "multipart": (
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + PICTURE + b"\r\n--XX--\r\n",
        [("Content-Type", "multipart/form-data; boundary=XX")],
    ),
    "bytes": (PICTURE, FORM),
}
ROBOFLOW = (
    "?api_key=KEY&name=YOUR_IMAGE.jpg&overlap=30&confidence=40&stroke=1&labels=false&format=json"
)
SDK = (
    "?api_key=KEY&confidence=0.3&format=json&allow_reduced_mask_resolution=False"
    "&max_detections=7&overlap=0.4&disable_active_learning=False"
)


def detect(app: App, query: str = "", path: str = "/cells/3") -> Any:
    answer = app.send("POST", path + query, BASE64, FORM)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", BODIES)
def test_every_form_has_the_same_boxes(app: App, name: str, form: str) -> None:
    body, headers = BODIES[name]
    answer = app.send("POST", f"/cells/3{ROBOFLOW}", body, headers, form)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    made = json.loads(answer.body)
    assert 0 < made.pop("time") < 30
    call_id = made.pop("inference_id")
    assert made.pop("image") == {"width": 640, "height": 640}
    boxes = sorted(made.pop("predictions"), key=lambda each: each["y"])
    assert made == {}
    assert {each.pop("detection_id") for each in boxes} == {f"{call_id}-{i}" for i in range(3)}
    assert min(each.pop("confidence") for each in boxes) > 0.9
    assert boxes == [
        {"x": 120, "y": 120, "width": 80, "height": 80, "class": "red", "class_id": 0},
        {"x": 360, "y": 280, "width": 80, "height": 80, "class": "green", "class_id": 1},
        {"x": 440, "y": 520, "width": 80, "height": 80, "class": "green", "class_id": 1},
    ]
    [record] = app.records()
    assert record.prediction_id == call_id
    assert record.route == "/{project}/{version:int}"


@pytest.mark.parametrize(
    ("query", "thresholds"),
    [
        ("", (0.5, 0.5, 100)),
        (ROBOFLOW, (0.4, 0.3, 100)),
        (SDK, (0.3, 0.4, 7)),
        ("?confidence=100&overlap=0", (1.0, 0.0, 100)),
        ("?confidence=1&overlap=1", (0.01, 0.01, 100)),
        ("?confidence=0.5&overlap=99.5", (0.5, 0.995, 100)),
        ("?confidence=&overlap=", (0.5, 0.5, 100)),
    ],
)
def test_per_cent_is_read_as_their_server_reads_it(
    app: App, query: str, thresholds: tuple[float, float, int]
) -> None:
    detect(app, query)
    [record] = app.records()
    assert record.thresholds == dict(
        zip(("score", "iou", "max_detections"), map(pytest.approx, thresholds), strict=True)
    )


def test_classes_choose_what_is_answered_and_not_what_is_recorded(app: App) -> None:
    found = detect(app, "?classes=green,")["predictions"]
    assert [each["class"] for each in found] == ["green", "green"]
    assert len(detect(app, "?classes=red, green")["predictions"]) == 3
    assert {record.count for record in app.records()} == {3}


def test_a_picture_may_be_asked_for(app: App) -> None:
    def drawn(query: str) -> np.ndarray:
        body = base64.b64encode(png(RED_AND_GREEN))  # a JPEG's pixels are reduced
        answer = app.send("POST", f"/cells/3?format=image{query}", body, FORM)
        assert (answer.status, answer.header("content-type")) == (200, "image/jpeg")
        return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB")).astype(int)

    thin, thick, labelled = drawn(""), drawn("&stroke=6"), drawn("&labels=on")
    assert thin.shape == (640, 640, 3)
    assert np.any(abs(thick - thin) > 60) and np.any(abs(labelled - thin) > 60)


@pytest.mark.parametrize("path", ["/cells/x", "/cells/1.5", "/cells/-1", "/cells/²", "/a/b/3"])
def test_a_version_is_a_number_so_that_no_other_path_is_swallowed(app: App, path: str) -> None:
    for method in ("GET", "POST"):
        answer = app.send(method, quote(path), BASE64, FORM)
        assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")


BAD = {
    "empty": ("", b"", 400, "the body is empty"),
    "a URL to fetch": ("?image=https%3A%2F%2Fexample.org%2Fa.jpg", b"", 400, "not fetched"),
    "a text": ("", b"hello, world", 415, "text"),
    "base64 of a text": ("", base64.b64encode(b"hello, world"), 415, "text"),
    "base64 cut off": ("", BASE64[:2001], 400, "the body is not base64"),
    "truncated": ("", BASE64[:2000], 422, "truncated"),
    "confidence of 101": ("?confidence=101", BASE64, 400, "confidence must be a number from 0 to"),
    "overlap of text": ("?overlap=some", BASE64, 400, "overlap must be a number"),
    "confidence of nan": ("?confidence=nan", BASE64, 400, "'nan'"),
    "another format": ("?format=mask", BASE64, 400, "format must be json or image, not 'mask'"),
    "an unknown class": ("?classes=blue", BASE64, 400, "unknown class 'blue'"),
    "a stroke of 0": ("?stroke=0", BASE64, 400, "stroke must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_their_form(app: App, name: str) -> None:
    query, body, status, words = BAD[name]
    answer = app.send("POST", f"/cells/3{query}", body, FORM)
    assert (answer.status, answer.header("content-type")) == (status, "application/json")
    assert words in json.loads(answer.body)["message"]
    assert [record.outcome for record in app.records()] == ["rejected"]


def test_another_method_is_not_allowed(app: App) -> None:
    answer = app.send("GET", "/cells/3")
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert "message" in json.loads(answer.body)
