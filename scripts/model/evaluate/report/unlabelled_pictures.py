"""The pictures whose labels look incomplete, listed and drawn for report.html."""

from __future__ import annotations

import html
from collections.abc import Sequence

from scripts.model.evaluate.findings import format_boxes, summarize_missing_labels
from scripts.model.evaluate.missing_labels import MissingLabels, UnlabelledPicture
from scripts.model.evaluate.report.drawn_picture import DrawnBox, format_drawn_picture, format_key
from scripts.model.plurals import counted

MAX_PICTURES = 6  # drawn, of each dataset; all are listed


def format_unlabelled_pictures(missing: MissingLabels, classes: Sequence[str]) -> str:
    """HTML; empty where no label looks missing."""
    if not missing.boxes:
        return ""
    drawn = "".join(_format_picture(each, classes) for each in missing.pictures[:MAX_PICTURES])
    rows = "".join(
        f"<tr><td>{html.escape(each.picture.ground_truth.path.name)}<td>{len(each.detections)}"
        f"<td>{html.escape(_list(each, classes))}"
        for each in missing.pictures
    )
    return (
        f"<h3>Labels that look missing</h3><p>{html.escape(summarize_missing_labels(missing))}.</p>"
        f'{format_key(("unlabelled", "labelled"))}<div class="pictures">{drawn}</div>'
        f"<details><summary>All {counted(len(missing.pictures), 'picture')}</summary>"
        f"<table><tr><th>picture<th>boxes<th>where{rows}</table></details>"
    )


def _list(unlabelled: UnlabelledPicture, classes: Sequence[str]) -> str:
    boxes = unlabelled.detections.to_json(classes)
    return format_boxes(boxes, len(boxes))


def _format_picture(unlabelled: UnlabelledPicture, classes: Sequence[str]) -> str:
    truth, has_classes = unlabelled.picture.ground_truth, len(classes) > 1
    boxes = [
        DrawnBox(tuple(box), "labelled", "", f"labelled {label}")
        for box, label in zip(truth.boxes.tolist(), truth.labels, strict=True)
    ]
    found = unlabelled.detections.to_json(classes)
    boxes += [
        DrawnBox(
            tuple(each["box"].values()),
            "unlabelled",
            f"{each['label']} {each['score']:.2f}" if has_classes else f"{each['score']:.2f}",
            f"{each['label']}, score {each['score']:.2f}, nothing labelled",
        )
        for each in found
    ]
    caption = f"{truth.path.name}: {len(found)} found where nothing is labelled"
    return format_drawn_picture(truth.path, boxes, caption)
