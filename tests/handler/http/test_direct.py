"""Events without HTTP: direct invokes get the native API's JSON, scheduled ones warm, and all else
is one clear error."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App, make_app
from tests.support.moto_s3 import make_bucket
from tests.support.paths import SHARED_DATA
from tests.support.pictures import RED_AND_GREEN, jpeg

PICTURE = jpeg(RED_AND_GREEN)
TEXT = base64.b64encode(PICTURE).decode()
# EventBridge's documentation: a rule's event, and what its Scheduler sends where no input is given
SCHEDULED = {
    "rule": {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],
        "detail": {},
    },
    "scheduler": {
        "version": "0",
        "id": "a",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": "{}",
    },
}


def essence(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in VARYING}


VARYING = ("prediction_id", "timing_ms")


def test_a_direct_invoke_gets_the_native_json_without_http(app: App) -> None:
    over_http = json.loads(app.post(PICTURE, query="?score_threshold=0.4&labels=green").body)
    result = app.invoke({"image": TEXT, "score_threshold": 0.4, "labels": "green"})
    assert essence(result) == essence(over_http)
    assert result["count"] == 2
    ids = {record.prediction_id for record in app.records()}
    assert {result["prediction_id"], over_http["prediction_id"]} == ids


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({}, 3),
        ({"labels": ["red", "green"]}, 3),
        ({"labels": ["green"]}, 2),
        ({"max_detections": 1}, 1),
        ({"max_detections": "1"}, 1),
        ({"tiles": "none", "iou_threshold": 0.5}, 3),
        ({"score_threshold": None, "s3_uri": None}, 3),  # a state machine's nulls
        ({"score_threshold": 1}, 0),
    ],
)
def test_parameters_lie_beside_the_picture(app: App, members: dict[str, Any], count: int) -> None:
    assert app.invoke({"image": TEXT, **members})["count"] == count


def test_several_pictures_are_a_list(app: App) -> None:
    results = app.invoke({"images": [TEXT, "@"], "labels": "red"})
    assert results[0]["count"] == 1
    assert results[1]["problem"]["status"] == 400


def test_an_object_of_a_bucket_is_read(s3: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    bucket = make_bucket(s3, "icebox-mine")
    s3.put_object(Bucket=bucket, Key="a b.jpg", Body=PICTURE)
    with make_app(tiny_bundle, tmp_path / "log", S3_URI_BUCKETS=bucket) as app:
        assert app.invoke({"s3_uri": f"s3://{bucket}/a b.jpg"})["count"] == 3
        assert app.invoke({"s3_uri": f"s3://{bucket}/none"})["status"] == 404
        assert app.invoke({"s3_uri": "s3://other/a"})["status"] == 403


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        ({"image": "@"}, 400, "base64"),
        ({"image": ""}, 400, "empty"),
        ({"image": None}, 400, '{"image"'),
        ({"image": 7}, 400, '{"image"'),
        ({"image": {"a": 1}}, 400, '{"image"'),
        ({"images": []}, 400, '{"image"'),
        ({"image": TEXT, "images": [TEXT]}, 400, '{"image"'),
        ({"image": TEXT, "treshold": 0.5}, 400, "treshold"),
        ({"image": TEXT, "score_threshold": 2}, 400, "score_threshold"),
        ({"image": TEXT, "score_threshold": True}, 400, "score_threshold"),
        ({"image": TEXT, "score_threshold": [0.1, 0.2]}, 400, "2 times"),
        ({"image": TEXT, "score_threshold": {}}, 400, "score_threshold"),
        ({"image": base64.b64encode(b"hello").decode()}, 415, "text"),
        ({"image": base64.b64encode(PICTURE[:900]).decode()}, 422, ""),
        ({"s3_uri": 7}, 400, "s3_uri"),
        ({"s3_uri": "s3://other/a"}, 403, "bucket"),
        ({"upload_id": "0" * 32}, 404, "UPLOAD_STORE"),
    ],
)
def test_what_is_wrong_is_a_problem_as_json(
    app: App, event: dict[str, Any], status: int, words: str
) -> None:
    """No exception: a state machine chooses by `status`, and retries would not help."""
    problem = app.invoke(event)
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    assert words in problem["detail"]


def test_a_picture_too_large_is_a_problem(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path, MAX_BODY_BYTES="1000") as app:
        assert app.invoke({"image": TEXT})["status"] == 413


def test_iam_decides_who_invokes_and_no_key_is_asked_for(tiny_bundle: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"key").hexdigest()
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256=digest) as app:
        assert app.invoke({"image": TEXT})["count"] == 3
        assert app.post(PICTURE).status == 401


@pytest.mark.parametrize("form", ["http-api", "function-url", "rest-api", "alb"])
def test_no_body_over_http_makes_a_direct_invoke(
    tiny_bundle: Path, tmp_path: Path, form: str
) -> None:
    body = json.dumps({"image": TEXT}).encode()
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256="0" * 64) as app:
        event = app.event("POST", "/v1/detect", body, form=form)
        assert app.invoke(event)["statusCode"] == 401
        assert app.invoke({**event, "image": TEXT})["statusCode"] == 401


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_scheduled_event_warms(app: App, name: str) -> None:
    assert app.invoke(SCHEDULED[name]) == {"warm": True}
    assert app.records() == []


@pytest.mark.needs_shared_data
def test_the_scheduled_event_that_was_a_traceback(app: App) -> None:
    event = json.loads((SHARED_DATA / "odd_inputs" / "event_scheduled.json").read_text())
    assert app.invoke(event) == {"warm": True}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "not null"),
        ([], "not a list"),
        ([{"image": TEXT}], "not a list"),
        ("", "not a text"),
        ("warm", "not a text"),
        (7, "not 7"),
        (1.5, "not 1.5"),
        (True, "not True"),
        ({}, "the fields []"),
        ({"Records": [{"s3": {}}]}, "Records"),
        ({"detail-type": "Object Created", "source": "aws.s3"}, "detail-type"),
        ({"detail-type": ["Scheduled Event"]}, "detail-type"),
        ({"version": "2.0"}, "version"),
        ({"version": "2.0", "requestContext": None}, "requestContext"),
        ({"version": "2.0", "requestContext": {"http": []}}, "requestContext"),
        ({"requestContext": {"elb": {}}}, "requestContext"),
        ({"httpMethod": None}, "httpMethod"),
        ({"httpMethod": 7, "image": TEXT}, "httpMethod"),
        ({"picture": TEXT}, "picture"),
        ({"x" * 10_000: 1}, "xxx"),
    ],
)
def test_all_else_is_one_clear_error(app: App, event: Any, words: str) -> None:
    with pytest.raises(ValueError, match="this is no HTTP event; expected one of") as raised:
        app.invoke(event)
    assert words in str(raised.value)
    assert '{"image": "<base64>"}' in str(raised.value)
    assert len(str(raised.value)) < 700
    assert app.records() == []
