"""Records in a Firehose stream: over HTTP, by a moto server and by one that fails as it is told."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.records import log, retries, stream
from handler.records.log import PredictionLog, open_log
from handler.records.record import PredictionRecord
from handler.records.stream import MOST_BYTES, MOST_RECORD_BYTES, MOST_RECORDS, Stream
from tests.support.faulty_firehose import FaultyFirehose, faulty_firehose
from tests.support.moto_s3 import keys, make_bucket
from tests.support.records import make_record

RECORDS = [make_record(f"3f8a1c52-0000-4000-8000-000000000001-{n}") for n in range(1, 17)]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.01)
    # A machine may be slow: no test here waits for the end of these.
    monkeypatch.setattr(retries, "RETRY_BUDGET_S", 60.0)
    monkeypatch.setattr(log, "RETRY_BUDGET_S", 60.0)
    monkeypatch.setattr(stream, "READ_S", 60.0)


@pytest.fixture
def faults() -> list[Any]:
    """Of the requests to come; none when they are over."""
    return []


@pytest.fixture
def firehose(faults: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyFirehose]:
    with faulty_firehose(lambda: faults.pop(0) if faults else "none") as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL_FIREHOSE", made.url)
        yield made


def open_stream() -> tuple[PredictionLog, io.StringIO]:
    log, out = open_log("firehose://records"), io.StringIO()
    assert log
    log.lines.out = out
    return log, out


def printed(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def wide_record(json_bytes: int, number: int = 1) -> PredictionRecord:
    """One whose line, with its end, has that many bytes."""
    record = make_record(f"3f8a1c52-0000-4000-8000-000000000001-{number}")
    empty = len(record.to_json()) + 1 + len('""')  # of a warning
    return dataclasses.replace(record, warnings=["x" * (json_bytes - empty)])


def test_records_go_as_lines_of_json_in_one_request(firehose: FaultyFirehose) -> None:
    log, out = open_stream()
    log.write_all(RECORDS)
    assert len(firehose.requests) == 1
    lines = firehose.records["records"]
    assert [line.count(b"\n") for line in lines] == [1] * 16
    assert [PredictionRecord.from_json(line) for line in lines] == RECORDS
    assert out.getvalue() == ""


def test_moto_takes_them_too(s3: Any, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another implementation of the service, which writes each request as an object."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_FIREHOSE", s3_endpoint)
    bucket = make_bucket(s3, "icebox-streamed")
    client = boto3.client("firehose")
    client.create_delivery_stream(
        DeliveryStreamName="icebox-records",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/firehose",
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )
    log = open_log("firehose://icebox-records")
    assert log
    log.write_all(RECORDS)
    client.delete_delivery_stream(DeliveryStreamName="icebox-records")
    (key,) = keys(s3, bucket)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert [PredictionRecord.from_json(line) for line in body.splitlines()] == RECORDS


def test_only_the_records_that_failed_are_sent_again(
    firehose: FaultyFirehose, faults: list[Any]
) -> None:
    faults[:] = ["partial", "partial"]
    log, out = open_stream()
    log.write_all(RECORDS)
    sent = [
        [json.loads(line)["prediction_id"] for line in request] for request in firehose.requests
    ]
    assert [len(ids) for ids in sent] == [16, 8, 4]
    assert sent[1] == sent[0][0::2] and sent[2] == sent[1][0::2]
    assert sorted(firehose.ids()) == sorted(record.prediction_id for record in RECORDS)
    assert out.getvalue() == ""


@pytest.mark.parametrize("fault", ["503", "400", "reset"])
def test_a_passing_failure_is_tried_again(
    firehose: FaultyFirehose, faults: list[Any], fault: str
) -> None:
    faults[:] = [fault]
    log, out = open_stream()
    log.write_all(RECORDS[:3])
    assert firehose.ids() == [record.prediction_id for record in RECORDS[:3]]
    assert (len(firehose.requests), out.getvalue()) == (2, "")


def test_a_lost_answer_doubles_and_loses_nothing(
    firehose: FaultyFirehose, faults: list[Any]
) -> None:
    faults[:] = ["lost-ack"]
    log, _ = open_stream()
    log.write_all(RECORDS[:2])
    assert firehose.ids() == [record.prediction_id for record in RECORDS[:2]] * 2


def test_a_refusal_is_printed_at_once(firehose: FaultyFirehose, faults: list[Any]) -> None:
    faults[:] = ["403"]
    log, out = open_stream()
    log.write_all(RECORDS[:2])
    lines = printed(out)
    assert [line["prediction_record"]["prediction_id"] for line in lines] == [
        record.prediction_id for record in RECORDS[:2]
    ]
    assert "AccessDenied" in lines[0]["reason"]
    assert len(firehose.requests) == 1


def test_what_stays_untaken_is_printed(
    firehose: FaultyFirehose, faults: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "RETRY_BUDGET_S", 0.1)
    faults[:] = ["partial"] * 99
    log, out = open_stream()
    log.write_all(RECORDS)
    kept = [line["prediction_record"]["prediction_id"] for line in printed(out)]
    assert sorted(kept + firehose.ids()) == sorted(record.prediction_id for record in RECORDS)
    assert kept
    assert "ServiceUnavailableException: Slow down." in printed(out)[0]["reason"]


def test_a_record_above_the_limit_is_printed_and_the_others_go(firehose: FaultyFirehose) -> None:
    log, out = open_stream()
    records = [wide_record(MOST_RECORD_BYTES, 1), wide_record(MOST_RECORD_BYTES + 1, 2), RECORDS[3]]
    log.write_all(records)
    assert firehose.ids() == [records[0].prediction_id, records[2].prediction_id]
    (line,) = printed(out)
    assert line["prediction_record"]["prediction_id"] == records[1].prediction_id
    assert line["reason"] == "TooLargeError: 1,024,001 bytes, Firehose takes 1,024,000"


def test_requests_stay_within_the_limits(firehose: FaultyFirehose) -> None:
    log, out = open_stream()
    wide = [wide_record(1_000_000, number) for number in range(1, 8)]
    narrow = [make_record(f"3f8a1c52-0000-4000-8000-000000000002-{n}") for n in range(1, 1002)]
    log.write_all([*wide, *narrow])
    assert firehose.ids() == [record.prediction_id for record in [*wide, *narrow]]
    assert [len(request) for request in firehose.requests] == [3, 3, 500, 500, 2]
    assert out.getvalue() == ""


def test_a_record_that_cannot_be_written_does_not_take_the_others_with_it(
    firehose: FaultyFirehose, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = dataclasses.replace(RECORDS[1], counts={"x": object()})
    log, _ = open_stream()
    log.write_all([RECORDS[0], broken, RECORDS[2]])
    assert firehose.ids() == [RECORDS[0].prediction_id, RECORDS[2].prediction_id]
    assert f"{broken.prediction_id} is lost" in capsys.readouterr().err


class Client:
    """Takes what it is given, and checks the limits of a request."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Any) -> Any:  # noqa: N803
        lines = [each["Data"] for each in Records]
        assert 0 < len(lines) <= MOST_RECORDS
        assert sum(map(len, lines)) <= MOST_BYTES
        assert max(map(len, lines)) <= MOST_RECORD_BYTES
        self.taken += lines
        return {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "x"} for _ in lines]}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(500, 1_100_000), max_size=12))
def test_whatever_the_sizes_each_record_is_sent_once_or_printed(sizes: list[int]) -> None:
    records = [wide_record(size, number) for number, size in enumerate(sizes, 1)]
    to, out = Stream("records"), io.StringIO()
    to.__dict__["_client"] = client = Client()
    PredictionLog(to, out).write_all(records)
    kept = [line["prediction_record"]["prediction_id"] for line in printed(out)]
    sent = [json.loads(line)["prediction_id"] for line in client.taken]
    assert sent == [
        record.prediction_id
        for record, size in zip(records, sizes, strict=True)
        if size <= stream.MOST_RECORD_BYTES
    ]
    assert sorted(sent + kept) == sorted(record.prediction_id for record in records)
