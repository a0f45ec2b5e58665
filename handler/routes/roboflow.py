"""`POST /PROJECT/VERSION`: object detection as Roboflow's hosted API (v0) speaks it.

Any project and version is accepted: they name what the client had before, and one model is here.
"""

from __future__ import annotations

import codecs
import json
import string
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection.detections import SCORE_DECIMALS, Detections
from handler.detection.detector import Thresholds
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiling import Tiles
from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import BadRequest, Problem
from handler.routes.annotated import annotated
from handler.routes.base64_text import decode_base64
from handler.routes.body import read_body, read_image
from handler.routes.form import Parameters, is_form
from handler.routes.parameters import MAX_DETECTIONS, integer, labels, number, tile_grid
from handler.routes.predictor import Predictor

PATH = "/{project}/{version:int}"
MAX_STROKE_PX = 20
# Both alphabets of RFC 4648; a space may be a + that a form changed.
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/-_= \r\n").encode())


@dataclass(frozen=True)
class RoboflowOptions:
    """What the query asks for. class_ids: of the classes in the response. tiles: None for the
    deployment's default; Roboflow has no such parameter."""

    thresholds: Thresholds
    class_ids: tuple[int, ...]
    format: str
    labels: bool
    line_px: int
    tiles: Tiles | None = None


def routes(predictor: Predictor) -> Routes:
    def detect(request: Request, invocation: Invocation) -> Response:
        options = read_options(request, predictor.manifest)
        image_bytes, fields = read_roboflow_image(request)
        if fields:
            options = read_options(request, predictor.manifest, fields)
        tiles = options.tiles or predictor.default_tiles
        asked = PredictRequest(image_bytes, options.thresholds, tiles)
        prediction = predictor.predict(asked, invocation)
        detections = prediction.detections
        shown = detections.select(np.isin(detections.class_ids, options.class_ids))
        if options.format == "json":
            return json_response(_result(invocation, prediction, shown))
        drawn = annotated(
            prediction,
            shown,
            "JPEG",
            request.max_response_bytes,
            labels=options.labels,
            line_px=options.line_px,
        )
        return Response(200, "image/jpeg", drawn)

    return {PATH: Route({"POST": detect}, problem_format, is_recorded=True)}


def read_options(request: Request, manifest: Manifest, fields: Parameters = ()) -> RoboflowOptions:
    """The parameters of the query and of a form; those unknown here concern Roboflow only.

    Raises BadRequest.
    """
    pairs = (*request.query, *fields)
    query = dict(pairs)
    if "image" in query:
        raise BadRequest(
            "pictures are not fetched from URLs; send the picture itself, in base64 or as a form"
        )
    response_format = query.get("format") or "json"
    if response_format not in ("json", "image"):
        raise BadRequest(f"format must be json or image, not {response_format[:40]!r}")
    defaults, classes = manifest.thresholds, list(manifest.classes)
    names = [
        label
        for name, value in pairs
        if name == "classes"
        for label in labels(value, manifest.classes, what="class", is_lenient=True)
    ]
    most = max(defaults.max_detections, MAX_DETECTIONS)
    return RoboflowOptions(
        thresholds=Thresholds(
            score=_per_cent(query, "confidence", defaults.score),
            iou=_per_cent(query, "overlap", defaults.iou),
            max_detections=integer(
                "max_detections", query.get("max_detections") or defaults.max_detections, most=most
            ),
        ),
        class_ids=tuple(map(classes.index, names)) or tuple(range(len(classes))),
        format=response_format,
        labels=query.get("labels", "").lower() in ("true", "on", "1", "yes"),
        line_px=integer("stroke", query.get("stroke") or 1, most=MAX_STROKE_PX),
        tiles=tile_grid("tiles", query["tiles"]) if query.get("tiles") else None,
    )


def read_roboflow_image(request: Request) -> tuple[bytes, Parameters]:
    """The body: base64 text, a form with a file, or the bytes; and a form's other fields.

    Raises BadRequest, BodyTooLarge, TooManyPictures.
    """
    body = read_body(request)
    text = body.removeprefix(codecs.BOM_UTF8)
    # A picture or a form has bytes that base64 has not; the Content-Type says form in any case.
    if text.startswith(b"data:") or (_BASE64.issuperset(text[:256]) and not is_form(request, body)):
        return decode_base64(text.decode(errors="replace"), "the body"), ()
    return read_image(request)


def problem_format(problem: Problem, _: str) -> Response:
    body = json.dumps({"message": problem.detail, "error": {"type": problem.type}})
    return Response(problem.status, "application/json", body)


def _result(invocation: Invocation, prediction: Prediction, shown: Detections) -> dict[str, Any]:
    """Boxes by centre and size; warnings, which Roboflow has not, only where there are some."""
    boxes = shown.boxes.astype(float)
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).round(2).tolist()
    sizes = (boxes[:, 2:] - boxes[:, :2]).round(2).tolist()
    scores = shown.scores.astype(float).round(SCORE_DECIMALS).tolist()
    invocation.total_ms = invocation.elapsed_ms()
    return {
        "inference_id": invocation.id,
        "time": round(invocation.total_ms / 1000, 4),
        "image": {"width": prediction.picture.width, "height": prediction.picture.height},
        "predictions": [
            {
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "confidence": score,
                "class": prediction.classes[class_id],
                "class_id": class_id,
                "detection_id": f"{invocation.id}-{i}",
            }
            for i, ((x, y), (width, height), score, class_id) in enumerate(
                zip(centres, sizes, scores, shown.class_ids.tolist(), strict=True)
            )
        ],
        **({"warnings": list(prediction.warnings)} if prediction.warnings else {}),
    }


def _per_cent(query: dict[str, str], name: str, default: float) -> float:
    """As Roboflow's server reads it: per cent from 1 up; below, inference_sdk's fraction."""
    if not query.get(name):
        return default
    value = number(name, query[name], most=100)
    return value / 100 if value >= 1 else value
