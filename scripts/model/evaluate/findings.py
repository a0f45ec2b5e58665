"""What a person should know of a dataset beside its figures: reasons not to count by the model,
errors by kind, classes taken for each other, and labels that look missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.model.evaluate.counting import count_pictures, doubt_counts
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.missing_labels import MissingLabels, find_missing_labels
from scripts.model.evaluate.outcomes import PictureOutcome, count_confusions, find_outcome
from scripts.model.evaluate.picture_errors import ErrorCounts, count_errors
from scripts.model.plurals import counted

MAX_CONFUSIONS = 5  # in the terminal; the report has all
MAX_PICTURES = 10
MAX_BOXES = 4


@dataclass(frozen=True)
class Findings:
    """Of one dataset at one score threshold.

    count_doubts: sentences. confusions: (labelled class, found class, boxes), most boxes first.
    """

    outcomes: tuple[PictureOutcome, ...]
    count_doubts: tuple[str, ...]
    errors: ErrorCounts
    confusions: tuple[tuple[str, str, int], ...]
    missing_labels: MissingLabels


def find_findings(
    pictures: Sequence[EvaluatedPicture], classes: Sequence[str], score_threshold: float
) -> Findings:
    """Of pictures whose labels are all among `classes`."""
    outcomes = tuple(find_outcome(picture, classes, score_threshold) for picture in pictures)
    return Findings(
        outcomes,
        tuple(doubt_counts(*count_pictures(pictures, score_threshold))),
        count_errors(outcomes, classes),
        tuple(count_confusions(outcomes, classes)),
        find_missing_labels(pictures, score_threshold),
    )


def format_findings(dataset_name: str, findings: Findings, classes: Sequence[str]) -> str:
    """Lines for a terminal; empty where there is nothing to say."""
    lines = [f"warning: {dataset_name}: {sentence}" for sentence in findings.count_doubts]
    lines += [f"{dataset_name}: {sentence}" for sentence in summarize_errors(findings.errors)]
    if findings.confusions:
        shown = [
            f"{labelled} found as {found} {count}"
            for labelled, found, count in findings.confusions[:MAX_CONFUSIONS]
        ]
        rest = len(findings.confusions) - len(shown)
        more = f", and {rest} pairs more" if rest else ""
        lines.append(f"{dataset_name}: classes confused: {', '.join(shown)}{more}")
    missing = findings.missing_labels
    if missing.boxes:
        summary = summarize_missing_labels(missing)
        lines.append(f"{dataset_name}: labels that look missing: {summary}")
        for each in missing.pictures[:MAX_PICTURES]:
            boxes = format_boxes(each.detections.to_json(classes), MAX_BOXES)
            lines.append(f"  {each.picture.ground_truth.path.name}: {boxes}")
        if len(missing.pictures) > MAX_PICTURES:
            lines.append(
                f"  … and {len(missing.pictures) - MAX_PICTURES} pictures more: --out, --json"
            )
    return "\n".join(lines)


def summarize_errors(errors: ErrorCounts) -> list[str]:
    """A line of false finds and one of misses, by kind, the most frequent first. A loose box and
    the object that it is of are in both."""
    false_finds = [(each.false_finds, each.kind.name) for each in errors.kinds]
    misses = [(each.misses, each.kind.name) for each in errors.kinds]
    lines = []
    for total, counts in (("false finds", false_finds), ("missed", misses)):
        ranked = sorted((each for each in counts if each[0]), key=lambda each: -each[0])
        if ranked:
            shown = ", ".join(f"{name} {count}" for count, name in ranked)
            lines.append(f"{sum(count for count, _ in ranked)} {total}: {shown}")
    return lines


def summarize_missing_labels(missing: MissingLabels) -> str:
    """One sentence, with what tells a model that is sure and wrong."""
    return (
        f"{counted(missing.boxes, 'box')} scoring above {missing.score:g} where nothing is "
        f"labelled, of {missing.sure} such scores in all; look at them"
    )


def format_boxes(boxes: Sequence[dict[str, Any]], maximum: int) -> str:
    """Boxes as `Detections.to_json` gives them: class, score, and corners in px."""
    shown = [
        f"{each['label']} {each['score']:.2f} at "
        + "({xmin:.0f}, {ymin:.0f})–({xmax:.0f}, {ymax:.0f})".format(**each["box"])
        for each in boxes[:maximum]
    ]
    return ", ".join(shown) + (f", and {len(boxes) - maximum} more" * (len(boxes) > maximum))
