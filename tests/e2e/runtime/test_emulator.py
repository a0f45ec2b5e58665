"""The function in the real runtime: awslambdaric under Lambda's runtime interface emulator."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from handler.records.record import PredictionRecord
from scripts.local.http_event import HttpRequest, to_http_api, to_response
from tests.support.emulator import Emulator, emulator
from tests.support.http import Reply, fake_server
from tests.support.pictures import RED, jpeg

pytestmark = pytest.mark.needs_emulator
DETECT = to_http_api(HttpRequest("POST", "/v1/detect", [("content-type", "image/jpeg")], jpeg(RED)))
# What a client over HTTP might try: none of it is a client context.
HEADERS_OF_A_REHEARSAL = {
    "x-amz-client-context": base64.b64encode(b'{"custom": {"icebox": "rehearsal"}}').decode(),
    "lambda-runtime-client-context": '{"custom": {"icebox": "rehearsal"}}',
}
HEALTH = to_http_api(HttpRequest("GET", "/health"))


def records(root: Path) -> list[PredictionRecord]:
    files = sorted(root.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns)
    return [PredictionRecord.from_json(gzip.decompress(path.read_bytes())) for path in files]


def detect(running: Emulator) -> dict[str, Any]:
    status, result = running.invoke(DETECT)
    assert status == 200
    answer = to_response(result)
    assert answer.status == 200
    return json.loads(answer.body)


def test_one_environment_answers_many_and_records_each(tmp_path: Path, tiny_bundle: Path) -> None:
    env = {"MODEL_DIR": str(tiny_bundle), "PREDICTION_LOG": (tmp_path / "log").as_uri()}
    with emulator(tmp_path, env) as running:
        first, second = detect(running), detect(running)
        health, _ = running.invoke(HEALTH)
        third = detect(running)
        log = running.log
    assert health == 200
    assert first["detections"] == second["detections"] == third["detections"]
    assert first["count"] > 0
    stored = records(tmp_path / "log")
    assert [record.prediction_id for record in stored] == [
        answer["prediction_id"] for answer in (first, second, third)
    ]
    assert [record.cold_start for record in stored] == [True, False, False]
    # One INIT for all four: the session is made once.
    assert log.count("INIT START") == 1
    assert log.count('"ColdStart":[1]') == 1


def test_the_record_is_written_after_the_response(tmp_path: Path, tiny_bundle: Path) -> None:
    with fake_server(lambda _: Reply(403)) as s3:
        env = {
            "MODEL_DIR": str(tiny_bundle),
            "PREDICTION_LOG": "s3://log",
            "AWS_ENDPOINT_URL_S3": s3.url,
        }
        with emulator(tmp_path, env) as running:
            answers = [detect(running) for _ in range(3)]
            log = running.log
            kept = [line["prediction_record"] for line in running.lines("prediction_record")]
    assert [record["prediction_id"] for record in kept] == [a["prediction_id"] for a in answers]
    assert [record["count"] for record in kept] == [a["count"] for a in answers]
    # The runtime's end, then the record's line: three times, in this order.
    marks = [
        line for line in log.splitlines() if "INVOKE RTDONE" in line or "prediction_record" in line
    ]
    assert ["RTDONE" in mark for mark in marks] == [True, False] * 3


REHEARSAL = {"custom": {"icebox": "rehearsal"}}


def test_a_rehearsal_answers_and_leaves_nothing(tmp_path: Path, tiny_bundle: Path) -> None:
    env = {
        "MODEL_DIR": str(tiny_bundle),
        "PREDICTION_LOG": (tmp_path / "log").as_uri(),
        "CAPTURE_RATE": "1",
    }
    with emulator(tmp_path, env) as running:
        _, rehearsed = running.invoke(DETECT, REHEARSAL)
        _, refused = running.invoke({"image": "no picture"}, REHEARSAL)
        in_headers = {**DETECT, "headers": {**DETECT["headers"], **HEADERS_OF_A_REHEARSAL}}
        _, by_header = running.invoke(in_headers)
        answer = detect(running)
        lines, metrics = running.lines("status"), running.lines("_aws")
    assert json.loads(rehearsed["body"])["count"] == answer["count"]
    assert refused["status"] == 415
    kept = [json.loads(by_header["body"])["prediction_id"], answer["prediction_id"]]
    assert [record.prediction_id for record in records(tmp_path / "log")] == kept
    assert len(list((tmp_path / "log" / "captures").rglob("*.jpg"))) == 2
    answered = [line.get("rehearsal") for line in lines if line["message"] == "answered"]
    assert answered == [True, True, None, None]
    assert len(metrics) == 2
    assert {record.function_version for record in records(tmp_path / "log")} == {"$LATEST"}


def test_a_bug_ends_in_an_error_and_the_next_request_is_served(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    env = {"MODEL_DIR": str(tiny_bundle), "PREDICTION_LOG": (tmp_path / "log").as_uri()}
    with emulator(tmp_path, env) as running:
        _, error = running.invoke({"no": "HTTP event"})
        answer = detect(running)
    assert error["errorType"] == "ValueError"
    assert "no HTTP event" in error["errorMessage"]
    assert [record.prediction_id for record in records(tmp_path / "log")] == [
        answer["prediction_id"]
    ]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("MODEL_DIR", "{tmp}", "model.json is missing"),
        ("PREDICTION_LOG", "ftp://x", "PREDICTION_LOG='ftp://x'"),
    ],
)
def test_what_cannot_be_served_fails_the_init(
    tmp_path: Path, tiny_bundle: Path, name: str, value: str, text: str
) -> None:
    env = {"MODEL_DIR": str(tiny_bundle), name: value.replace("{tmp}", str(tmp_path))}
    with emulator(tmp_path, env) as running:
        status, result = running.invoke(DETECT)
        assert status == 502 or "errorType" in result
        assert text in running.log or text in json.dumps(result)


def test_a_broken_bundle_fails_the_init(tmp_path: Path, tiny_bundle: Path) -> None:
    for name in ("model.onnx", "model.json"):
        (tmp_path / name).write_bytes((tiny_bundle / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"broken")
    env = {"MODEL_DIR": str(tmp_path), "PREDICTION_LOG": (tmp_path / "log").as_uri()}
    with emulator(tmp_path, env) as running:
        _, result = running.invoke(DETECT)
        log = running.log
    assert "statusCode" not in result
    assert "sha256" in log
