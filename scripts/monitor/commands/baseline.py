"""monitor baseline: a reference of live records, for streams that no labelled pictures are like.

What the records of a window look like is what later windows are compared with: choose one in which
all was well. Live records have no labels, and nothing is planted into them; --signatures takes what
is known of causes from a reference of labelled pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from scripts.monitor.drift.decide import decide
from scripts.monitor.progress import progress_of
from scripts.records.fingerprint import measure_scale, rescale_effects
from scripts.records.observations import Observations
from scripts.records.read import read_observations
from scripts.records.reference import (
    MIN_RECORDS,
    REFERENCE_FILE,
    Reference,
    Signature,
    read_bundle_reference,
    read_reference,
    write_reference,
)
from scripts.records.source import open_source
from scripts.records.window import Window, parse_window
from scripts.tool import ToolError

MAX_RECORDS = 2000  # that are tried for a file of the allowed size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("source", help="s3://BUCKET[/PREFIX], or a folder")
    add(
        "--window", "--from", dest="window", metavar="WINDOW", default="28d",
        help="7d, 24h, or START..END (default: %(default)s)",
    )  # fmt: skip
    add("--out", type=Path, default=Path(REFERENCE_FILE), metavar="FILE",
        help="the reference to write (default: %(default)s)")  # fmt: skip
    add("--model", help="only this model's records")
    add("--version", help="only this version's")
    add("--route", help="only predictions of this route")
    add("--signatures", type=Path, metavar="FROM", help="a reference.parquet of labelled pictures, "
        "or the folder of its bundle, whose signatures name causes")  # fmt: skip
    add("--log", type=Path, action="append", default=[], metavar="PATH",
        help="exported log lines, or a folder of them, whose records count as well")  # fmt: skip
    add("--processes", type=int, help="that read (default: one for each CPU)")


def run(arguments: argparse.Namespace) -> int:
    """Write the reference; returns 0. Raises ToolError."""
    window = parse_window(arguments.window, datetime.now(UTC))
    source = open_source(arguments.source)
    signatures: Path | None = arguments.signatures
    known = None
    if signatures is not None:
        is_bundle = signatures.is_dir()
        known = read_bundle_reference(signatures) if is_bundle else read_reference(signatures)
    with progress_of("objects") as show:
        result = read_observations(
            source, window, model=arguments.model, version=arguments.version,
            route=arguments.route, processes=arguments.processes, on_progress=show,
            logs=arguments.log,
        )  # fmt: skip
    reference = make_live_reference(result.observations, window, known)
    sentences = [*_warnings(result.observations, reference, known)]
    sentences += write_reference(reference, arguments.out)
    for sentence in sentences:
        print(f"monitor: {sentence}", file=sys.stderr)
    print(f"{arguments.out}: {reference.origin}")
    return 0


def make_live_reference(
    observations: Observations, window: Window, known: Reference | None
) -> Reference:
    """The reference of a window's predictions, with the signatures of another on its own scale.

    Raises ToolError for fewer than MIN_RECORDS different pictures, or several models.
    """
    predictions = observations.select(observations.is_prediction).sorted_by_time()
    facts = predictions.facts
    pictures = _different_pictures(predictions)
    if pictures < MIN_RECORDS:
        raise ToolError(
            f"{len(predictions)} predictions of {pictures} different pictures in {window}: a "
            f"reference takes {MIN_RECORDS} or more; choose a longer --window"
        )
    columns = (facts["model_name"], facts["model_version"], facts["model_sha256"])
    models = Counter(zip(*(column.tolist() for column in columns), strict=True))
    if len(models) > 1:
        listed = "; ".join(
            f"{name} {version} ({sha256[:12]}…): {count} records"
            for (name, version, sha256), count in models.most_common(5)
        )
        raise ToolError(
            f"the window has records of several models ({listed}); choose one by --model and "
            "--version, or a window in which only one was served"
        )
    ((name, version, sha256),) = models
    step = max(len(predictions) / MAX_RECORDS, 1.0)
    rows = np.unique(np.arange(0, len(predictions), step).astype(np.int64))
    kept = predictions.select(rows)
    signatures: tuple[Signature, ...] = ()
    if known is not None:
        old, new = measure_scale(known.observations), measure_scale(kept)
        signatures = tuple(
            replace(
                each,
                effects=rescale_effects(each.effects, old, new),
                spreads={name: each.spreads[name] for name in each.spreads if name in new.names},
            )
            for each in known.signatures
        )
    first, last = (str(facts["time"][end])[:16] + "Z" for end in (0, -1))
    origin = f"{len(predictions)} live records from {first} to {last}"
    return Reference(name, version, origin, kept, None, signatures, sha256)


def _warnings(
    observations: Observations, reference: Reference, known: Reference | None
) -> Iterator[str]:
    """What a user should know of the reference that was made."""
    predictions = observations.select(observations.is_prediction).sorted_by_time()
    middle = len(predictions) // 2
    halves = (predictions.select(slice(0, middle)), predictions.select(slice(middle, None)))
    decision = decide(*halves)
    if decision.is_changed:
        moved = ", ".join(shift.name for shift in decision.shifts[:3])
        yield (
            "the window itself changes between its halves"
            f"{f' (most of all {moved})' if moved else ''}: this reference takes both states for "
            "well; choose a window in which nothing changed"
        )
    if known is None:
        yield (
            "without --signatures the monitor says that something changed, but causes are unknown, "
            "except a stuck or new camera or a changed threshold"
        )
    elif known.model_sha256 != reference.model_sha256:
        yield "the signatures are of another model file; causes named by them are less sure"


def _different_pictures(predictions: Observations) -> int:
    hashes = predictions.facts["image_sha256"]
    return len(set(hashes.tolist())) if (hashes != "").all() else len(predictions)
