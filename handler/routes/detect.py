"""`POST /v1/detect`: a picture as bytes, form or JSON in; JSON or the annotated picture out.

Several pictures in one form or JSON list: a JSON list out, a result or a problem for each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.detection.count_interval import interval
from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiling import WHOLE, Grid
from handler.http.gateway import Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, NotAcceptable, Problem, TooManyPictures
from handler.routes.annotated import annotated
from handler.routes.body import Sent, Source, read_images
from handler.routes.parameters import integer, number, tile_grid
from handler.storage.uploads import Uploads

PATH = "/v1/detect"
PARAMETERS = ("score_threshold", "iou_threshold", "max_detections", "labels", "tiles")
MAX_DETECTIONS = 1000  # keeps the answer, and the record as one log line, well within their limits
MEDIA = ("application/json", "image/jpeg", "image/png")  # the first is preferred
LIST_S = 12.0  # within which the last picture of a list is begun; the function has 20


@dataclass(frozen=True)
class Options:
    """What a request asks for besides its picture. class_ids: of the labels to answer with."""

    thresholds: Thresholds
    class_ids: tuple[int, ...]
    media: str
    tiles: Grid | Literal["auto"] = WHOLE


def routes(
    detector: Detector,
    uploads: Uploads,
    *,
    max_pixels: int,
    max_pictures: int,
    list_s: float = LIST_S,
) -> Routes:
    """list_s: after so many seconds no further picture of a list is begun."""

    def detect(request: Request, call: Invocation) -> Response[Any]:
        call.route = PATH
        options = read_options(request, detector.manifest)
        elsewhere: dict[str, Source] = {
            "upload_id": uploads.read_upload,
            "s3_uri": lambda _, uri: uploads.read_uri(uri),
        }
        sent = read_images(request, limit=max_pictures, elsewhere=elsewhere)
        if isinstance(sent, list):
            return detect_each(sent, options, request, call)
        call.request = PredictRequest(sent, options.thresholds, options.tiles)
        call.prediction = predict(call.request, detector=detector, max_pixels=max_pixels)
        shown = _shown(call.prediction, options)
        if options.media == "application/json":
            call.total_ms = call.elapsed_ms()
            return json_response(_answer(call, call.prediction, shown, options, detector.manifest))
        body = annotated(
            call.prediction,
            shown,
            "PNG" if options.media == "image/png" else "JPEG",
            request.room_bytes,
        )
        headers = {"X-Detection-Count": str(len(shown)), "Vary": "Accept"}
        return Response(200, options.media, body, headers=headers)

    def detect_each(
        pictures: list[Sent], options: Options, request: Request, call: Invocation
    ) -> Response[Any]:
        if not _accepts_json(request):
            raise NotAcceptable(
                "several pictures are answered in JSON only; accept application/json, or send one"
            )
        texts: list[str] = []
        room = request.room_bytes
        for picture in pictures:
            part = call.part()
            try:
                if call.elapsed_ms() > list_s * 1000:
                    raise TooManyPictures(f"not begun within {list_s:g} s; send fewer at once")
                left_s = list_s - call.elapsed_ms() / 1000
                told = detect_one(picture, options, part, left_s)
                text = json.dumps(told, ensure_ascii=False)
                if len(text.encode(errors="replace")) > room:
                    part.prediction = None
                    raise TooManyPictures("the answer is full; send fewer at once")
            except Problem as problem:
                part.problem = (problem.type, problem.detail)
                told = {"prediction_id": part.id, "problem": problem.body(part.id)}
                text = json.dumps(told)
            part.total_ms = part.total_ms or part.elapsed_ms()
            room -= len(text.encode(errors="replace"))
            texts.append(text)
        return Response(200, "application/json", f"[{', '.join(texts)}]")

    def detect_one(
        picture: Sent, options: Options, part: Invocation, left_s: float
    ) -> dict[str, Any]:
        if isinstance(picture, Problem):
            raise picture
        part.request = PredictRequest(picture, options.thresholds, options.tiles)
        prediction = predict(
            part.request,
            detector=detector,
            max_pixels=max_pixels,
            tiles_s=left_s,
        )
        # The call outlives its pictures, whose pixels would add up: a record does without.
        nothing = np.empty((0, 0, 3), np.uint8)
        part.prediction = replace(prediction, picture=replace(prediction.picture, rgb=nothing))
        part.total_ms = part.elapsed_ms()
        shown = _shown(prediction, options)
        return _answer(part, prediction, shown, options, detector.manifest)

    return {PATH: Route({"POST": detect})}


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
            score=number("score_threshold", once.get("score_threshold", defaults.score)),
            iou=number("iou_threshold", once.get("iou_threshold", defaults.iou)),
            max_detections=integer(
                "max_detections",
                once.get("max_detections", defaults.max_detections),
                most=max(defaults.max_detections, MAX_DETECTIONS),
            ),
        ),
        class_ids=tuple(map(classes.index, labels)) or tuple(range(len(classes))),
        media=choose_media(request.headers.get("accept", "")),
        tiles=tile_grid("tiles", once.get("tiles", "none")),
    )


def choose_media(accept: str, offers: Sequence[str] = MEDIA) -> str:
    """The media type to answer with, by an Accept header. Raises NotAcceptable."""
    ranked = []
    for order, offer in enumerate(offers):
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
        raise NotAcceptable(f"Accept is {accept!r}; the answer can be {', '.join(offers)}")
    return min(ranked)[-1]


def _answer(
    call: Invocation,
    prediction: Prediction,
    shown: Detections,
    options: Options,
    manifest: Manifest,
) -> dict[str, Any]:
    picture, thresholds = prediction.picture, options.thresholds
    counts = np.bincount(shown.class_ids, minlength=len(manifest.classes)).tolist()
    return {
        "prediction_id": call.id,
        "model": {"name": manifest.name, "version": manifest.version},
        "image": {"width": picture.width, "height": picture.height, "format": picture.format},
        "count": len(shown),
        "counts": {manifest.classes[class_id]: counts[class_id] for class_id in options.class_ids},
        "count_interval": _count_interval(len(shown), prediction, options, manifest),
        "detections": shown.to_json(manifest.classes),
        "thresholds": {
            "score": thresholds.score,
            "iou": thresholds.iou,
            "max_detections": thresholds.max_detections,
        },
        "tiles": prediction.grid.to_json() if prediction.grid else None,
        "timing_ms": call.timing_ms(),
    }


def _count_interval(
    count: int, prediction: Prediction, options: Options, manifest: Manifest
) -> dict[str, int | float] | None:
    """Null where the bundle is not calibrated, or not for what was asked: other thresholds, tiles,
    some classes only, or a list that may have been cut."""
    calibration, asked = manifest.count_calibration, options.thresholds
    if (
        calibration is None
        or prediction.grid is not None
        or (asked.score, asked.iou) != (calibration.score_threshold, calibration.iou_threshold)
        or len(options.class_ids) != len(manifest.classes)
        or count >= asked.max_detections
    ):
        return None
    low, high = interval(count, calibration)
    return {"low": low, "high": high, "coverage": calibration.coverage}


def _shown(prediction: Prediction, options: Options) -> Detections:
    chosen = np.isin(prediction.detections.class_ids, options.class_ids)
    return prediction.detections.select(chosen)


def _accepts_json(request: Request) -> bool:
    """A list may come as JSON even where an annotated picture would be liked more."""
    try:
        return choose_media(request.headers.get("accept", ""), MEDIA[:1]) == MEDIA[0]
    except NotAcceptable:
        return False


def _labels(value: str, classes: Sequence[str]) -> list[str]:
    labels = [value] if value in classes else value.split(",")  # a label may have a comma in it
    for label in labels:
        if label not in classes:
            raise BadRequest(f"unknown label {label!r}; the model knows {', '.join(classes)[:500]}")
    return labels


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
