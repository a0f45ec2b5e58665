"""Records in S3: a moto server over HTTP, and an endpoint that fails in every way S3 can."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.records import log, retries
from handler.records.log import PredictionLog, open_log
from handler.records.record import PredictionRecord
from tests.support.http import Reply, Seen, fake_server
from tests.support.moto_s3 import make_bucket
from tests.support.records import make_record

RECORD = make_record()
BUSY = Reply(
    503, b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
)
DENIED = Reply(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def bucket(s3: Any) -> Any:
    make_bucket(s3, "icebox-log")
    return s3


def open_s3(url: str) -> PredictionLog:
    log = open_log(url)
    assert log
    return log


@pytest.mark.parametrize(
    ("url", "prefix"), [("s3://icebox-log", ""), ("s3://icebox-log/a/b/", "a/b/")]
)
def test_a_record_lies_at_its_key(
    bucket: Any, url: str, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    open_s3(url).write(RECORD)
    stored = bucket.get_object(Bucket="icebox-log", Key=prefix + RECORD.key)
    assert PredictionRecord.from_json(gzip.decompress(stored["Body"].read())) == RECORD
    assert stored["ContentType"] == "application/gzip"
    assert capsys.readouterr().out == ""


def test_a_missing_bucket_is_printed_at_once(
    bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    open_s3("s3://no-such-bucket").write(RECORD)
    line = json.loads(capsys.readouterr().out)
    assert "NoSuchBucket" in line["reason"]
    assert line["prediction_record"] == json.loads(RECORD.to_json())


def against(answer: Callable[[Seen], Reply], monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    with fake_server(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        open_s3("s3://log").write(RECORD)
        return server.seen


def test_a_busy_s3_is_asked_again_until_it_takes_the_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = iter([BUSY, Reply(500), Reply(200)])
    seen = against(lambda _: next(replies), monkeypatch)
    assert [(one.method, one.path) for one in seen] == [
        ("PUT", f"/log/{RECORD.key.replace('=', '%3D')}")
    ] * 3
    assert capsys.readouterr().out == ""


def test_a_forbidden_s3_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = against(lambda _: DENIED, monkeypatch)
    line = json.loads(capsys.readouterr().out)
    assert len(seen) == 1
    assert "AccessDenied" in line["reason"]
    assert line["prediction_record"]["prediction_id"] == RECORD.prediction_id


def test_an_s3_that_stays_down_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retries, "RETRY_BUDGET_S", 4.0)
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.01)
    seen = against(lambda _: BUSY, monkeypatch)
    assert len(seen) >= 2
    assert "SlowDown" in json.loads(capsys.readouterr().out)["reason"]


def test_an_s3_that_never_answers_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retries, "RETRY_BUDGET_S", 0.1)
    monkeypatch.setattr(log, "READ_S", 0.2)
    done = threading.Event()

    def hang(_: Seen) -> Reply:
        done.wait(10)
        return Reply(200)

    with fake_server(hang) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        open_s3("s3://log").write(RECORD)
        done.set()
    assert "Read timeout" in json.loads(capsys.readouterr().out)["reason"]


def test_an_s3_that_is_not_there_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retries, "RETRY_BUDGET_S", 0.1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    open_s3("s3://log").write(RECORD)
    assert "prediction_record" in json.loads(capsys.readouterr().out)


def test_no_credentials_end_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert against(lambda _: Reply(200), monkeypatch) == []
    assert "Credentials" in json.loads(capsys.readouterr().out)["reason"]
