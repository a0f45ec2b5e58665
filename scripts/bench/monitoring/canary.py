"""Measure a release's watch: how often it stops a release for nothing, and what faults it finds.

    scripts/run canary --records out/canary --pictures out/pictures

Releases are simulated: requests come over five minutes, a tenth of them goes to the new version,
and each is one of the recorded pictures. The folder of records has a line for each picture:
plain.jsonl, and of the same pictures swapped.jsonl, red and blue exchanged, and unnormalised.jsonl,
as if the model's graph did not normalise. What is not there is made, of the pictures, by the model.
Other faults are made of the plain records. The looks are those of the function: after each whole
minute, and over all requests once they have moved. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handler.records.record import PredictionRecord
from scripts.monitor.canary.behaviour import (
    LAST_LEVEL,
    LOOK_LEVEL,
    LOOKS,
    PROPERTIES,
    RELEASE_LEVEL,
    compare_behaviour,
)
from scripts.monitor.canary.traffic import LATE, Traffic, find_shift
from scripts.paths import ROOT
from scripts.records.observations import Observations, join_observations
from scripts.records.observe import observe_records
from scripts.tool import ToolError, exit_on_error

SIZES = (100, 300, 1000, 3000)
MINUTES, SHARE = 5, 0.1
BURST = 10  # requests with one and the same picture, one after the other
QUIET = ("nothing", "nothing, in bursts")
START = np.datetime64("2026-11-03T12:00", "ms")
OLD, NEW = "7", "8"
# of ImageNet, which the default model's graph normalises by
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Pixels = NDArray[np.uint8]
Fault = Callable[[PredictionRecord, np.random.Generator], PredictionRecord]


def swapped(rgb: Pixels) -> Pixels:
    """BGR where the model expects RGB."""
    return rgb[:, :, ::-1]


def unnormalised(rgb: Pixels) -> Pixels:
    """What becomes, normalised, the picture's values between 0 and 1."""
    values = 255 * np.array(MEAN) + rgb * np.array(STD)
    changed: Pixels = np.round(values).astype(np.uint8)
    return changed


PICTURE_SETS: dict[str, Callable[[Pixels], Pixels] | None] = {
    "plain": None,
    "swapped": swapped,
    "unnormalised": unnormalised,
}


def at_threshold(
    record: PredictionRecord, threshold: float, scale: float = 1.0
) -> PredictionRecord:
    """The record as a model with another threshold, or with all scores scaled, would leave it."""
    candidates = [
        {**each, "score": each["score"] * scale}
        for each in (*record.detections, *record.near_misses)
    ]
    above = [each for each in candidates if each["score"] > threshold]
    return replace(
        record,
        detections=above,
        near_misses=candidates[len(above) :],
        count=len(above),
        at_model_threshold={"score": threshold, "count": len(above)},
    )


