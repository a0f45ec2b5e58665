"""`monitor sample`: choose the kept pictures to label next, and write them with pre-labels.

scripts/run monitor sample s3://BUCKET --window 7d --count 40 --out out/to-label
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.records.reference import REFERENCE_FILE, Reference, read_reference
from scripts.records.source import open_source
from scripts.records.window import parse_window
from scripts.tool import ToolError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="s3://BUCKET[/PREFIX] or a folder with the records")
    parser.add_argument("--window", default="7d", help="such as 7d, 24h or START..END (7d)")
    parser.add_argument("--count", type=int, default=40, help="how many pictures (40)")
    parser.add_argument("--out", type=Path, required=True, help="the folder, which must be new")
    parser.add_argument("--format", choices=("voc", "coco"), default="voc", help="of labels (voc)")
    parser.add_argument(
        "--random-share",
        type=float,
        default=0.25,
        help="of the pictures that are drawn at random, so that figures stay unbiased (0.25)",
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        help=f"the bundle whose {REFERENCE_FILE} says what is new; without, what is unlike the "
        "other kept pictures is",
    )
    parser.add_argument("--model", help="name of the model, where there are several")
    parser.add_argument("--version", help="of the model; all of them without it")
    parser.add_argument("--seed", type=int, default=0, help="of the random ones (0)")


def run(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from scripts.monitor.labelling.corrections import SELECTION_FILE
    from scripts.monitor.labelling.folder import check_is_new
    from scripts.monitor.labelling.sample import read_kept, sample

    if arguments.count < 1 or not 0 <= arguments.random_share <= 1:
        raise ToolError("--count is at least 1, --random-share from 0 to 1")
    check_is_new(arguments.out)
    source = open_source(arguments.source)
    window = parse_window(arguments.window, datetime.now(UTC))
    reference = _read_reference(arguments.bundle)
    with tqdm(unit="object", desc="reading", disable=None) as bar:
        kept = read_kept(
            source,
            window,
            model=arguments.model,
            version=arguments.version,
            on_progress=lambda done, _: _advance(bar, done),
        )
    with tqdm(total=min(arguments.count, len(kept)), unit="picture", desc="writing",
              disable=None) as bar:  # fmt: skip
        summary = sample(
            source,
            window,
            kept,
            reference,
            arguments.out,
            count=arguments.count,
            format=arguments.format,
            random_share=arguments.random_share,
            seed=arguments.seed,
            on_progress=lambda done: _advance(bar, done),
        )
    gone = f" {summary.gone} others could no longer be had." if summary.gone else ""
    print(
        f"{arguments.out}: {summary.informative + summary.random} of {summary.kept} kept pictures "
        f"with {summary.boxes} boxes to correct: {summary.informative} informative, "
        f"{summary.random} at random.{gone}\n"
        f"Keep {SELECTION_FILE}: it has each picture's chance of being chosen, which makes figures "
        "by these labels unbiased."
    )
    return 0


def _read_reference(bundle: Path | None) -> Reference | None:
    return None if bundle is None else read_reference(bundle / REFERENCE_FILE)


def _advance(bar: Any, done: int) -> None:
    bar.update(done - bar.n)
