"""Records that wait for an object of many: none is lost, none is doubled, no batch mixes hours."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.records import retries, waiting
from handler.records.delivery import UnavailableError
from handler.records.destination import Batching
from handler.records.log import PredictionLog, open_log
from handler.records.objects import ObjectOfMany
from handler.records.record import PredictionRecord
from tests.support.moto_s3 import keys, make_bucket
from tests.support.paths import ROOT
from tests.support.records import make_record

ID = "3f8a1c52-0000-4000-8000-{:012}"


def record_of(number: int, hour: int = 4) -> PredictionRecord:
    time = f"2026-11-23T{hour:02}:05:06.789Z"
    return dataclasses.replace(make_record(ID.format(number)), time=time)


class Store:
    """Keeps objects; fails as often as it is told."""

    def __init__(self, *errors: Exception) -> None:
        self.objects: dict[str, list[PredictionRecord]] = {}
        self.errors = list(errors)
        self.puts = 0

    def __call__(self, key: str, body: bytes) -> None:
        self.puts += 1
        if self.errors:
            raise self.errors.pop(0)
        lines = gzip.decompress(body).splitlines()
        self.objects[key] = [PredictionRecord.from_json(line) for line in lines]

    def ids(self) -> list[str]:
        return [each.prediction_id for records in self.objects.values() for each in records]


class Clock:
    """Both clocks, which stand still unless they are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic_s, self.wall_s = 1000.0, 1_700_000_000.0
        monkeypatch.setattr(waiting.time, "monotonic", lambda: self.monotonic_s)
        monkeypatch.setattr(waiting.time, "time", lambda: self.wall_s)
        monkeypatch.setattr(retries.time, "sleep", self._pass)

    def _pass(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def log_of(
    store: Store, records: int = 5, seconds: int = 60, *, journal: bool = False
) -> tuple[PredictionLog, io.StringIO]:
    out = io.StringIO()
    return PredictionLog(ObjectOfMany(store), out, Batching(records, seconds, journal)), out


def lines(out: io.StringIO, member: str) -> list[Any]:
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    return [line[member] for line in told if member in line]


def printed(out: io.StringIO) -> list[str]:
    return [record["prediction_id"] for record in lines(out, "prediction_record")]


def journaled(out: io.StringIO) -> list[PredictionRecord]:
    packed = lines(out, "prediction_record_gzip")
    return [PredictionRecord.from_json(gzip.decompress(base64.b64decode(text))) for text in packed]


def test_records_wait_until_there_are_enough() -> None:
    store = Store()
    log, out = log_of(store)
    for number in range(12):
        log.write(record_of(number))
    first, second = store.objects.items()
    assert [record.prediction_id for record in first[1]] == [ID.format(n) for n in range(5)]
    assert [record.prediction_id for record in second[1]] == [ID.format(n) for n in range(5, 10)]
    for key in store.objects:
        where, _, name = key.rpartition("/")
        assert where == record_of(0).key.rpartition("/")[0]
        assert name.startswith("batch-") and name.endswith(".jsonl.gz")
    assert out.getvalue() == ""
    log.print_unwritten("the end")
    assert printed(out) == [ID.format(10), ID.format(11)]


def test_an_invocation_with_many_makes_one_object() -> None:
    store = Store()
    log, _ = log_of(store)
    log.write_all(map(record_of, range(4)))
    log.write_all(map(record_of, range(4, 20)))
    assert [len(records) for records in store.objects.values()] == [20]


@pytest.mark.parametrize(("monotonic_s", "wall_s"), [(60, 60), (60, 0), (0, 60), (0, -86_400)])
def test_after_some_seconds_the_next_invocation_writes_them(
    clock: Clock, monotonic_s: float, wall_s: float
) -> None:
    """Either clock may say so: the one may stand still while the environment is frozen, the other
    may jump."""
    store = Store()
    log, _ = log_of(store)
    log.write(record_of(0))
    clock.monotonic_s += 59
    clock.wall_s += 59
    log.write(record_of(1))
    assert store.objects == {}
    clock.monotonic_s += monotonic_s - 59
    clock.wall_s += wall_s - 59
    log.write(record_of(2))
    assert store.ids() == [ID.format(n) for n in range(3)]


def test_a_new_hour_writes_the_earlier_ones_apart() -> None:
    store = Store()
    log, out = log_of(store)
    for number, hour in enumerate([4, 4, 5, 5, 5, 5, 5]):
        log.write(record_of(number, hour))
    (first, early), (second, late) = store.objects.items()
    assert "hour=04" in first and len(early) == 2
    assert "hour=05" in second and len(late) == 5
    assert out.getvalue() == ""


def test_records_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 3 * len(record_of(0).to_json()))
    store = Store()
    log, _ = log_of(store, records=1000)
    for number in range(4):
        log.write(record_of(number))
    assert [len(records) for records in store.objects.values()] == [3]


def test_a_passing_failure_is_tried_again_with_the_same_object() -> None:
    store = Store(UnavailableError("503"), UnavailableError("503"))
    log, out = log_of(store)
    log.write_all(map(record_of, range(5)))
    assert [len(records) for records in store.objects.values()] == [5]
    assert (store.puts, out.getvalue()) == (3, "")


@pytest.mark.parametrize("error", [PermissionError("no"), UnavailableError("503")])
def test_a_batch_that_is_not_taken_is_printed(error: Exception) -> None:
    store = Store(*[error] * 99)
    log, out = log_of(store)
    log.write_all(map(record_of, range(5)))
    assert printed(out) == [ID.format(n) for n in range(5)]
    store.errors.clear()
    log.write_all(map(record_of, range(5, 10)))
    assert store.ids() == [ID.format(n) for n in range(5, 10)]
    log.print_unwritten("the end")
    assert len(printed(out)) == 5