def stricter(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    return at_threshold(record, 0.5)


def lower(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    threshold = (record.at_model_threshold or {"score": 0.5})["score"]
    return at_threshold(record, threshold, scale=0.8)


def more(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    """Every fifth object twice."""
    above = [each for each in record.detections for _ in range(1 + (random.random() < 0.2))]
    threshold = (record.at_model_threshold or {"score": 0.5})["score"]
    return at_threshold(replace(record, detections=above), threshold)


def rejecting(share: float) -> Fault:
    """Of each so many records the first is of a rejected picture."""

    def reject(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
        if int(record.prediction_id) % round(1 / share):
            return record
        return replace(
            record,
            outcome="rejected",
            count=None,
            detections=[],
            near_misses=[],
            at_model_threshold=None,
            below_floor=None,
        )

    return reject


FAULTS: dict[str, Fault | str] = {
    "threshold set to 0.5": stricter,
    "scores × 0.8": lower,
    "red and blue swapped": "swapped",
    "not normalised": "unnormalised",
    "5 % rejected": rejecting(0.05),
    "10 % rejected": rejecting(0.10),
    "20 % more objects": more,
}


@dataclass(frozen=True, eq=False)
class Pool:
    """plain: of n pictures. faulty: the same n, and behind them those of the same pictures with a
    fault, by its name."""

    plain: Observations
    faulty: dict[str, Observations]


def record_pictures(folder: Path, pictures: Path, limit: int) -> None:
    """Make what the folder lacks. Raises ToolError where there are too few pictures."""
    from PIL import Image
    from tqdm import tqdm

    from handler.bundle.files import load_bundle
    from handler.detection.detector import Detector
    from scripts.model.baseline.predictions import record_prediction

    paths = sorted(path for path in pictures.glob("*") if path.suffix in (".jpg", ".png"))[:limit]
    if len(paths) < 2:
        raise ToolError(f"{pictures} has no pictures; scripts/run render draws some")
    folder.mkdir(parents=True, exist_ok=True)
    detector = Detector.load(load_bundle(ROOT / "handler" / "model"), threads=os.cpu_count() or 1)
    missing = [name for name in PICTURE_SETS if not (folder / f"{name}.jsonl").exists()]
    with tqdm(total=len(missing) * len(paths), unit="picture", disable=None) as progress:
        for name in missing:
            change = PICTURE_SETS[name]
            partial = folder / f"{name}.part"
            with partial.open("w") as lines:
                for number, path in enumerate(paths):
                    image_bytes = path.read_bytes()
                    if change:
                        with Image.open(path) as picture:
                            changed = change(np.asarray(picture.convert("RGB")))
                        stream = io.BytesIO()
                        Image.fromarray(np.ascontiguousarray(changed)).save(stream, "BMP")
                        image_bytes = stream.getvalue()
                    record = record_prediction(detector, image_bytes, f"{number:05}", number)
                    lines.write(record.to_json() + "\n")
                    progress.update()
            partial.replace(folder / f"{name}.jsonl")


def read_pool(folder: Path) -> Pool:
    """Raises ToolError where records are missing."""
    sets = {}
    for name in PICTURE_SETS:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            raise ToolError(f"{path} is not there; --pictures FOLDER makes it")
        sets[name] = [PredictionRecord.from_json(line) for line in path.read_text().splitlines()]
    random = np.random.default_rng(0)
    faulty = {
        name: sets[fault]
        if isinstance(fault, str)
        else [fault(each, random) for each in sets["plain"]]
        for name, fault in FAULTS.items()
    }
    plain = _slim(observe_records(sets["plain"]))
    return Pool(
        plain,
        {
            name: join_observations([plain, _slim(observe_records(records))])
            for name, records in faulty.items()
        },
    )


def _slim(rows: Observations) -> Observations:
    """Only what the watch compares."""
    columns = [each.column for each in PROPERTIES if each.column in rows.properties]
    return replace(rows, properties={name: rows.properties[name] for name in columns})


@dataclass(frozen=True)
class Task:
    """One simulated release. fault: a name of FAULTS or QUIET."""

    fault: str
    requests: int
    seed: int


# What a process measures: it keeps the pool, and is told which release.
_pool: Pool


def _start(pool: Pool) -> None:
    global _pool
    _pool = pool
    os.environ["OMP_NUM_THREADS"] = "1"


def simulate(task: Task) -> tuple[Task, int | None, bool]:
    """The minute of the look that stops the release, MINUTES for the last one, None for none of
    them; and whether any look was decided."""
    names = [*QUIET, *FAULTS]
    random = np.random.default_rng((names.index(task.fault), task.requests, task.seed))
    size = len(_pool.plain)
    pictures = random.integers(0, size, task.requests)
    if task.fault == QUIET[1]:
        pictures = np.repeat(pictures, BURST)[: task.requests]
    is_new = random.random(task.requests) < SHARE
    rows = _pool.plain
    if task.fault in _pool.faulty:
        rows = _pool.faulty[task.fault]
        pictures = pictures + np.where(is_new, size, 0)
    times = START + np.sort(random.integers(0, MINUTES * 60_000, task.requests)).astype(
        "timedelta64[ms]"
    )
    drawn = rows.select(pictures)
    traffic = Traffic(
        replace(
            drawn,
            facts={
                **drawn.facts,
                "time": times,
                "prediction_id": np.array([f"{each:08}" for each in range(len(times))], object),
                "function_version": np.where(is_new, NEW, OLD).astype(object),
            },
        ),
        LATE,
        0,
        0,
    )
    shift = find_shift(traffic, NEW, OLD)
    if shift is None:
        return task, None, False
    is_decided = False
    for minute in looks():
        behaviour = compare_behaviour(shift.until(minute), level=LOOK_LEVEL, minutes=minute)
        is_decided |= behaviour.status != "undecided"
        if behaviour.status == "differs":
            return task, minute, True
    behaviour = compare_behaviour(shift.until_last_live(), level=LAST_LEVEL)
    is_decided |= behaviour.status != "undecided"
    return task, MINUTES if behaviour.status == "differs" else None, is_decided


def looks() -> Iterator[int]:
    """Those whose records are there while requests still move."""
    for minute in LOOKS:
        if timedelta(minutes=minute) + LATE <= timedelta(minutes=MINUTES):
            yield minute


def measure(pool: Pool, options: argparse.Namespace) -> str:
    """The table, as text."""
    from tqdm import tqdm

    repeats = dict(zip(QUIET, (options.releases, options.bursts), strict=True))
    tasks = [
        Task(fault, size, seed)
        for size in options.sizes
        for fault in (*QUIET, *FAULTS)
        for seed in range(repeats.get(fault, options.faulty))
    ]
    results: dict[tuple[str, int], list[tuple[int | None, bool]]] = {}
    with ProcessPoolExecutor(options.processes, initializer=_start, initargs=(pool,)) as processes:
        done = processes.map(simulate, tasks, chunksize=8)
        for task, minute, is_decided in tqdm(done, total=len(tasks), unit="release", disable=None):
            results.setdefault((task.fault, task.requests), []).append((minute, is_decided))
    lines = [
        f"Releases that were stopped, of {options.releases} in which nothing changed, "
        f"{options.bursts} in bursts of {BURST}",
        f"requests with one picture, and {options.faulty} with each fault;",
        f"{len(pool.plain)} pictures, {SHARE:.0%} of the requests of {MINUTES} minutes to the new "
        f"version; in brackets, by a look before the last,",
        f"and the median minute. Allowed is {RELEASE_LEVEL:.1%} where nothing changed.",
        "",
        f"{'planted':<22}" + "".join(f"{f'{size} requests':>22}" for size in options.sizes),
    ]
    for fault in (*QUIET, *FAULTS):
        cells = [_format(results[fault, size]) for size in options.sizes]
        lines.append(f"{fault:<22}" + "".join(f"{cell:>22}" for cell in cells))
    undecided = [
        1 - np.mean([decided for _, decided in results[QUIET[0], size]]) for size in options.sizes
    ]
    lines.append(
        f"{'undecided throughout':<22}" + "".join(f"{f'{each:.1%}':>22}" for each in undecided)
    )
    return "\n".join(lines)


def _format(results: Sequence[tuple[int | None, bool]]) -> str:
    minutes = [minute for minute, _ in results if minute is not None]
    early = sum(minute < MINUTES for minute in minutes)
    found, share = len(minutes) / len(results), early / len(results)
    if not minutes:
        return "0"
    text = f"{found:.2%}" if found < 0.01 else f"{found:.0%}"
    return f"{text} ({share:.0%}, {np.median(minutes):.0f} min)"


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="scripts/run canary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--records", type=Path, default=Path("out/canary"), metavar="FOLDER")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="to make records of, that are not there"
    )
    parser.add_argument("--limit", type=int, default=400, help="pictures (default: %(default)s)")
    parser.add_argument(
        "--releases", type=int, default=2000, help="without a fault (default: %(default)s)"
    )
    parser.add_argument(
        "--bursts", type=int, default=500, help="in bursts, without a fault (default: %(default)s)"
    )
    parser.add_argument(
        "--faulty", type=int, default=100, help="with each fault (default: %(default)s)"
    )
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="requests, such as 100,300")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args(argv)
    with exit_on_error("canary"):
        started = time.monotonic()
        if options.pictures:
            record_pictures(options.records, options.pictures, options.limit)
        print(measure(read_pool(options.records), options))
        print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


if __name__ == "__main__":
    main()
