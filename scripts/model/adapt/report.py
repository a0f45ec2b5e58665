"""Text and JSON of what was recognised in a foreign model, and of what its bundle detected."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from handler.detection.detections import Detections
from scripts.model.adapt.adapter import AdaptResult
from scripts.model.adapt.check.result import CheckResult
from scripts.model.adapt.check.to_json import check_to_json
from scripts.model.adapt.check.words import explain_decision


def format_report(result: AdaptResult) -> str:
    """A line for each thing that was recognised or assumed."""
    reading, manifest = result.reading, result.manifest
    preprocessing, image = reading.preprocessing, result.foreign.image
    mean_and_std = f"mean {_numbers(preprocessing.mean)}, std {_numbers(preprocessing.std)}"
    first_classes = ", ".join(manifest.classes[:4]) + ("…" if len(manifest.classes) > 4 else "")
    single_label = ", one label a box" if reading.single_label else ""
    rows = [
        ("format", reading.format),
        *(("because", reason) for reason in reading.reasons),
        ("input", f"{image.width} x {image.height} px, {image.layout}, {image.dtype}"),
        ("pixels", f"{preprocessing.order.upper()} 0..{preprocessing.scale:g}, {mean_and_std}"),
        (
            "placed",
            f"{preprocessing.fit}, fill {_numbers(preprocessing.fill)}, {preprocessing.rule}",
        ),
        ("boxes", f"{reading.coding} in {reading.units}"),
        ("classes", f"{len(manifest.classes)}: {first_classes}"),
        ("nms", "inside the graph" if reading.nms_in_graph else f"{reading.nms}{single_label}"),
        ("thresholds", f"score {reading.score_threshold:g}, iou {reading.iou_threshold:g}"),
        *(("note", note) for note in result.notes),
        *_explain_check(result),
        *(("warning", warning) for warning in result.warnings),
    ]
    return "\n".join(f"{key:11}{value}" for key, value in rows)


def format_detections(
    detections: Detections, class_names: Sequence[str], max_rows: int = 20
) -> str:
    """A table of detections, best first, in px of the original."""
    if not len(detections):
        return (
            "nothing found on the picture: look at pixels, placed and format above, "
            "or try a lower --score-threshold"
        )
    boxes, scores = detections.boxes[:max_rows], detections.scores[:max_rows]
    labels = [class_names[class_id] for class_id in detections.class_ids[:max_rows]]
    width = max(5, *map(len, labels))
    lines = [f"{'label':{width}} score     xmin     ymin     xmax     ymax"]
    for label, score, box in zip(labels, scores, boxes, strict=True):
        corners = " ".join(f"{value:8.1f}" for value in box)
        lines.append(f"{label:{width}} {score:5.3f} {corners}")
    if len(detections) > max_rows:
        lines.append(f"… and {len(detections) - max_rows} more")
    return "\n".join(lines)


def format_finds(check: CheckResult) -> str:
    """What the chosen reading finds on each picture, and a table of the first that has any."""
    chosen = check.decision.chosen
    lines = [
        f"{picture.path}: {len(trial.detections)} found"
        for picture, trial in zip(check.pictures, chosen.pictures, strict=True)
    ]
    shown = next((each for each in chosen.pictures if len(each.detections)), chosen.pictures[0])
    index = chosen.pictures.index(shown)
    lines.insert(index + 1, format_detections(shown.detections, chosen.class_names))
    return "\n".join(lines)


def _explain_check(result: AdaptResult) -> list[tuple[str, str]]:
    """What --check decided; without it, what of order and scale is merely usual."""
    if result.check is not None:
        outcome = result.check.decision.outcome
        key = outcome if outcome in ("decided", "proposed") else "checked"
        return [(key, explain_decision(result.check))]
    assumed = ["--order"] if result.options.order is None else []
    if result.options.scale is None and result.foreign.image.dtype != "uint8":
        assumed.append("--scale")
    if not assumed:
        return []
    verb = "is" if len(assumed) == 1 else "are"
    return [
        (
            "assumed",
            f"{' and '.join(assumed)} {verb} assumed, not tried on a picture: give --check "
            "photo.jpg",
        )
    ]


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def to_json(result: AdaptResult) -> str:
    """One JSON object; `check` is null without pictures."""
    reading, manifest = result.reading, result.manifest
    report: dict[str, object] = {
        "format": reading.format,
        "reasons": reading.reasons,
        "preprocessing": dataclasses.asdict(reading.preprocessing),
        "input": manifest.input._asdict(),
        "classes": manifest.classes,
        "thresholds": manifest.thresholds._asdict(),
        "notes": result.notes,
        "warnings": result.warnings,
        "check": None if result.check is None else check_to_json(result.check),
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
