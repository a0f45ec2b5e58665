"""`monitor replay`: what another bundle would answer to kept pictures, before it is released.

scripts/run monitor replay out/candidate s3://BUCKET --window 7d --out out/replay
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.records.source import open_source
from scripts.records.window import parse_window
from scripts.tool import ToolError

if TYPE_CHECKING:
    from scripts.monitor.labelling.replay import PictureChange


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="the candidate: a folder with model.onnx")
    parser.add_argument("source", help="s3://BUCKET[/PREFIX] or a folder with the records")
    parser.add_argument("--window", default="7d", help="such as 7d, 24h or START..END (7d)")
    parser.add_argument("--out", type=Path, help="a folder for replay.html and replay.json")
    parser.add_argument(
        "--count", type=int, default=500, help="pictures at most, spread over the window (500)"
    )
    parser.add_argument(
        "--max-count-change",
        type=float,
        metavar="PCT",
        help="exit with status 1 where the number of boxes changes by more than this per cent",
    )
    parser.add_argument("--model", help="name of the model that answered, where there are several")
    parser.add_argument("--version", help="of that model; all of them without it")
    parser.add_argument("--threads", type=int, default=1, help="of one inference (1)")


def run(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from handler.bundle.files import load_bundle
    from handler.detection.detector import Detector
    from handler.storage.location import write_atomically
    from scripts.monitor.labelling.replay import replay
    from scripts.monitor.labelling.replay_page import format_replay, say_totals
    from scripts.monitor.labelling.sample import CAPTURE_HINT, read_kept
    from scripts.records.read import read_records

    if arguments.count < 1 or arguments.threads < 1:
        raise ToolError("--count and --threads are at least 1")
    detector = Detector.load(load_bundle(arguments.bundle), threads=arguments.threads)
    source = open_source(arguments.source)
    window = parse_window(arguments.window, datetime.now(UTC))
    kept = read_kept(source, window, model=arguments.model, version=arguments.version)
    limit = arguments.max_count_change
    if not len(kept):
        if limit is not None:
            raise ToolError(f"nothing to compare: {CAPTURE_HINT}")
        print(f"Nothing to compare: {CAPTURE_HINT}.")
        return 0
    rows = np.unique(np.linspace(0, len(kept) - 1, min(arguments.count, len(kept))).astype(int))
    ids = kept.facts["prediction_id"][rows].tolist()
    records = read_records(source, window, ids)
    ordered = [records[each] for each in ids if each in records]
    with tqdm(total=len(ordered), unit="picture", desc="replaying", disable=None) as bar:
        result = replay(detector, source, ordered, on_progress=lambda: _advance(bar))
    _print(result.worst(10))
    print(say_totals(result))
    for reason, number in result.skipped.items():
        print(f"{number} pictures left out: {reason}")
    if len(kept) > len(rows):
        print(f"{len(rows)} of {len(kept)} kept pictures; --count takes more")
    if arguments.out:
        command = shlex.join(["scripts/run", "monitor", *sys.argv[1:]])
        page = format_replay(result, command, source.get)
        write_atomically(arguments.out / "replay.html", page.encode())
        text = json.dumps(result.to_json(), ensure_ascii=False, indent=1)
        write_atomically(arguments.out / "replay.json", text.encode())
        print(arguments.out / "replay.html")
    if limit is not None:
        if not result.changes:
            raise ToolError("none of the kept pictures could be compared")
        return int(abs(result.totals["count_change"]) * 100 > limit)
    return 0


def _advance(bar: Any) -> None:
    bar.update()


def _print(worst: Sequence[PictureChange]) -> None:
    if not worst:
        return
    width = max(len(each.prediction_id) for each in worst)
    print(f"{'picture':<{width}}  before  after  gained  lost  moved")
    for each in worst:
        print(
            f"{each.prediction_id:<{width}}  {each.count_before:6}  {each.count_after:5}  "
            f"{len(each.gained):6}  {len(each.lost):4}  {each.moved:5}"
        )
