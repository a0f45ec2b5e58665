"""A record is stored, or printed: whatever the sink does, it is never lost and nothing raises."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import threading
from pathlib import Path

import pytest

from handler.records import log, retries
from handler.records.delivery import UnavailableError
from handler.records.log import PredictionLog, open_log
from handler.records.objects import ObjectEach, Put
from handler.records.record import PredictionRecord
from tests.support.records import make_record

RECORD = make_record()


def log_of(put: Put, out: io.StringIO | None = None) -> PredictionLog:
    return PredictionLog(ObjectEach(put), out)


def kept(out: io.StringIO) -> list[PredictionRecord]:
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return [PredictionRecord.from_json(json.dumps(line["prediction_record"])) for line in lines]


class Sink:
    """Fails as often as it is told, then takes what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0
        self.taken: list[str] = []

    def __call__(self, key: str, body: bytes) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(key)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes only by the sleeps that are asked for."""
    now = [0.0]
    monkeypatch.setattr(retries.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(retries.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_no_url_is_no_log() -> None:
    assert open_log("") is None


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "/tmp/log",
        "ftp://host/x",
        "file://host/x",
        "file:",
        "s3://",
        "s3:///x",
        "s3://b?x=1",
        "file://x",
    ],
)
def test_a_url_of_no_sink_is_named(url: str) -> None:
    with pytest.raises(ValueError, match=r"PREDICTION_LOG=.*expected s3://bucket"):
        open_log(url)


def test_a_folder_gets_a_file_at_the_key(tmp_path: Path) -> None:
    log = open_log((tmp_path / "a folder").as_uri())
    assert log
    log.write(RECORD)
    log.write(RECORD)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "a folder" / RECORD.key]
    assert PredictionRecord.from_json(gzip.decompress(files[0].read_bytes())) == RECORD


def test_a_passing_failure_is_tried_again() -> None:
    out, sink = io.StringIO(), Sink(UnavailableError("503"), UnavailableError("timeout"))
    log_of(sink, out).write(RECORD)
    assert sink.taken == [RECORD.key]
    assert out.getvalue() == ""


def test_a_lasting_failure_is_printed_within_the_budget() -> None:
    out, sink = io.StringIO(), Sink(*[UnavailableError("503")] * 99)
    log_of(sink, out).write(RECORD)
    assert kept(out) == [RECORD]
    assert 3 <= sink.tries <= 10
    assert json.loads(out.getvalue())["reason"] == "UnavailableError: 503"


def test_a_refusal_is_printed_at_once() -> None:
    out, sink = io.StringIO(), Sink(PermissionError("AccessDenied"))
    log_of(sink, out).write(RECORD)
    assert (kept(out), sink.tries) == ([RECORD], 1)


def test_an_outage_costs_less_and_less_until_it_is_over() -> None:
    out, sink = io.StringIO(), Sink(*[UnavailableError("503")] * 200)
    log = log_of(sink, out)
    tries = []
    for _ in range(12):
        before = sink.tries
        log.write(RECORD)
        tries.append(sink.tries - before)
    assert tries == sorted(tries, reverse=True)
    assert tries[-1] == 1
    assert len(kept(out)) == 12
    sink.errors.clear()
    log.write(RECORD)
    sink.errors.append(UnavailableError("503"))
    log.write(RECORD)
    assert len(sink.taken) == 2  # the full budget is back
    assert len(kept(out)) == 12


def test_with_no_time_left_it_is_printed() -> None:
    out, sink = io.StringIO(), Sink(*[UnavailableError("503")] * 9)
    log_of(sink, out).write(RECORD, within_s=0)
    assert (kept(out)[0], sink.tries) == (RECORD, 1)


def test_a_hanging_sink_is_printed_before_the_invocation_ends() -> None:
    printed, release = threading.Event(), threading.Event()

    class Out(io.StringIO):
        def flush(self) -> None:
            printed.set()

    def hang(key: str, body: bytes) -> None:
        assert printed.wait(10)
        release.set()

    out = Out()
    log_of(hang, out).write(RECORD, within_s=log.PRINT_BEFORE_END_S + 0.05)
    assert release.is_set()
    assert kept(out) == [RECORD]


def test_it_is_printed_once_where_the_sink_fails_after_hanging() -> None:
    printed = threading.Event()

    class Out(io.StringIO):
        def flush(self) -> None:
            printed.set()

    def hang(key: str, body: bytes) -> None:
        assert printed.wait(10)
        raise PermissionError("too late")

    out = Out()
    log_of(hang, out).write(RECORD, within_s=log.PRINT_BEFORE_END_S + 0.05)
    assert kept(out) == [RECORD]


def test_a_printed_record_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(key: str, body: bytes) -> None:
        raise OSError("several\nlines é")

    log_of(refuse).write(RECORD)
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert text.isascii()
    assert json.loads(text)["level"] == "ERROR"


@pytest.mark.parametrize(
    "raised", [KeyError("x"), RuntimeError(), MemoryError(), OSError(28, "No space left")]
)
def test_nothing_a_sink_raises_gets_out(raised: Exception) -> None:
    out = io.StringIO()
    log_of(Sink(raised), out).write(RECORD)
    assert kept(out) == [RECORD]


def test_a_folder_that_cannot_be_made_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    log = open_log((tmp_path / "file").as_uri())
    assert log
    log.write(RECORD)
    assert "prediction_record" in capsys.readouterr().out


RECORDS = [make_record(f"3f8a1c52-0000-4000-8000-000000000001-{n}") for n in range(1, 17)]


def test_sixteen_records_share_one_budget() -> None:
    """Issue 12, B5."""
    out, sink = io.StringIO(), Sink(*[UnavailableError("503")] * 999)
    started = retries.time.monotonic()
    log_of(sink, out).write_all(RECORDS)
    assert kept(out) == RECORDS
    assert retries.time.monotonic() - started <= retries.RETRY_BUDGET_S


def test_each_record_of_several_is_tried_again_until_the_store_takes_it() -> None:
    out, sink = io.StringIO(), Sink(*[UnavailableError("503")] * 20)
    log_of(sink, out).write_all(RECORDS)
    assert sorted(sink.taken) == sorted(record.key for record in RECORDS)
    assert out.getvalue() == ""


def test_a_refused_record_does_not_hold_up_the_others() -> None:
    out, sink = io.StringIO(), Sink(PermissionError("no"))
    log_of(sink, out).write_all(RECORDS)
    assert kept(out) == RECORDS[:1]
    assert len(sink.taken) == 15


def test_after_an_outage_one_success_brings_the_full_budget_back() -> None:
    out, sink = io.StringIO(), Sink()

    def slow(key: str, body: bytes) -> None:
        retries.time.sleep(0.1)
        sink(key, body)

    log_ = log_of(slow, out)
    log_.retries.failures = 10
    log_.write_all(RECORDS)
    assert len(sink.taken) == 16
    assert log_.retries.failures == 0


def test_sixteen_records_are_printed_once_each_while_the_store_hangs() -> None:
    lines = threading.Semaphore(0)

    class Out(io.StringIO):
        def flush(self) -> None:
            lines.release()

    def hang(key: str, body: bytes) -> None:
        for _ in RECORDS:
            assert lines.acquire(timeout=10)
        raise UnavailableError("timeout")

    out = Out()
    log_of(hang, out).write_all(RECORDS, log.PRINT_BEFORE_END_S + 0.05)
    assert kept(out) == RECORDS


def test_what_is_in_flight_is_printed_at_the_end_of_the_process() -> None:
    """Issue 12, B6: also what is not yet built, and what waits for its response to leave."""
    out, built = io.StringIO(), []

    def build():
        for record in RECORDS:
            built.append(record)
            yield record

    def put(key: str, body: bytes) -> None:
        assert len(built) == 1
        log_.print_unwritten("the end")

    log_ = log_of(put, out)
    waiting = log_.add([RECORD])
    log_.add(build()).write()
    assert [each.prediction_id for each in kept(out)] == [
        RECORD.prediction_id, *(each.prediction_id for each in RECORDS)
    ]  # fmt: skip
    waiting.write()  # goes on: it may be stored, too
    assert len(kept(out)) == 17
    log_.print_unwritten("again")
    assert len(kept(out)) == 17


def test_a_record_that_cannot_be_built_does_not_take_the_others_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def build(number: int) -> PredictionRecord:
        return [RECORD][number]  # the second is a bug

    sink = Sink()
    log_of(sink).write_all(map(build, (0, 1, 0)))
    assert sink.taken == [RECORD.key] * 2
    assert "IndexError" in capsys.readouterr().err


def test_nan_in_a_record_is_null_and_loses_nothing() -> None:
    """Issue 12, A4: one NaN kept all records of a list from being stored or printed."""
    broken = dataclasses.replace(RECORD, timing_ms={"total": float("nan")}, route="\ud800")
    sink, out = Sink(), io.StringIO()
    log_of(sink, out).write_all([broken, RECORD])
    assert sink.taken == [RECORD.key] * 2
    assert PredictionRecord.from_json(gzip.decompress(broken.to_bytes())).timing_ms == {
        "total": None
    }
    log_of(Sink(PermissionError("no")), out).write(broken)
    assert len(kept(out)) == 1


_: Put = Sink()  # a sink is a function of key and body
