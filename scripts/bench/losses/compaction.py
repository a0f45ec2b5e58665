"""Count prediction records that compaction loses or doubles while it is killed and run twice.

    scripts/run compaction --kills 100 --records 400

Records lie in a folder, or in a bucket of a moto server with --s3. Compactions in processes of
their own are killed by SIGKILL at random moments, some of them beside another one; late records
arrive between them. After each kill every record must be read exactly once; at the end two
compactions run at once undisturbed, and what is left must be one Parquet file a day and nothing
else. The exit status is 1 where a record is lost or doubled.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from scripts.records.compact import compact, find_compactable
from scripts.records.read import read_observations
from scripts.records.source import Source, open_source
from scripts.records.window import Window
from scripts.tool import ToolError, exit_on_error
from tests.support.moto_s3 import moto_s3
from tests.support.prediction_records import START, numbered

DAYS = 2
LATE_SHARE = 0.3  # of rounds before which late records arrive
TWICE_SHARE = 0.4  # of rounds with a second compaction beside that which is killed
LATE_RECORDS = 8
_WINDOW = Window(START, START + timedelta(days=DAYS))


@dataclass
class CompactionResult:
    """ids of records that were lost, or were read twice or left twice, at any look."""

    records: int = 0
    looks: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    unclean: list[str] = field(default_factory=list)  # keys at the end that should not be there
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.unclean)


def measure_compaction(url: str, *, kills: int, records: int, seed: int) -> CompactionResult:
    """Kill compactions of a source, which is empty, until `kills` were still running."""
    source, chance, result = open_source(url), random.Random(seed), CompactionResult()
    expected: set[str] = set()
    _add_records(source, records, expected)
    spare_s = _time_one(source, expected)
    _add_records(source, records, expected)
    while result.happened["kills"] < kills:
        if not list(find_compactable(source, _NOW)) or chance.random() < LATE_SHARE:
            result.happened["late arrivals"] += 1
            late = LATE_RECORDS if chance.random() < 0.5 else records // 2
            _add_records(source, late, expected)
        running = [_start(url)]
        if chance.random() < TWICE_SHARE:
            result.happened["twice at once"] += 1
            running.append(_start(url))
        time.sleep(chance.uniform(0, spare_s))
        for process in running[: chance.choice([1, 2])]:
            was_alive = process.is_alive()
            process.kill()
            process.join()
            result.happened["kills"] += was_alive
            spare_s *= 1.05 if was_alive else 0.9  # so that about half come before the end
        _look(source, expected, result)
        for process in running:
            _end(process)
        _look(source, expected, result)
    _add_records(source, LATE_RECORDS, expected)
    for process in [_start(url), _start(url)]:
        _end(process)
    _end(_start(url))
    _look_at_the_end(source, expected, result)
    result.records = len(expected)
    return result


def format_result(result: CompactionResult, where: str) -> str:
    """One line."""
    happened = ", ".join(f"{count} {name}" for name, count in sorted(result.happened.items()))
    return (
        f"compaction in {where}: {result.records} records, {happened}, {result.looks} looks: "
        f"{len(result.lost)} lost, {len(result.doubled)} doubled, {len(result.unclean)} left over"
    )


_NOW = datetime(2027, 1, 1, tzinfo=UTC)  # all days are over
_PROCESSES = multiprocessing.get_context("forkserver")  # starts in milliseconds


def _add_records(source: Source, count: int, expected: set[str]) -> None:
    """Records at random moments of the days, of ids that are not there."""
    step = DAYS * timedelta(days=1) / count
    for number in range(count):
        record = numbered(len(expected), START + step * number)
        source.put(record.key, record.to_bytes())
        expected.add(record.prediction_id)


def _time_one(source: Source, expected: set[str]) -> float:
    process, started = _start(source.url), time.monotonic()
    _end(process)
    return time.monotonic() - started


def _start(url: str) -> BaseProcess:
    _PROCESSES.set_forkserver_preload(["boto3", "duckdb", "scripts.records.compact"])
    environment = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    process = _PROCESSES.Process(target=_compact_all, args=(url, environment))
    process.start()
    return process


def _end(process: BaseProcess) -> None:
    process.join()
    if process.exitcode not in (0, -9):
        raise ToolError(f"a compaction ended with status {process.exitcode}")
    process.close()


def _compact_all(url: str, environment: dict[str, str]) -> None:
    """What a process does."""
    os.environ.update(environment)
    source = open_source(url)
    for day in list(find_compactable(source, _NOW)):
        try:
            compact(source, day)
        except ToolError as error:
            if "another run" not in str(error):
                raise


def _look(source: Source, expected: set[str], result: CompactionResult) -> None:
    read = read_observations(source, _WINDOW, processes=1).observations
    seen = Counter(read.facts["prediction_id"].tolist())
    result.looks += 1
    result.lost |= expected.difference(seen)
    result.doubled |= {each for each, times in seen.items() if times > 1}


def _look_at_the_end(source: Source, expected: set[str], result: CompactionResult) -> None:
    _look(source, expected, result)
    keys = [item.key for root in ("predictions/", "compacted/") for item in source.items(root)]
    days = [key.rpartition("/")[0] for key in keys]
    result.unclean = [key for key, day in zip(keys, days, strict=True) if days.count(day) > 1]
    result.unclean += [key for key in keys if not key.endswith(".parquet")]
    duplicates = read_observations(source, _WINDOW, processes=1).counts.duplicates
    if duplicates:
        result.unclean.append(f"{duplicates} records in two files")


@contextmanager
def _place(folder: Path, has_s3: bool) -> Iterator[str]:
    if not has_s3:
        (folder / "records").mkdir()
        yield str(folder / "records")
        return
    with moto_s3(folder) as endpoint:
        os.environ.update(
            AWS_ENDPOINT_URL_S3=endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION="eu-central-1",
            NO_PROXY="127.0.0.1",
        )
        import boto3

        boto3.client("s3").create_bucket(
            Bucket="records", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield "s3://records"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/run compaction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--records", type=int, default=400, help="at the start (default: 400)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--s3", action="store_true", help="in a bucket of a moto server")
    arguments = parser.parse_args(argv)
    with exit_on_error("compaction"), tempfile.TemporaryDirectory() as folder:
        with _place(Path(folder), arguments.s3) as url:
            result = measure_compaction(
                url, kills=arguments.kills, records=arguments.records, seed=arguments.seed
            )
        print(format_result(result, "moto's S3" if arguments.s3 else "a folder"))
        return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
