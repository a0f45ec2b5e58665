"""`POST /v1/predictions/{prediction_id}/feedback`: a correction in; stored, 201 out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.http.gateway import Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, NotConfigured
from handler.records import feedback
from handler.records.feedback import Correction
from handler.routes.body import parse_json, read_body
from handler.routes.parameters import integer, number
from handler.storage.store import Store

PATH = "/v1/predictions/{prediction_id}/feedback"
MEMBERS = ("count", "detections", "comment")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
MAX_COUNT, MAX_DETECTIONS, MAX_COMMENT = 1_000_000, 2000, 1000
MAX_PX = 1_000_000


def routes(store: Store | None, manifest: Manifest) -> Routes:
    """store: at the root of the prediction log."""

    def answer(request: Request, _: Invocation) -> Response[Any]:
        if store is None:
            raise NotConfigured("feedback is not kept here: this deployment has no PREDICTION_LOG")
        said = read(parse_json(read_body(request)), manifest.classes)
        given = feedback.save(store, request.params["prediction_id"], said, manifest)
        return json_response(
            {
                "feedback_id": given.feedback_id,
                "prediction_id": given.prediction_id,
                "count": given.count,
                "counts": given.counts,
            },
            201,
        )

    return {PATH: Route({"POST": answer})}


def read(document: object, classes: Sequence[str]) -> Correction:
    """The JSON as a correction. Raises BadRequest."""
    if not isinstance(document, dict) or not document.keys() <= set(MEMBERS):
        raise BadRequest(
            'expected JSON like {"count": 12}, or {"detections": [{"label": "…", "box": {"xmin": '
            '0, "ymin": 0, "xmax": 9, "ymax": 9}}]}, with a "comment" if you like, and nothing else'
        )
    count, comment = document.get("count"), document.get("comment")
    detections = _detections(document.get("detections"), classes)
    if count is not None:
        if not isinstance(count, int) or isinstance(count, bool):
            raise BadRequest(f"count must be a whole number, not {str(count)[:40]!r}")
        count = integer("count", count, least=0, most=MAX_COUNT)
    if comment is not None and not (isinstance(comment, str) and len(comment) <= MAX_COMMENT):
        raise BadRequest(f"comment must be a text of at most {MAX_COMMENT:,} characters")
    if detections is None:
        if count is None:
            raise BadRequest("what was there? Give a count, or detections, or both")
        return Correction(count, None, None, comment)
    if count not in (None, len(detections)):
        raise BadRequest(f"count is {count}, but there are {len(detections)} detections")
    labels = Counter(each["label"] for each in detections)
    counts = {label: labels[label] for label in classes}
    return Correction(len(detections), counts, detections, comment)


def _detections(given: object, classes: Sequence[str]) -> list[dict[str, Any]] | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > MAX_DETECTIONS:
        raise BadRequest(f"detections must be a list of at most {MAX_DETECTIONS:,}")
    return [_detection(f"detections[{at}]", each, classes) for at, each in enumerate(given)]


def _detection(where: str, given: object, classes: Sequence[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or given.get("label") not in classes:
        label = given.get("label") if isinstance(given, Mapping) else given
        raise BadRequest(
            f"{where} must have a label that the model knows ({', '.join(classes)[:500]}), "
            f"not {str(label)[:40]!r}"
        )
    box = given.get("box")
    if not isinstance(box, Mapping) or box.keys() != set(CORNERS):
        raise BadRequest(f"{where}.box must have {', '.join(CORNERS)}, in px, and nothing else")
    corners = {name: number(f"{where}.box.{name}", box[name], most=MAX_PX) for name in CORNERS}
    if corners["xmin"] > corners["xmax"] or corners["ymin"] > corners["ymax"]:
        raise BadRequest(f"{where}.box ends before it begins: {corners}")
    return {"label": given["label"], "box": corners}  # a score, if it has one, is the model's
