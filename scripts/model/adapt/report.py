"""Text and JSON of what was recognised in a foreign model, and of what its bundle detected."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from handler.detection.detections import Detections
from scripts.model.adapt.adapter import AdaptResult


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


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def to_json(result: AdaptResult) -> str:
    """One JSON object; `detections` is null without a picture."""
    reading, manifest, detections = result.reading, result.manifest, result.detections
    report: dict[str, object] = {
        "format": reading.format,
        "reasons": reading.reasons,
        "preprocessing": dataclasses.asdict(reading.preprocessing),
        "input": manifest.input._asdict(),
        "classes": manifest.classes,
        "thresholds": manifest.thresholds._asdict(),
        "notes": result.notes,
        "warnings": result.warnings,
        "detections": None,
    }
    if detections is not None:
        report["detections"] = [
            {
                "label": manifest.classes[class_id],
                "score": float(score),
                "box": [float(value) for value in box],
            }
            for box, score, class_id in zip(
                detections.boxes, detections.scores, detections.class_ids, strict=True
            )
        ]
    return json.dumps(report, indent=2, ensure_ascii=False)
