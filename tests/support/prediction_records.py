"""Prediction records of any kind: strategies for property tests, and quick ones by number."""

from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from handler.records.record import Image, Model, PredictionRecord

START = datetime(2026, 11, 3, tzinfo=UTC)
# What prediction/1 had not.
NEWER = (
    *("tiles", "warnings", "at_model_threshold", "below_floor", "capture"),
    "function_version",
)
NEWER_OF_IMAGE = (
    *("focus", "noise", "red_to_green", "blue_to_green", "luma_histogram", "dhash", "embedding"),
    "jpeg_quality",
)

fractions = st.floats(0, 1).map(lambda x: round(x, 4))
sizes = st.integers(1, 6000)


def time_text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@st.composite
def listings(draw: st.DrawFn, count: int) -> list[dict[str, Any]]:
    """Best first."""
    scores = sorted((draw(fractions) for _ in range(count)), reverse=True)
    corners = st.tuples(*[st.floats(-50, 6000).map(lambda x: round(x, 2))] * 4)
    found = []
    for score in scores:
        xs, ys = [draw(corners)[place : place + 2] for place in (0, 2)]
        box = {"xmin": min(xs), "ymin": min(ys), "xmax": max(xs), "ymax": max(ys)}
        label = draw(st.sampled_from(["cell", "bead", "Öl", "it's"]))
        found.append({"label": label, "score": score, "box": box})
    return found


@st.composite
def images(draw: st.DrawFn, is_old: bool) -> Image:
    maybe = st.none() | fractions
    image = Image(
        sha256=draw(st.sampled_from(["a" * 64, "b" * 64])),
        bytes=draw(st.integers(0, 10**7)),
        format=draw(st.sampled_from(["JPEG", "PNG", None])),
        width=draw(st.none() | sizes),
        height=draw(st.none() | sizes),
        orientation=draw(st.none() | st.integers(1, 8)),
        brightness=draw(maybe),
        contrast=draw(maybe),
        sharpness=draw(maybe),
    )
    if is_old:
        return image
    return dataclasses.replace(
        image,
        focus=draw(maybe),
        noise=draw(maybe),
        red_to_green=draw(maybe),
        blue_to_green=draw(maybe),
        luma_histogram=draw(st.none() | st.lists(st.integers(0, 10000), min_size=16, max_size=16)),
        dhash=draw(st.none() | st.just("0123456789abcdef")),
        embedding=draw(st.none() | st.lists(fractions, min_size=16, max_size=16)),
        jpeg_quality=draw(st.none() | st.integers(1, 100)),
    )


@st.composite
def records(draw: st.DrawFn) -> PredictionRecord:
    """Records of both schemas, of predictions and rejections."""
    is_old, is_ok = draw(st.booleans()), draw(st.booleans())
    candidates = draw(listings(draw(st.integers(0, 5)))) if is_ok else []
    split = draw(st.integers(0, len(candidates)))
    above = draw(st.integers(0, len(candidates)))
    time = START + timedelta(milliseconds=draw(st.integers(0, 86_400_000 - 1)))
    record = PredictionRecord(
        prediction_id=str(draw(st.uuids())),
        time=time_text(time),
        route=draw(st.sampled_from(["/v1/detect", "/run/predict"])),
        model=Model("cells", "1.0.0", "c" * 64),
        image=draw(images(is_old)) if is_ok or draw(st.booleans()) else None,
        thresholds=draw(
            st.none()
            | st.fixed_dictionaries(
                {"score": fractions, "iou": fractions, "max_detections": st.integers(1, 300)}
            )
        ),
        count=split if is_ok else None,
        counts={"cell": split} if is_ok else None,
        detections=candidates[:split],
        near_misses=candidates[split:],
        timing_ms={"total": 12.5, **({"decode": 1.5, "inference": 7.25} if is_ok else {})},
        cold_start=draw(st.booleans()),
        outcome="ok" if is_ok else "rejected",
        problem=None if is_ok else "urn:icebox:problem:bad-request",
        schema="prediction/1" if is_old else "prediction/2",
    )
    if is_old:
        return record
    return dataclasses.replace(
        record,
        tiles=draw(st.none() | st.just({"columns": 2, "rows": 1})),
        warnings=draw(st.lists(st.text(max_size=5), max_size=2)),
        at_model_threshold={"score": 0.3, "count": above} if is_ok else None,
        below_floor=draw(st.none() | st.just({"count": 12, "score_sum": 0.42, "from_score": 0.01})),
        capture=draw(st.none() | st.just("captures/x.jpg")),
        function_version=draw(st.sampled_from([None, "$LATEST", "7"])),
    )


def json_of(record: PredictionRecord) -> str:
    """A record's JSON as the function of its schema wrote it."""
    raw = json.loads(record.to_json())
    if record.schema == "prediction/1":
        for name in NEWER:
            del raw[name]
        for name in NEWER_OF_IMAGE if raw["image"] else ():
            del raw["image"][name]
    return json.dumps(raw)


def numbered(number: int, time: datetime = START, **changes: Any) -> PredictionRecord:
    """A record with two detections and a near miss."""
    box = {"xmin": 0.0, "ymin": 20.0, "xmax": 0.0, "ymax": 50.0}
    boxes = [
        {"label": "cell", "score": score, "box": {**box, "xmin": x, "xmax": x + 60}}
        for score, x in ((0.9, 10.0), (0.6, 100.0), (0.2, 300.0))
    ]
    record = PredictionRecord(
        prediction_id=str(uuid.UUID(int=number)),
        time=time_text(time),
        route="/v1/detect",
        model=Model("cells", "1.0.0", "c" * 64),
        image=Image(f"{number:064x}", 1000 + number, "JPEG", 640, 480, 1, 0.5, 0.25, 0.125),
        thresholds={"score": 0.3, "iou": 0.5, "max_detections": 100},
        count=2,
        counts={"cell": 2},
        detections=boxes[:2],
        near_misses=boxes[2:],
        timing_ms={"decode": 1.5, "inference": 7.25, "total": 12.5},
        cold_start=False,
        outcome="ok",
        problem=None,
        at_model_threshold={"score": 0.3, "count": 2},
        below_floor={"count": 12, "score_sum": 0.42, "from_score": 0.01},
    )
    return dataclasses.replace(record, **changes)
