"""`POST /v1/detect`: a picture in raw bytes, multipart or JSON in; JSON or the annotated picture out."""

from __future__ import annotations

import base64
import binascii
import json
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

PATH = "/v1/detect"
PARAMETERS = ("score_threshold", "iou_threshold", "max_detections", "labels")
MAX_DETECTIONS = 1000  # keeps the answer, and the record as one log line, well within their limits
MEDIA = ("application/json", "image/jpeg", "image/png")  # the first is preferred
MAX_PARTS = 32
SIDES_PX = (
    1280,
    960,
    640,
    480,
)  # of the annotated picture: the first whose file fits; noise as PNG fits at the last


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
        class_ids=tuple(classes.index(label) for label in labels) if labels else tuple(range(len(classes))),
        media=choose_media(request.headers.get("accept", "")),
    )


def read_picture(request: Request) -> bytes:
    """The picture's bytes, however the body carries them. Raises BadRequest, BodyTooLarge."""
    body, content_type = request.read_body(), request.headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    if not body:
        raise BadRequest(
            "the body is empty; send a picture's bytes, a form with a file, or JSON with an image"
        )
    if media == "multipart/form-data" and ("boundary" in content_type.lower() or body.startswith(b"--")):
        return _from_form(body, content_type)
    # JSON is text that starts with a brace, which no picture does; its label is believed only for other text.
    if body.lstrip()[:1] == b"{" or (media == "application/json" and _is_text(body)):
        return _from_json(body)
    return body


def choose_media(accept: str) -> str:
    """The media type to answer with, by an Accept header. Raises NotAcceptable."""
    ranked = []
    for order, offer in enumerate(MEDIA):
        weights = [
            (_closeness(offer, name), weight) for name, weight in _accepted(accept) if _closeness(offer, name)
        ]
        # An offer's weight is what its closest range says; of equal weights the closer range wins, then our
        # order.
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
        drawn = annotate.draw(prediction.picture.rgb, shown, size, prediction.classes, max_side=side)
        body = annotate.encode(drawn, "PNG" if media == "image/png" else "JPEG")
        if len(body) <= room_bytes:
            break
    return body


def _from_form(body: bytes, content_type: str) -> bytes:
    import multipart  # type: ignore[import-untyped, unused-ignore]  # 20 ms that only forms pay

    parts: list[tuple[str, bool, bytearray]] = []  # name, whether it is a file, content
    try:
        boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
        with multipart.PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append((event.name, event.filename is not None, bytearray()))
                elif event:
                    parts[-1][2].extend(event)
    except ValueError as error:  # the library's own errors are such, and bad encodings in a part's header
        raise BadRequest(f"the body is no well-formed multipart/form-data ({error})") from None
    for name, is_file, data in parts:
        if is_file and data:
            return bytes(data)
        if is_file:
            raise BadRequest(f"the form's file {name!r} is empty; choose a picture")
    names = [name for name, _, _ in parts]
    raise BadRequest(f"the form has no file; expected a part with a filename, its fields are {names}")


def _from_json(body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no well-formed JSON ({str(error)[:200]})") from None
    if not isinstance(document, dict) or set(document) != {"image"} or not isinstance(document["image"], str):
        raise BadRequest(
            'expected JSON like {"image": "<base64 or data URI>"} and nothing else in it; '
            "thresholds and labels go into the query"
        )
    text: str = document["image"]
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise BadRequest(f"expected a data URI like data:image/jpeg;base64,…, not {head[:60]!r}…")
    try:
        if any(space in text for space in " \r\n\t"):  # folded lines, as mail and some tools write them
            text = "".join(text.split())
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"image is not base64 ({error})") from None
    if not data:
        raise BadRequest("image is empty; expected a picture's bytes in base64")
    return data


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


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
    """Media ranges and their weights; an empty header accepts all, a weight that is no number counts as 1."""
    ranges = []
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        ranges.append((name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0))
    return [(name, weight) for name, weight in ranges if name] or [("*/*", 1.0)]


def _closeness(offer: str, media_range: str) -> int:
    """How narrowly a media range covers an offer: 3 exactly, 2 its kind, 1 all, 0 not at all."""
    return {offer: 3, offer.split("/")[0] + "/*": 2, "*/*": 1}.get(media_range, 0)
