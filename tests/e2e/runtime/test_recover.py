"""Records that only the function's log group holds come back into the bucket: from the function
under the runtime client, by CloudWatch Logs and S3 over HTTP, with the command line."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from handler.records.record import PredictionRecord
from scripts.monitor.__main__ import main
from tests.e2e.runtime.test_lab import DETECT, SIXTEEN, ids
from tests.support.faulty_s3 import faulty_s3
from tests.support.lab import lab
from tests.support.moto_s3 import keys, make_bucket

GROUP = "/icebox/icebox-dev/function"


@pytest.fixture
def logs(s3: Any, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the moto server's CloudWatch Logs, with an empty GROUP."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", s3_endpoint)
    client = boto3.client("logs")
    if client.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        client.delete_log_group(logGroupName=GROUP)
    client.create_log_group(logGroupName=GROUP)
    return client


def put_lines(logs: Any, stream: str, lines: list[str]) -> None:
    """Each line as an event, as Lambda does."""
    now = int(time.time() * 1000)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    events = [{"timestamp": now, "message": f"{line}\n"} for line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


@pytest.mark.parametrize("prediction_log", ["s3://log", "s3://log?batch=100"])
def test_what_only_the_log_group_holds_comes_back(
    tmp_path: Path, tiny_bundle: Path, s3: Any, logs: Any, prediction_log: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    bucket = make_bucket(s3, "recovered-from-a-log-group")
    with faulty_s3(lambda: "403") as refusing:
        env = {
            "MODEL_DIR": str(tiny_bundle),
            "PREDICTION_LOG": prediction_log,
            "AWS_ENDPOINT_URL_S3": refusing.url,
            "LOG_LEVEL": "ERROR",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
        }
        with lab(tmp_path, env) as running:
            expected = [each for event in (DETECT, SIXTEEN) for each in ids(running.invoke(event))]
            written = running.log.splitlines()
    put_lines(logs, "2026/11/29/[7]a", written)
    command = ["recover", "--log-group", GROUP, "--window", "1h", "--into", f"s3://{bucket}"]
    assert main(command) == 0
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys(s3, bucket)]
    found = [PredictionRecord.from_json(gzip.decompress(body)) for body in bodies]
    assert sorted(record.prediction_id for record in found) == sorted(expected)
    assert {record.function_version for record in found} == {"7"}
    assert main(command) == 0  # it may be repeated
    assert len(keys(s3, bucket)) == len(expected)
    out = capsys.readouterr().out
    assert f"{len(expected)} records put, 0 there already, 0 corrupt" in out
    assert f"0 records put, {len(expected)} there already, 0 corrupt" in out


def test_what_the_aws_command_line_prints_is_read(
    tmp_path: Path, tiny_bundle: Path, s3: Any, logs: Any
) -> None:
    """`aws logs filter-log-events` writes JSON with a line for each member."""
    with faulty_s3(lambda: "403") as refusing:
        env = {
            "MODEL_DIR": str(tiny_bundle),
            "PREDICTION_LOG": "s3://log",
            "AWS_ENDPOINT_URL_S3": refusing.url,
        }
        with lab(tmp_path, env) as running:
            expected = ids(running.invoke(SIXTEEN))
            put_lines(logs, "2026/11/29/[7]a", running.log.splitlines())
    answer = logs.filter_log_events(logGroupName=GROUP)
    printed = {name: answer[name] for name in ("events", "searchedLogStreams")}
    (tmp_path / "log.json").write_text(json.dumps(printed, indent=4))
    (tmp_path / "store").mkdir()
    assert main(["recover", str(tmp_path / "log.json"), "--into", str(tmp_path / "store")]) == 0
    names = [path.name for path in (tmp_path / "store").rglob("*.json.gz")]
    assert sorted(names) == sorted(f"{each}.json.gz" for each in expected)


def test_lines_outside_the_window_stay(tmp_path: Path, logs: Any, capsys: Any) -> None:
    (tmp_path / "store").mkdir()
    put_lines(logs, "a", ['{"prediction_record": "of no schema"}'])
    arguments = ["recover", "--log-group", GROUP, "--into", str(tmp_path / "store"), "--window"]
    assert main([*arguments, "2026-01-01..2026-01-02"]) == 0
    assert "0 records put, 0 there already, 0 corrupt" in capsys.readouterr().out
    assert main([*arguments, "1h"]) == 1
    told = capsys.readouterr()
    assert "1 corrupt" in told.out and f"{GROUP}: a at " in told.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--log-group", "/no/such"], "FunctionLogGroupName"),
        ([], "--log-group NAME"),
        (["--log-group", GROUP, "--window", "soon"], "7d"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, logs: Any, arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match=told):
        main(["recover", *arguments, "--into", str(tmp_path)])


def test_without_a_region_it_says_what_to_set(
    tmp_path: Path, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="set AWS_REGION"):
        main(["recover", "--log-group", GROUP, "--into", str(tmp_path)])
