"""Errors by kind in report.html: a table, then crops of each kind's errors.

A kind has MAX_CROPS crops at the most, a photo's of some 8 kB: 4 MB a dataset if no kind has fewer.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.model.evaluate.picture_errors import ErrorCounts, KindCount, PictureError
from scripts.model.evaluate.report.drawn_picture import (
    Corners,
    DrawnBox,
    DrawnPart,
    format_drawn_parts,
    format_key,
)
from scripts.model.evaluate.report.worst_pictures import list_boxes
from scripts.model.evaluate.table import format_share

MAX_CROPS = 40  # of a kind
_UNFOLDED = 14  # shown at once; the others unfold
_INTRODUCTION = (
    "Every false find and every miss is in one kind. A loose box, or one of another class, is one "
    "error with its object, which leaves the count as it is. “F1 without” is what F1, now "
    "{f1:.3f}, would be if no error of that kind were made. The kinds follow TIDE (Bolya et al., "
    "2020)."
)


def format_errors_by_kind(errors: ErrorCounts, classes: Sequence[str], anchor: str) -> str:
    """HTML; empty where there are none. anchor: the ids' beginning."""
    if not errors.kinds:
        return ""
    figures = _draw(errors, classes)
    sections = "".join(
        _format_kind(each, figures[each.kind.key], f"{anchor}-{each.kind.key}")
        for each in errors.kinds
    )
    drawn = ["right", "wrong", "confused", "missed", "labelled", "low"]
    if len(classes) == 1:
        drawn.remove("confused")
    introduction = _INTRODUCTION.format(f1=errors.f1)
    return (
        f"<h3>Errors by kind</h3><p>{introduction}</p>{_format_table(errors, anchor)}"
        f"{format_key(drawn)}{sections}"
    )


def _format_table(errors: ErrorCounts, anchor: str) -> str:
    def row(name: str, false_finds: int, misses: int, of_both: int, f1: float) -> str:
        share = format_share(of_both / errors.labelled if errors.labelled else None)
        return (
            f"<tr><td>{name}<td>{false_finds or '–'}<td>{misses or '–'}<td>{of_both}<td>{share}"
            f"<td>{f1:.3f}"
        )

    rows = "".join(
        row(
            f'<a href="#{anchor}-{each.kind.key}">{each.kind.name}</a>',
            each.false_finds,
            each.misses,
            len(each.errors),
            each.f1_mended,
        )
        for each in errors.kinds
    )
    rows += row("all", errors.false_finds, errors.misses, errors.errors, 1.0)
    return (
        "<table><tr><th>kind<th>false finds<th>missed<th>errors<th>by labelled objects"
        f"<th>F1 without{rows}</table>"
    )


def _format_kind(count: KindCount, figures: Sequence[str], anchor: str) -> str:
    shown, folded = "".join(figures[:_UNFOLDED]), "".join(figures[_UNFOLDED:])
    rest = len(count.errors) - len(figures)
    more = f", and {rest} not drawn" if rest else ""
    details = (
        f"<details><summary>{len(figures) - _UNFOLDED} more{more}</summary>"
        f'<div class="crops">{folded}</div></details>'
    )
    name = count.kind.name[0].upper() + count.kind.name[1:]
    return (
        f'<section class="errors"><h4 id="{anchor}">{name}: {len(count.errors)}</h4>'
        f"<p>{html.escape(count.kind.meaning)}</p>"
        f'<div class="crops">{shown}</div>{details if folded else ""}</section>'
    )


def _draw(errors: ErrorCounts, classes: Sequence[str]) -> dict[str, list[str]]:
    """The crops by kind, those of the best scores and then of the largest objects first; each
    picture is read once."""
    chosen = {each.kind.key: sorted(each.errors, key=_rank)[:MAX_CROPS] for each in errors.kinds}
    by_picture: dict[Path, list[PictureError]] = defaultdict(list)
    for of_kind in chosen.values():
        for error in of_kind:
            by_picture[error.outcome.picture.ground_truth.path].append(error)
    figures: dict[PictureError, str] = {}
    for path, of_picture in by_picture.items():
        parts = [_to_part(error, classes) for error in of_picture]
        figures.update(zip(of_picture, format_drawn_parts(path, parts), strict=True))
    return {key: [figures[error] for error in of_kind] for key, of_kind in chosen.items()}


def _rank(error: PictureError) -> tuple[float, float]:
    x0, y0, x1, y1 = _corners(error)
    return -(error.score or 0), -(x1 - x0) * (y1 - y0)


def _corners(error: PictureError) -> Corners:
    """The box around what the error is of, in px."""
    boxes = [box for _, box in _boxes(error)]
    lows, highs = [box[:2] for box in boxes], [box[2:] for box in boxes]
    x0, y0 = (min(each) for each in zip(*lows, strict=True))
    x1, y1 = (max(each) for each in zip(*highs, strict=True))
    return x0, y0, x1, y1


def _boxes(error: PictureError) -> list[tuple[str, list[float]]]:
    """The boxes of an error with their kinds in drawings."""
    outcome, boxes = error.outcome, []
    if error.missed is not None:
        boxes.append(("missed", outcome.picture.ground_truth.boxes[error.missed].tolist()))
    if error.low is not None:
        boxes.append(("low", outcome.picture.predictions.boxes[error.low].tolist()))
    if error.found is not None:
        kind = "wrong" if outcome.confused_with[error.found] < 0 else "confused"
        boxes.append((kind, outcome.predictions.boxes[error.found].tolist()))
    return boxes


def _to_part(error: PictureError, classes: Sequence[str]) -> DrawnPart:
    """The error's own boxes are bold, and drawn over those around them."""
    outcome, corners = error.outcome, _corners(error)
    truth = outcome.picture.ground_truth
    around = [replace(each, text="") for each in list_boxes(outcome, classes)]
    found = [
        DrawnBox(
            tuple(truth.boxes[label].tolist()), "labelled", "", f"labelled {truth.labels[label]}"
        )
        for label in outcome.matches.tolist()
        if label >= 0
    ]
    words = _describe(error, classes)
    score = "" if error.score is None else f"{error.score:.2f}"
    own = [
        DrawnBox(tuple(box), kind, "" if kind == "missed" else score, words, is_bold=True)
        for kind, box in _boxes(error)
    ]
    place = "({:.0f}, {:.0f})–({:.0f}, {:.0f})".format(*corners)
    alt = f"{error.kind.name} at {place} of {truth.path.name}: {words}"
    return DrawnPart(corners, [*found, *around, *own], alt, words, truth.path.name)


def _describe(error: PictureError, classes: Sequence[str]) -> str:
    """Classes, where there are several, score and IoU."""
    outcome, words = error.outcome, []
    if len(classes) > 1 and error.missed is not None:
        words.append(f"labelled {outcome.picture.ground_truth.labels[error.missed]}")
    if len(classes) > 1 and error.found is not None:
        words.append(f"found {classes[outcome.predictions.class_ids[error.found]]}")
    if error.score is not None:
        words.append(f"score {error.score:.2f}")
    if error.iou is not None:
        words.append(f"IoU {error.iou:.2f}")
    return ", ".join(words) or "missed"
