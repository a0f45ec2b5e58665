"""Makes the report on one model version: reads its records, analyses them, draws the pictures.

The command and the scheduled function share it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handler.storage.location import write_atomically
from scripts.monitor.analyse import ALL_STREAMS, analyse
from scripts.monitor.quality.corrected import LabelledSample
from scripts.monitor.report.page import format_page
from scripts.monitor.report.pictures import DrawnPicture, draw_picture
from scripts.monitor.result import MonitorResult, Surprise
from scripts.monitor.words import format_count
from scripts.records.lookup import read_feedback, read_records
from scripts.records.partitions import COMPACTED, PREDICTIONS, Stream, find_days, find_streams
from scripts.records.read import ReadResult, read_observations
from scripts.records.reference import Reference, check_model
from scripts.records.source import Source
from scripts.records.window import Window
from scripts.tool import ToolError

PAGE_FILE, JSON_FILE = "report.html", "report.json"
MAX_CAPTURE_BYTES = 50_000_000  # of a kept picture that is drawn
MAX_NAMED = 5


@dataclass(frozen=True)
class Report:
    """A result, its page (report.html) and its JSON (report.json)."""

    result: MonitorResult
    page: str
    json: str


def make_report(
    source: Source,
    reference: Reference,
    window: Window,
    *,
    route: str | None = None,
    version: str | None = None,
    any_version: bool = False,
    logs: Sequence[Path] = (),
    labels: LabelledSample | None = None,
    processes: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Report:
    """The report on the records of the reference's model and version.

    route: only of this one. version, any_version: compare records of another version, or of all.
    logs: exported log lines, whose records are read as well. labels: of pictures that were chosen
    with known chances, which then the quality by corrections is of. Raises ToolError where the
    window has only records of other versions, or of another file of the same version, or no
    prediction that has labels.
    """
    if version is None and not any_version:
        version = reference.model_version
    model = reference.model_name
    read = read_observations(
        source, window, model=model, version=version, route=route, processes=processes,
        on_progress=on_progress,
    )  # fmt: skip
    notes: list[str] = []
    if logs:
        from scripts.monitor.report.logs import add_logs

        read, note = add_logs(read, logs, window, model=model, version=version, route=route)
        notes.append(note)
    notes += _check_versions(source, reference, window, read, version, any_version=any_version)
    ids = frozenset(read.observations.facts["prediction_id"].tolist())
    feedback = read_feedback(source, window, ids)
    if labels is not None:
        notes += _check_labels(labels, ids, window)
        known = labels.chances.keys()
        feedback = [each for each in feedback if each.prediction_id not in known]
        feedback += [each for each in labels.feedback if each.prediction_id in ids]
    corrected = read_records(source, window, {each.prediction_id for each in feedback})
    result = analyse(
        reference, read, window=window, stream=route or ALL_STREAMS, feedback=feedback,
        corrected_records=corrected, chances=None if labels is None else labels.chances,
        notes=notes,
    )  # fmt: skip
    pictures = draw_surprises(source, window, result.surprises)
    return Report(result, format_page(result, pictures), format_json(result))


def write_report(report: Report, out: Path) -> Path:
    """Write report.json and then report.html into a folder, which is made; the page's path."""
    write_atomically(out / JSON_FILE, report.json.encode())
    write_atomically(out / PAGE_FILE, report.page.encode())
    return out / PAGE_FILE


def draw_surprises(
    source: Source, window: Window, surprises: Sequence[Surprise]
) -> dict[str, DrawnPicture]:
    """Those whose picture is kept and can be drawn, by prediction_id."""
    kept = {each.prediction_id: each.capture for each in surprises if each.capture}
    if not kept:
        return {}
    records = read_records(source, window, set(kept))
    drawn = {}
    for prediction_id, key in kept.items():
        record = records.get(prediction_id)
        if record is None or key is None:
            continue
        try:
            image_bytes = source.get(key)
        except ToolError:  # keys come from records: one that is no key, or may not be read
            continue
        if image_bytes is None or len(image_bytes) > MAX_CAPTURE_BYTES:
            continue
        picture = draw_picture(record, image_bytes)
        if picture is not None:
            drawn[prediction_id] = picture
    return drawn


def _check_labels(labels: LabelledSample, ids: frozenset[str], window: Window) -> list[str]:
    """Sentences on how far labels tell of the predictions that are reported on. Raises ToolError
    where they are of none."""
    count = len(labels.chances)
    outside = len(labels.chances.keys() - ids)
    if outside == count:
        raise ToolError(
            f"--labels: none of the {count} labelled pictures is of a prediction that this report "
            f"is on, in {window}; name the --window, and the model, that were sampled"
        )
    labelled = format_count(count, "labelled picture")
    notes = []
    if outside:
        notes.append(f"{outside:,} of {labelled} are not of this report's predictions: left out.")
    if labels.unlabelled:
        notes.append(
            f"{format_count(labels.unlabelled, 'chosen picture')} without labels: the figures by "
            "labels are unbiased only if chance decided which."
        )
    if labels.unchanged:
        notes.append(
            f"{labels.unchanged:,} of {labelled} have just the boxes that the model found: it was "
            "right, or nobody looked."
        )
    return notes


def _check_versions(
    source: Source,
    reference: Reference,
    window: Window,
    read: ReadResult,
    version: str | None,
    *,
    any_version: bool,
) -> list[str]:
    """Sentences on versions that are not compared. Raises ToolError, as make_report says."""
    name = reference.model_name
    others = [
        each
        for each in find_streams(source, (PREDICTIONS, COMPACTED))
        if (each.model, each.version) != (name, reference.model_version)
        and _has_days(source, each, window)
    ]
    listed = ", ".join(f"{each.model} {each.version}" for each in others[:MAX_NAMED])
    if any_version:
        return [f"Records of other versions are compared as well: {listed}."] if others else []
    if version != reference.model_version:
        check_model(reference, name=name, version=str(version))
    files = set(read.observations.facts["model_sha256"].tolist()) - {""}
    for sha256 in sorted(files):
        check_model(reference, name=name, version=reference.model_version, sha256=sha256)
    if not others:
        return []
    if not read.counts.records:
        raise ToolError(
            f"{source.url} has no records of {name} {reference.model_version} in {window}, only of "
            f"{listed}; name their --reference, or compare all the same with --any-version"
        )
    return [f"Not compared: records of {listed}."]


def _has_days(source: Source, stream: Stream, window: Window) -> bool:
    days = set(window.days)
    return any(days & find_days(source, root, stream) for root in (PREDICTIONS, COMPACTED))


def format_json(result: MonitorResult) -> str:
    """report.json: the result's fields; NaN and infinity, which JSON does not know, are null."""
    fields = _plain(dataclasses.asdict(result))
    return json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