def test_an_outage_is_not_forgotten_while_records_wait() -> None:
    store = Store(*[UnavailableError("503")] * 99)
    log, _ = log_of(store)
    log.write_all(map(record_of, range(5)))
    log.write(record_of(5))
    assert log.retries.failures == 1


def test_the_journal_has_those_that_wait_and_no_others() -> None:
    store = Store()
    log, out = log_of(store, journal=True)
    log.write(record_of(0))
    log.write_all(map(record_of, (1, 2)))
    assert journaled(out) == [record_of(n) for n in range(3)]
    log.write_all(map(record_of, (3, 4)))
    assert store.ids() == [ID.format(n) for n in range(5)]
    assert len(journaled(out)) == 3
    assert {line["level"] for line in map(json.loads, out.getvalue().splitlines())} == {"INFO"}


def test_what_the_journal_has_is_not_printed_again() -> None:
    store = Store(PermissionError("no"))
    log, out = log_of(store, journal=True)
    log.write_all(map(record_of, range(4)))
    log.print_unwritten("a thaw that never comes")
    assert printed(out) == []
    log.write(record_of(4))
    assert printed(out) == [ID.format(4)]
    assert lines(out, "prediction_id") == [ID.format(n) for n in range(4)]
    assert {record.prediction_id for record in journaled(out)} | {*printed(out)} == {
        ID.format(n) for n in range(5)
    }


def test_what_is_on_its_way_is_printed_at_the_end_of_the_process() -> None:
    out = io.StringIO()

    def put(key: str, body: bytes) -> None:
        log.print_unwritten("the end")

    log = PredictionLog(ObjectOfMany(put), out, Batching(3, 60, False))
    log.add(map(record_of, (7, 8)))  # waits for its response to leave
    log.write_all(map(record_of, range(3)))
    assert sorted(printed(out)) == [ID.format(n) for n in (0, 1, 2, 7, 8)]


def test_a_record_that_cannot_be_written_does_not_take_the_others_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = Store()
    log, out = log_of(store, 3, journal=True)
    log.write_all([record_of(0), dataclasses.replace(record_of(1), counts={"x": object()})])
    log.write(record_of(2))
    kept = {record.prediction_id for record in journaled(out)} | {*printed(out)} | {*store.ids()}
    assert kept == {ID.format(0), ID.format(2)}
    assert f"{ID.format(1)} is lost" in capsys.readouterr().err


@settings(deadline=None, max_examples=60)
@given(
    invocations=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 2), st.sampled_from([None, "no", "503"])),
        max_size=20,
    ),
    batch=st.integers(1, 7),
    journal=st.booleans(),
)
def test_each_record_is_stored_once_or_in_the_log(
    invocations: list[tuple[int, int, str | None]], batch: int, journal: bool
) -> None:
    """invocations: pictures, hours since the last, and how the store fails."""
    store, given_, hour = Store(), [], 0
    log, out = log_of(store, batch, journal=journal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "RETRY_BUDGET_S", 0.0)
        for pictures, hours, failure in invocations:
            hour += hours
            error = PermissionError("no") if failure == "no" else UnavailableError("503")
            store.errors = [error] if failure else []
            records = [record_of(len(given_) + n, hour % 24) for n in range(pictures)]
            given_ += [record.prediction_id for record in records]
            log.write_all(records)
        log.print_unwritten("the end")
    stored = store.ids()
    assert len(set(stored)) == len(stored)
    assert len(set(printed(out))) == len(printed(out))
    assert not {*stored} & {*printed(out)}
    in_journal = {record.prediction_id for record in journaled(out)}
    assert {*stored, *printed(out), *in_journal} == {*given_}
    assert journal or not in_journal
    for key, records in store.objects.items():
        assert {record.key.rpartition("/")[0] for record in records} == {key.rpartition("/")[0]}


def test_a_batch_lies_in_s3(s3: Any) -> None:
    bucket = make_bucket(s3, "icebox-batches")
    log = open_log(f"s3://{bucket}/below?batch=2&journal=no")
    assert log
    log.write_all(map(record_of, range(2)))
    (key,) = keys(s3, bucket)
    assert key.startswith("below/predictions/model=microalgae/version=1.0.0/dt=2026-11-23/hour=04/")
    stored = s3.get_object(Bucket=bucket, Key=key)
    assert stored["ContentType"] == "application/gzip"
    assert gzip.decompress(stored["Body"].read()).decode().splitlines() == [
        record_of(n).to_json() for n in range(2)
    ]


def test_sigterm_prints_those_that_wait(tmp_path: Path) -> None:
    program = (
        "import ctypes\n"
        "from functools import partial\n"
        "from handler.records.log import open_log\n"
        "from handler.shutdown import call_on_sigterm\n"
        "from tests.support.records import make_record\n"
        f"log = open_log({tmp_path.as_uri() + '?batch=9&journal=no'!r})\n"
        "log.write(make_record())\n"
        "print(call_on_sigterm(partial(log.print_unwritten, 'the end')), flush=True)\n"
        "while True:\n    ctypes.CDLL(None).sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "True\n"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert json.loads(rest)["prediction_record"]["prediction_id"] == make_record().prediction_id
    assert list(tmp_path.rglob("*.gz")) == []
