"""Reads folders of `sample` back, once people have corrected their labels, as feedback with the
chance of each picture, which `scripts.monitor.quality.corrected` weights by."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handler.records.feedback import Feedback
from handler.records.record import Model
from scripts.model.dataset import read_dataset
from scripts.monitor.quality.corrected import LabelledSample
from scripts.tool import ToolError

SELECTION_FILE = "selection.csv"
_COLUMNS = {"picture", "prediction_id", "time", "chance", "pre_labels"}


def digest_labels(boxes: NDArray[np.float64], labels: Sequence[str]) -> str:
    """The same for the same labels to a tenth of a pixel, in any order."""
    rows = sorted(
        f"{label} {' '.join(f'{corner + 0.0:.1f}' for corner in box)}"
        for box, label in zip(boxes.tolist(), labels, strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def read_labelled_samples(folders: Sequence[Path]) -> LabelledSample:
    """The labels of several folders as one, such as of one week each.

    Raises ToolError, too where two of them have a picture in common: they were chosen from the same
    pictures, and with which chance the two together took one is not known.
    """
    samples = [read_labelled_sample(each) for each in folders]
    chances: dict[str, float] = {}
    for folder, each in zip(folders, samples, strict=True):
        if common := chances.keys() & each.chances.keys():
            raise ToolError(
                f"{folder}: {len(common)} of its pictures are in another --labels, too, as both "
                "were chosen from the same ones; name one of them"
            )
        chances |= each.chances
    return LabelledSample(
        tuple(given for each in samples for given in each.feedback),
        chances,
        sum(each.unchanged for each in samples),
        sum(each.unlabelled for each in samples),
    )


def read_labelled_sample(folder: Path, selection: Path | None = None) -> LabelledSample:
    """Labels of a VOC or COCO folder as feedback on the predictions that selection.csv names.

    selection: its path, where a labelling tool exported into another folder. A picture is known by
    its name without suffix. Raises ToolError.
    """
    rows = _read_selection(selection or folder / SELECTION_FILE)
    feedback, chances, unchanged = [], {}, 0
    for picture in read_dataset(folder).pictures:
        row = rows.get(picture.path.stem)
        if row is None:
            continue
        corners = ("xmin", "ymin", "xmax", "ymax")
        detections = [
            {"label": label, "box": dict(zip(corners, box, strict=True))}
            for box, label in zip(picture.boxes.tolist(), picture.labels, strict=True)
        ]
        prediction_id = row["prediction_id"]
        chances[prediction_id] = float(row["chance"])
        unchanged += digest_labels(picture.boxes, picture.labels) == row["pre_labels"]
        feedback.append(
            Feedback(
                feedback_id=f"label-{prediction_id}",
                prediction_id=prediction_id,
                time=row["time"],
                model=Model("", "", ""),
                count=len(detections),
                counts=None,
                detections=detections,
                comment=None,
            )
        )
    if not feedback:
        raise ToolError(f"{folder}: none of its pictures is in {SELECTION_FILE}")
    return LabelledSample(tuple(feedback), chances, unchanged, len(rows) - len(feedback))


def _read_selection(path: Path) -> dict[str, dict[str, str]]:
    """Rows by the picture's name without suffix."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not set(reader.fieldnames or ()) >= _COLUMNS:
                raise ToolError(f"{path}: no selection of scripts/run monitor sample")
            rows = {Path(row["picture"]).stem: row for row in reader}
        if not all(0 < float(row["chance"]) <= 1 for row in rows.values()):
            raise ToolError(f"{path}: a chance that is none, expected above 0 to 1")
    except (FileNotFoundError, NotADirectoryError):
        raise ToolError(
            f"{path}: no such file; it has each picture's chance, scripts/run monitor sample wrote "
            "it beside the pictures"
        ) from None
    except (ValueError, TypeError, csv.Error) as error:
        raise ToolError(f"{path}: not a selection that can be read ({error})") from None
    return rows
