"""`POST /v1/detect`: a picture as bytes, form or JSON in; JSON or the annotated picture out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aws_lambda_powertools.event_handler import Response

from handler import record
from handler.bundle import Manifest
from handler.call import Call
from handler.detections import Detections
from handler.detector import Detector, Thresholds
from handler.gateway import Endpoint, Request, json_response
from handler.predict import Ask, Prediction, predict
from handler.problems import BadRequest, NotAcceptable
from handler.routes.picture import read_picture

PATH = "/v1/detect"
PARAMETERS = ("score_threshold", "iou_threshold", "max_detections", "labels")
MAX_DETECTIONS = 1000  # keeps the answer, and the record as one log line, well within their limits
MEDIA = ("application/json", "image/jpeg", "image/png")  # the first is preferred
# Of the annotated picture: the first whose file fits into the answer; even noise does at the last.
SIDES_PX = (1280, 960, 640, 480)


@dataclass(frozen=True)
class Options:
    """What a request asks for besides its picture. class_ids: of the labels to answer with."""

    thresholds: Thresholds
    class_ids: tuple[int, ...]
    media: str


def endpoint(detector: Detector, *, max_pixels: int) -> Endpoint:
    def detect(request: Request, call: Call) -> Response[Any]:
        call.route = PATH
        options = read_options(request, detector.manifest)
        call.ask = Ask(read_picture(request), options.thresholds)
        call.prediction = predict(call.ask, detector=detector, max_pixels=max_pixels)
        chosen = np.isin(call.prediction.detections.class_ids, options.class_ids)
        shown = call.prediction.detections.select(chosen)
        if options.media == "application/json":
            call.total_ms = call.elapsed_ms()
            return json_response(_answer(call, call.prediction, shown, options, detector.manifest))
        body = _annotated(call.prediction, shown, options.media, request.room_bytes)
        headers = {
            "X-Prediction-Id": call.id,
            "X-Detection-Count": str(len(shown)),
            "Vary": "Accept",
        }
        return Response(200, options.media, body, headers=headers)

    return detect


def read_options(request: Request, manifest: Manifest) -> Options:
    """The query and the Accept header. Raises BadRequest, NotAcceptable."""
    values: dict[str, list[str]] = {}
    for name, value in request.query:
        if name not in PARAMETERS:
            raise BadRequest(f"unknown query parameter {name!r}; known are {', '.join(PARAMETERS)}")
        values.setdefault(name, []).append(value)
    classes = tuple(manifest.classes)
    labels = [label for value in values.pop("labels", []) for label in _labels(value, classes)]
    for name, given in values.items():
        if len(given) > 1:
            raise BadRequest(f"{name} is given {len(given)} times; give it once")
    once = {name: given[0] for name, given in values.items()}
    defaults = manifest.thresholds
    return Options(
        Thresholds(
            score=_share(once, "score_threshold", defaults.score),
            iou=_share(once, "iou_threshold", defaults.iou),
            max_detections=_count(once, "max_detections", defaults.max_detections),
        ),
        class_ids=tuple(map(classes.index, labels)) or tuple(range(len(classes))),
        media=choose_media(request.headers.get("accept", "")),
    )


def choose_media(accept: str) -> str:
    """The media type to answer with, by an Accept header. Raises NotAcceptable."""
    ranked = []
    for order, offer in enumerate(MEDIA):
        weights = [
            (_closeness(offer, name), weight)
            for name, weight in _accepted(accept)
            if _closeness(offer, name)
        ]
        # An offer's weight is its closest range's; of equal ones the closer wins, then our order.
        closeness, weight = max(weights, default=(0, 0.0))
        if weight > 0:
            ranked.append((-weight, -closeness, order, offer))
    if not ranked:
        raise NotAcceptable(f"Accept is {accept!r}; the answer can be {', '.join(MEDIA)}")
    return min(ranked)[-1]


def _answer(
    call: Call, prediction: Prediction, shown: Detections, options: Options, manifest: Manifest
) -> dict[str, Any]:
    picture, thresholds = prediction.picture, options.thresholds
    counts = np.bincount(shown.class_ids, minlength=len(manifest.classes)).tolist()
    return {
        "prediction_id": call.id,
        "model": {"name": manifest.name, "version": manifest.version},
        "image": {"width": picture.width, "height": picture.height, "format": picture.format},
        "count": len(shown),
        "counts": {manifest.classes[class_id]: counts[class_id] for class_id in options.class_ids},
        "detections": record.listing(shown, manifest.classes),
        "thresholds": {
            "score": thresholds.score,
            "iou": thresholds.iou,
            "max_detections": thresholds.max_detections,
        },
        "timing_ms": record.timing(call),
    }


def _annotated(prediction: Prediction, shown: Detections, media: str, room_bytes: int) -> bytes:
    from handler import annotate  # fonts and drawing: not on the path of those who want JSON

    size = (prediction.picture.width, prediction.picture.height)
    body = b""
    for side in SIDES_PX:
        drawn = annotate.draw(
            prediction.picture.rgb, shown, size, prediction.classes, max_side=side
        )
        body = annotate.encode(drawn, "PNG" if media == "image/png" else "JPEG")
        if len(body) <= room_bytes:
            break
    return body


def _labels(value: str, classes: Sequence[str]) -> list[str]:
    labels = [value] if value in classes else value.split(",")  # a label may have a comma in it
    for label in labels:
        if label not in classes:
            raise BadRequest(f"unknown label {label!r}; the model knows {', '.join(classes)[:500]}")
    return labels


def _share(given: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(given[name]) if name in given else default
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:  # NaN is not
        raise BadRequest(f"{name} must be a number from 0 to 1, not {given[name][:40]!r}")
    return value


def _count(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    limit = max(default, MAX_DETECTIONS)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= limit):
        raise BadRequest(f"{name} must be a whole number from 1 to {limit}, not {text[:40]!r}")
    return int(text)


def _accepted(accept: str) -> list[tuple[str, float]]:
    """Media ranges and weights. An empty header accepts all; an unreadable weight is 1."""
    ranges = []
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        ranges.append((name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0))
    return [(name, weight) for name, weight in ranges if name] or [("*/*", 1.0)]


def _closeness(offer: str, media_range: str) -> int:
    """How narrowly a media range covers an offer: 3 exactly, 2 its kind, 1 all, 0 not at all."""
    return {offer: 3, offer.split("/")[0] + "/*": 2, "*/*": 1}.get(media_range, 0)
