"""The scheduled monitor in the real runtime, on a moto server's S3 and SNS over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from handler.bundle.files import load_bundle
from tests.support.emulator import Emulator, emulator
from tests.support.moto_s3 import keys, make_bucket
from tests.support.paths import ROOT
from tests.support.topic import Topic, make_topic
from tests.support.traffic import put_traffic

pytestmark = pytest.mark.needs_emulator
BUCKET = "watched"
HANDLER = "scripts.monitor.cloud.function.lambda_handler"
MODEL = load_bundle(ROOT / "handler" / "model").manifest
REPORTS = f"reports/model={MODEL.name}/version={MODEL.version}"


@pytest.fixture
def topic(s3_endpoint: str, s3: Any) -> Topic:
    return make_topic(s3_endpoint, "alarms")


def environment(endpoint: str, topic: Topic) -> dict[str, str]:
    return {
        "MONITOR_SOURCE": f"s3://{BUCKET}",
        "MONITOR_TOPIC": topic.arn,
        "MONITOR_STACK": "icebox-test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "NO_PROXY": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
    }


def run(running: Emulator) -> Any:
    """As EventBridge invokes it."""
    status, result = running.invoke({"source": "aws.events", "detail-type": "Scheduled Event"})
    assert status == 200 and "errorType" not in result, result
    return result


def test_a_shift_is_reported_and_told_once(
    s3: Any, s3_endpoint: str, topic: Topic, tmp_path: Path
) -> None:
    make_bucket(s3, BUCKET)
    put_traffic(s3, BUCKET, datetime.now(UTC), shift="blur:strong@day1")
    with emulator(tmp_path, environment(s3_endpoint, topic), HANDLER) as running:
        first, second = run(running), run(running)
        lines = running.lines("_aws")
    assert first["reported"] == second["reported"] == [f"{MODEL.name} {MODEL.version}"]
    assert len(first["alarms"]) == 1 and second["alarms"] == []
    assert not first["undone"] and not first["failed"]

    (message,) = topic.messages()
    told = f"icebox-test: {MODEL.name} {MODEL.version}: changed ("
    assert message["Subject"].startswith(told)
    page_link = next(
        line.partition(": ")[2]
        for line in message["Message"].splitlines()
        if "X-Amz-Signature" in line
    )
    with urlopen(page_link) as response:
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        page = response.read().decode()
    assert message["Message"].splitlines()[0][:30] in page
    stored = keys(s3, BUCKET)
    assert {f"{REPORTS}/latest.html", f"{REPORTS}/latest.json", f"{REPORTS}/state.json"} <= {
        *stored
    }
    assert "reports/index.html" in stored
    result = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{REPORTS}/latest.json")["Body"].read())
    assert result["status"] == "changed"

    drift = [line["Drift"] for line in lines if "Drift" in line]
    assert drift == [1, 1]
    assert [line["MonitorRun"] for line in lines if "MonitorRun" in line] == [1, 1]

    # The day before the last is over: its records are one Parquet file, and counted all the same.
    today = datetime.now(UTC).date()
    old = [key for key in stored if key.startswith("predictions/") and f"dt={today}" not in key]
    closed = today - timedelta(days=2)
    assert not [key for key in old if f"dt={closed}" in key]
    assert [key for key in stored if key.startswith("compacted/") and f"dt={closed}" in key]
    assert result["read"]["records"] == 400


def test_what_cannot_be_read_ends_in_an_error_that_lambda_counts(
    s3: Any, s3_endpoint: str, topic: Topic, tmp_path: Path
) -> None:
    env = environment(s3_endpoint, topic) | {"MONITOR_SOURCE": "s3://no-such-bucket"}
    with emulator(tmp_path, env, HANDLER) as running:
        _, result = running.invoke({})
    assert result["errorType"] == "ToolError"
    assert "NoSuchBucket" in result["errorMessage"]
