"""POST /hf and /models/NAME: the bytes that Hugging Face's clients send, and what is no such.

The forms are what huggingface_hub 2.4.0 and @huggingface/inference 4.13 put on the wire;
tests/clients runs both.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from handler.problems import Forbidden
from handler.routes.huggingface import problem_format
from scripts.local.http_event import FORMS
from tests.support.app import App
from tests.support.pictures import RED_AND_GREEN, jpeg

PICTURE = jpeg(RED_AND_GREEN)
JSON = [("Content-Type", "application/json")]
BASE64 = base64.b64encode(PICTURE).decode()


def body(**members: Any) -> bytes:
    return json.dumps({"inputs": BASE64, **members}).encode()


BODIES = {
    "bytes": (PICTURE, []),
    "path": (PICTURE, [("Content-Type", "image/jpeg")]),
    "JSON": (body(parameters={"threshold": 0.5}), JSON),
    "JSON, unlabelled": (body(parameters={}), []),
    "JSON of the former API": (body(options={"wait_for_model": True}), JSON),
    "JSON with nulls": (body(parameters={"threshold": None}), JSON),
    "data URI": (body(inputs=f"data:image/jpeg;base64,{BASE64}"), JSON),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", BODIES)
def test_every_form_has_the_same_answer(app: App, name: str, form: str) -> None:
    data, headers = BODIES[name]
    native = json.loads(app.post(PICTURE).body)["detections"]
    answer = app.send("POST", "/hf", data, headers, form)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert json.loads(answer.body) == native
    assert len(native) == 3


def test_the_threshold_is_used_and_recorded(app: App) -> None:
    assert json.loads(app.send("POST", "/hf", body(parameters={"threshold": 1}), JSON).body) == []
    [record] = app.records()
    assert record.thresholds == {"score": 1.0, "iou": 0.5, "max_detections": 100}
    assert record.route == "/hf"


BAD = {
    "empty": (b"", [], 400, "the body is empty"),
    "text": (b"hello", [], 415, "text"),
    "truncated": (PICTURE[:900], [], 422, "truncated"),
    "no inputs": (b'{"image": "aGk="}', JSON, 400, '{"inputs"'),
    "inputs of a URL": (body(inputs="https://example.org/a.jpg"), JSON, 400, "is not base64"),
    "inputs of a list": (body(inputs=["a"]), JSON, 400, '{"inputs"'),
    "broken JSON": (b'{"inputs": ', JSON, 400, "well-formed JSON"),
    "a list": (b"[]", JSON, 400, '{"inputs"'),
    "a threshold too high": (body(parameters={"threshold": 40}), JSON, 400, "1, not '40'"),
    "a threshold of text": (body(parameters={"threshold": "high"}), JSON, 400, "'high'"),
    "a threshold of a list": (body(parameters={"threshold": [1]}), JSON, 400, "from 0 to 1"),
    "a threshold of true": (body(parameters={"threshold": True}), JSON, 400, "from 0 to 1"),
    "a threshold too large for a float": (
        body().replace(b"}", b', "parameters": {"threshold": 1' + b"0" * 400 + b"}}"),
        JSON, 400, "from 0 to 1",
    ),
    "an unknown parameter": (body(parameters={"treshold": 0.5}), JSON, 400, "'treshold'"),
    "parameters of a list": (body(parameters=[1]), JSON, 400, "threshold"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_their_form(app: App, name: str) -> None:
    data, headers, status, words = BAD[name]
    answer = app.send("POST", "/hf", data, headers)
    assert (answer.status, answer.header("content-type")) == (status, "application/json")
    told = json.loads(answer.body)
    assert words in told["error"]
    [record] = app.records()
    assert (record.outcome, record.problem) == ("rejected", told["error_type"])


@pytest.mark.parametrize("path", ["/models/detr", "/models/facebook/detr", "/models/detr/health"])
def test_another_model_is_not_found(app: App, path: str) -> None:
    answer = app.send("GET" if path.endswith("health") else "POST", path, PICTURE)
    assert answer.status == 404
    assert "the model here is 'squares', not 'detr'" in json.loads(answer.body)["error"]
    assert app.records() == []


def test_other_methods_are_not_allowed(app: App) -> None:
    answer = app.send("GET", "/hf")
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert "error" in json.loads(answer.body)


@pytest.mark.parametrize("path", ["/hf", "/models/squares", "/models/a/squares"])
def test_health_lies_below_each_url(app: App, path: str) -> None:
    answer = app.send("GET", f"{path}/health")
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "ok")


def test_a_403_has_its_reason_where_the_python_client_looks() -> None:
    answer = problem_format(Forbidden("this key is not known – here"), "id")
    assert answer.headers["X-Error-Message"] == "this key is not known ? here"
