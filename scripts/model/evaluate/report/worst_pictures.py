"""The pictures of a dataset with most misses and false detections, drawn for report.html."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.model.evaluate.outcomes import PictureOutcome, count_confusions
from scripts.model.evaluate.report.drawn_picture import DrawnBox, format_drawn_picture, format_key
from scripts.model.plurals import counted

MAX_PICTURES = 6  # of each dataset
MAX_RIGHT_NAMES = 20  # in a picture: with more right boxes, their names would hide it


def format_worst_pictures(outcomes: Sequence[PictureOutcome], classes: Sequence[str]) -> str:
    """HTML of the worst pictures, worst first, with a key of the colours."""
    ranked = sorted(outcomes, key=lambda each: -each.error)
    worst = [each for each in ranked[:MAX_PICTURES] if each.error]
    if not worst:
        return "<p>No picture has a miss or a false box.</p>"
    kinds = ["right", "confused", "wrong", "missed"]
    if len(classes) == 1:
        kinds.remove("confused")
    drawn = "".join(
        format_drawn_picture(
            each.picture.ground_truth.path, list_boxes(each, classes), _caption(each, classes)
        )
        for each in worst
    )
    return f'<h3>The worst pictures</h3>{format_key(kinds)}<div class="pictures">{drawn}</div>'


def list_boxes(outcome: PictureOutcome, classes: Sequence[str]) -> list[DrawnBox]:
    """The boxes of a picture with their classes, which are not written where there is only one."""
    truth, predictions = outcome.picture.ground_truth, outcome.predictions
    has_classes, boxes = len(classes) > 1, []
    names_right = has_classes and outcome.true_positives <= MAX_RIGHT_NAMES
    taken = {*outcome.matches.tolist(), *outcome.confused_with.tolist()}
    for index, (box, label) in enumerate(zip(truth.boxes.tolist(), truth.labels, strict=True)):
        if index not in taken:
            text = f"missed {label}" if has_classes else ""
            boxes.append(DrawnBox(tuple(box), "missed", text, f"labelled {label}, missed"))
    for box, score, class_id, match, confused_with in zip(
        predictions.boxes.tolist(),
        predictions.scores.tolist(),
        predictions.class_ids.tolist(),
        outcome.matches.tolist(),
        outcome.confused_with.tolist(),
        strict=True,
    ):
        found = classes[class_id]
        if match >= 0:
            kind, text, title = "right", found if names_right else "", found
        elif confused_with >= 0:
            kind = "confused"
            text = title = f"labelled {truth.labels[confused_with]}, found {found}"
        else:
            kind, text = "wrong", f"found {found}" if has_classes else ""
            title = f"found {found}, not labelled"
        boxes.append(DrawnBox(tuple(box), kind, text, f"{title}, score {score:.2f}"))
    return sorted(boxes, key=lambda each: each.kind != "right")  # right ones behind the others


def _caption(outcome: PictureOutcome, classes: Sequence[str]) -> str:
    confusions = ", ".join(
        f"{labelled} found as {found} ({counted(boxes, 'box')})"
        for labelled, found, boxes in count_confusions([outcome], classes)
    )
    return (
        f"{outcome.picture.ground_truth.path.name}: {len(outcome.predictions)} found, "
        f"{outcome.picture.true_count} labelled; {outcome.true_positives} right, "
        f"{outcome.false_positives} wrong, {outcome.false_negatives} missed"
        + (f"; {confusions}" if confusions else "")
    )
