"""The composition root, in one process: from the event to answer, record, log line and metrics."""

from __future__ import annotations

import gc
import gzip
import json
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from handler.records.record import PredictionRecord
from handler.routes import predictor
from tests.e2e.browser.pictures import squares
from tests.support.app import App
from tests.support.pictures import RED, RED_AND_GREEN, jpeg


def test_no_picture_is_a_problem_and_a_rejected_record(app: App) -> None:
    answer = app.post(b"")
    assert answer.status == 400
    assert answer.header("content-type") == "application/problem+json"
    [record] = app.records()
    assert (record.outcome, record.problem) == ("rejected", "urn:icebox:problem:bad-request")
    assert (record.image, record.count, record.detections) == (None, None, [])
    assert json.loads(answer.body)["instance"].endswith(record.prediction_id)


def test_a_picture_is_answered_and_recorded(app: App) -> None:
    picture = jpeg(RED_AND_GREEN)
    answer = app.post(picture)
    result = json.loads(answer.body)
    [record] = app.records()
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert result["prediction_id"] == record.prediction_id
    assert result["counts"] == record.counts == {"red": 1, "green": 2}
    assert result["count"] == record.count == 3
    assert result["detections"] == record.detections
    assert result["timing_ms"] == record.timing_ms
    assert result["thresholds"] == record.thresholds
    assert record.image
    assert (record.image.bytes, record.image.format, record.image.width) == (
        len(picture),
        "JPEG",
        640,
    )
    assert record.outcome == "ok"
    assert record.problem is None


def test_nothing_found_is_an_answer_too(app: App) -> None:
    result = json.loads(app.post(jpeg([])).body)
    assert (result["count"], result["detections"]) == (0, [])
    assert result["counts"] == {"red": 0, "green": 0}


def test_the_first_call_alone_is_a_cold_start(app: App) -> None:
    app.post(jpeg(RED))
    app.post(jpeg(RED))
    assert sorted(record.cold_start for record in app.records()) == [False, True]


def test_a_record_tells_nothing_of_the_client(app: App) -> None:
    secret = [
        ("authorization", "Bearer hush"),
        ("x-forwarded-for", "203.0.113.9"),
        ("cookie", "a=hush"),
    ]
    app.post(jpeg(RED), headers=secret, query="?api_key=hush")
    app.post(jpeg(RED), headers=secret)
    for record in app.records():
        assert "hush" not in record.to_json()
        assert "203.0.113.9" not in record.to_json()


def test_health_and_model_leave_no_record(app: App) -> None:
    health, model = app.send("GET", "/health"), app.send("GET", "/v1/model")
    assert json.loads(health.body) == {
        "status": "ok",
        "model": {"name": "squares", "version": "1.0.0"},
    }
    assert json.loads(model.body)["classes"] == ["red", "green"]
    assert json.loads(model.body)["schema"] == "bundle/1"
    assert app.records() == []


def test_an_unknown_path_is_a_problem(app: App) -> None:
    answer = app.send("GET", "/v1/detct")
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert "POST /v1/detect" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_a_problem(app: App, method: str) -> None:
    answer = app.send(method, "/v1/detect")
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert answer.header("content-type") == "application/problem+json"


def test_what_is_no_http_event_raises(app: App) -> None:
    with pytest.raises(ValueError, match="no HTTP event"):
        app.invoke({"Records": []})


def test_a_bug_raises_and_leaves_no_record(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "predict", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.post(jpeg(RED))
    assert app.records() == []


def test_a_failing_log_does_not_touch_the_answer(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.loads(app.post(jpeg(RED)).body)
    shutil.rmtree(app.log_root / "predictions")
    (app.log_root / "predictions").write_text("a file where the log has its folder")
    capsys.readouterr()
    answer = json.loads(app.post(jpeg(RED)).body)
    assert answer["detections"] == good["detections"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [kept] = [line["prediction_record"] for line in lines if "prediction_record" in line]
    assert PredictionRecord.from_json(json.dumps(kept)).prediction_id == answer["prediction_id"]


def test_one_log_line_and_metrics_of_a_prediction(
    app: App, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    capsys.readouterr()
    result = json.loads(app.post(jpeg(RED)).body)
    [log] = [vars(line) for line in caplog.records if line.name == "icebox"]
    assert (log["prediction_id"], log["status"], log["count"]) == (result["prediction_id"], 200, 1)
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Icebox"
    assert (metrics["Detections"], metrics["Rejected"]) == ([1.0], [0.0])
    assert metrics["InferenceTime"] == [result["timing_ms"]["inference"]]


@pytest.mark.parametrize("threshold", ["0.05", "0.99"])
def test_the_metric_of_detections_is_the_same_whatever_a_client_asks_for(
    app: App, capsys: pytest.CaptureFixture[str], threshold: str
) -> None:
    """The page asks for all there is, and would look like drift."""
    model = json.loads(app.send("GET", "/v1/model").body)["thresholds"]["score"]
    picture = squares()
    capsys.readouterr()
    counts = []
    for asked in (str(model), threshold):
        answer = json.loads(app.post(picture, query=f"?score_threshold={asked}").body)
        metrics = json.loads(capsys.readouterr().out)
        counts.append((answer["count"], metrics["Detections"]))
    assert counts[0][0] != counts[1][0]
    assert counts[0][1] == counts[1][1] == [counts[0][0]]


@pytest.mark.parametrize("body", [jpeg(RED), b"", b"no picture", jpeg(RED)[:999]])
def test_nothing_keeps_the_context_once_it_is_answered(app: App, body: bytes) -> None:
    """Or the record would wait: its end is the sign that the response has left."""
    event, context = app.event("POST", "/v1/detect", body), app.context()
    ended = weakref.ref(context)
    gc.collect()
    gc.disable()
    try:
        app.module.lambda_handler(event, context)
        del context
        assert ended() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("log", ["s3://bucket/prefix", "s3://bucket?batch=9", "firehose://records"])
def test_the_way_to_the_answer_is_free_of_the_aws_sdk(tiny_bundle: Path, log: str) -> None:
    code = (
        "import sys, handler.app as app\n"
        "app.lambda_handler({'version': '2.0', 'rawPath': '/health', 'requestContext': "
        "{'stage': '$default', 'http': {'method': 'GET', 'path': '/health'}}}, None)\n"
        "heavy = {'boto3', 'botocore.session', 'botocore.client', 'multipart', 'pi_heif',"
        " 'PIL.ImageFont', 'PIL.ImageDraw', 'pydantic', 'aws_xray_sdk'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    env = {
        "MODEL_DIR": str(tiny_bundle),
        "PREDICTION_LOG": log,
        "FEEDBACK_STORE": "s3://bucket",
        "ORT_THREADS": "1",
    }
    done: Any = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_records_are_the_files_the_key_says(app: App) -> None:
    app.post(jpeg(RED))
    [record] = app.records()
    path = app.log_root / record.key
    assert json.loads(gzip.decompress(path.read_bytes())) == json.loads(record.to_json())
