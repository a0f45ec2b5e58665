"""What is observed of a record, computed again in plain Python from the definitions of the
properties, without DuckDB or observe.sql."""

from __future__ import annotations

import math
import statistics
from typing import Any

from handler.records.record import PredictionRecord

NAN = math.nan


def number(value: float | None) -> float:
    return NAN if value is None else float(value)


def properties(record: PredictionRecord) -> dict[str, float]:
    return {**of_image(record), **of_output(record)}


def of_image(record: PredictionRecord) -> dict[str, float]:
    image = record.image
    names = (
        *("brightness", "contrast", "sharpness", "focus", "noise", "red_to_green"),
        *("blue_to_green", "jpeg_quality"),
    )
    known = {name: number(getattr(image, name, None)) for name in names}
    width, height = (image.width, image.height) if image else (None, None)
    size = width * height if width and height else NAN
    known["log_megapixels"] = math.log(size / 1e6)
    known["log_aspect_ratio"] = math.log(width / height) if width and height else NAN
    known["log_bytes_per_pixel"] = math.log(image.bytes / size) if image and image.bytes else NAN
    for place in range(16):
        luma = image.luma_histogram if image else None
        known[f"luma_{place}"] = luma[place] / 10_000 if luma else NAN
        embedding = image.embedding if image else None
        known[f"embedding_{place}"] = embedding[place] if embedding else NAN
    return known


def candidates(record: PredictionRecord) -> list[dict[str, Any]]:
    return [*record.detections, *record.near_misses]


def count(record: PredictionRecord) -> float:
    if record.outcome != "ok":
        return NAN
    if record.at_model_threshold:
        return record.at_model_threshold["count"]
    return len(record.detections)


def above(record: PredictionRecord) -> list[dict[str, Any]]:
    return candidates(record)[: int(count(record))] if record.outcome == "ok" else []


def of_output(record: PredictionRecord) -> dict[str, float]:
    found, total = above(record), len(candidates(record))
    is_ok = record.outcome == "ok"
    near = total - len(found)
    floor = record.below_floor
    known = {
        "log_count": math.log(1 + count(record)) if is_ok else NAN,
        "log_near_misses": math.log(1 + near) if is_ok else NAN,
        "near_miss_share": near / total if is_ok and total else NAN,
        "log_below_floor": math.log(1 + floor["count"]) if floor else NAN,
        "below_floor_score": floor["score_sum"] if floor else NAN,
    }
    scores = [each["score"] for each in found]
    image = record.image
    width = (image.width if image else None) or NAN
    height = (image.height if image else None) or NAN
    areas, elongations, xs, ys, edges = [], [], [], [], []
    for each in found:
        left, top, right, bottom = (each["box"][name] for name in ("xmin", "ymin", "xmax", "ymax"))
        w, h = max(right - left, 0.01), max(bottom - top, 0.01)
        areas.append(math.log(w * h / (width * height)))
        elongations.append(abs(math.log(w / h)))
        xs.append((left + right) / 2 / width)
        ys.append((top + bottom) / 2 / height)
        x_edge = left <= 0.005 * width or right >= 0.995 * width
        y_edge = top <= 0.005 * height or bottom >= 0.995 * height
        edges.append(NAN if math.isnan(width * height) else float(x_edge or y_edge))
    return {
        **known,
        "score_mean": mean(scores),
        "score_std": spread(scores),
        "score_min": min(scores, default=NAN),
        "score_max": max(scores, default=NAN),
        "score_median": statistics.median(scores) if scores else NAN,
        "log_box_area_mean": mean(areas),
        "log_box_area_std": spread(areas),
        "box_elongation_mean": mean(elongations),
        "box_x_std": spread(xs),
        "box_y_std": spread(ys),
        "edge_share": mean(edges),
    }


def score_histogram(record: PredictionRecord) -> list[int]:
    bins = [0] * 20
    for each in candidates(record):
        bins[min(int(each["score"] * 20), 19)] += 1
    return bins


def class_share(record: PredictionRecord, label: str) -> float:
    labels = [each["label"] for each in above(record)]
    return labels.count(label) / len(labels) if labels else NAN


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def spread(values: list[float]) -> float:
    """Of the population; that of one is unknown."""
    if len(values) < 2 or any(map(math.isnan, values)):
        return NAN
    return statistics.pstdev(values)
