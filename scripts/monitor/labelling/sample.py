"""From a bucket's kept pictures to a folder of those worth labelling next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from handler.problems import Problem
from handler.records.record import PredictionRecord
from scripts.monitor.labelling.choose import Choice, choose
from scripts.monitor.labelling.corrections import digest_labels
from scripts.monitor.labelling.folder import (
    PICTURE_FOLDER,
    ChosenPicture,
    Format,
    new_folder,
    write_labels,
    write_picture,
)
from scripts.monitor.quality.candidates import read_candidates
from scripts.records.observations import Observations
from scripts.records.read import read_observations, read_records
from scripts.records.reference import Reference
from scripts.records.source import Source
from scripts.records.window import Window
from scripts.tool import ToolError

CAPTURE_HINT = (
    "no picture of the window was kept: set CAPTURE_RATE above 0 (CaptureRate of the stack), also "
    "with CAPTURE=uncertain, to keep that share of those to come"
)
_ROUNDS = 4  # of choosing again for pictures that have expired since


@dataclass(frozen=True)
class SampleSummary:
    """What was written. kept: pictures to choose from; gone: chosen ones that could not be had."""

    informative: int
    random: int
    kept: int
    gone: int
    boxes: int


def read_kept(
    source: Source,
    window: Window,
    *,
    model: str | None = None,
    version: str | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Observations:
    """Observations of the predictions whose picture was kept. Raises ToolError where several
    models have some."""
    found = read_observations(
        source, window, model=model, version=version, on_progress=on_progress
    ).observations
    kept = found.select(found.is_prediction & (found.facts["capture"] != ""))
    names = sorted(set(kept.facts["model_name"].tolist()))
    if len(names) > 1:
        raise ToolError(f"kept pictures of several models: choose one by --model {'|'.join(names)}")
    return kept


def sample(
    source: Source,
    window: Window,
    kept: Observations,
    reference: Reference | None,
    out: Path,
    *,
    count: int,
    format: Format,
    random_share: float,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda done: None,
) -> SampleSummary:
    """Choose `count` kept pictures and write them with pre-labels into a new folder.

    on_progress: called with how many pictures are written. Raises ToolError.
    """
    if not len(kept):
        raise ToolError(CAPTURE_HINT)
    base = reference.observations if reference else None
    pool, gone = kept, 0
    with new_folder(out) as folder:
        writer = _Writer(source, window, folder / PICTURE_FOLDER[format], on_progress)
        for _ in range(_ROUNDS):
            chosen = choose(pool, base, count, random_share=random_share, seed=seed)
            missing = writer.write(pool, chosen)
            if not missing:
                break
            gone += len(missing)
            pool = pool.select(~np.isin(np.arange(len(pool)), missing))
        pictures = writer.keep(pool, [each for each in chosen if each.row not in missing])
        if not pictures:
            raise ToolError(
                f"{out}: none of the {gone} kept pictures that were looked for is there still"
            )
        write_labels(folder, pictures, tuple(writer.classes), format)
    return SampleSummary(
        informative=sum(each.selection["part"] == "informative" for each in pictures),
        random=sum(each.selection["part"] == "random" for each in pictures),
        kept=len(kept),
        gone=gone,
        boxes=sum(len(each.boxes) for each in pictures),
    )


class _Writer:
    """Stores pictures in a folder, each once. classes: of all records, in the model's order."""

    def __init__(
        self, source: Source, window: Window, folder: Path, on_progress: Callable[[int], None]
    ) -> None:
        self.classes: dict[str, None] = {}
        self._source, self._window, self._folder = source, window, folder
        self._on_progress = on_progress
        self._written: dict[str, ChosenPicture] = {}

    def write(self, pool: Observations, chosen: Sequence[Choice]) -> list[int]:
        """Store the chosen pictures that are not yet; returns the rows of those that cannot be
        had: expired, or damaged."""
        ids = pool.facts["prediction_id"]
        new = [each for each in chosen if ids[each.row] not in self._written]
        records = read_records(self._source, self._window, [ids[each.row] for each in new])
        missing = []
        for each in new:
            prediction_id = ids[each.row]
            record = records.get(prediction_id)
            picture = record and self._store(record, pool.facts["capture"][each.row])
            if picture:
                self._written[prediction_id] = picture
                self._on_progress(len(self._written))
            else:
                missing.append(each.row)
        return missing

    def _store(self, record: PredictionRecord, key: str) -> ChosenPicture | None:
        body = self._source.get(key)
        if body is None or Path(record.prediction_id).name != record.prediction_id:
            return None
        try:
            path, picture = write_picture(body, self._folder, record.prediction_id)
        except Problem:
            return None
        self.classes.update(dict.fromkeys(record.counts or ()))
        candidates = read_candidates(record)
        size = np.array([picture.width, picture.height] * 2)
        boxes = candidates.boxes[candidates.is_detection].clip(0, size)
        is_box = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= 1
        labels = np.array(candidates.labels, object)[candidates.is_detection][is_box].tolist()
        self.classes.update(dict.fromkeys(labels))
        return ChosenPicture(
            prediction_id=record.prediction_id,
            path=path,
            width=picture.width,
            height=picture.height,
            boxes=boxes[is_box],
            labels=tuple(labels),
            selection={"time": record.time, "model": f"{record.model.name} {record.model.version}"},
        )

    def keep(self, pool: Observations, chosen: Sequence[Choice]) -> list[ChosenPicture]:
        """The chosen pictures with what selection.csv says of them; others are removed."""
        ids = pool.facts["prediction_id"]
        kept = {ids[each.row]: each for each in chosen}
        for prediction_id in self._written.keys() - kept.keys():
            self._written[prediction_id].path.unlink()
        pictures = []
        for prediction_id, choice in kept.items():
            picture = self._written[prediction_id]
            selection = {
                **picture.selection,
                "part": choice.part,
                "chance": f"{choice.chance:.6g}",
                "uncertainty": f"{choice.uncertainty:.2f}",
                "novelty": f"{choice.novelty:.2f}",
                "boxes": str(len(picture.boxes)),
                "pre_labels": digest_labels(picture.boxes, picture.labels),
            }
            pictures.append(replace(picture, selection=selection))
        return pictures
