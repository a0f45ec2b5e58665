"""`POST /v1/predictions/{prediction_id}/feedback`: stores a correction of a prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from handler.bundle.manifest import Manifest
from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
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


def routes(store: Store | None, manifest: Manifest, *, finds_records: bool = True) -> Routes:
    """store: at the root of the prediction log. finds_records: whether it has an object for each
    record. The answer is 201 where the prediction was found, and 202 where it cannot be looked for.
    """

    def endpoint(request: Request, _: Invocation) -> Response:
        if store is None:
            raise NotConfigured(
                "feedback is not kept here: this deployment has no PREDICTION_LOG, or one that is "
                "a stream and no FEEDBACK_STORE"
            )
        correction = read_correction(parse_json(read_body(request)), manifest.classes)
        saved, is_found = feedback.save(
            store,
            request.path_params["prediction_id"],
            correction,
            manifest,
            finds_records=finds_records,
        )
        return json_response(
            {
                "feedback_id": saved.feedback_id,
                "prediction_id": saved.prediction_id,
                "count": saved.count,
                "counts": saved.counts,
            },
            201 if is_found else 202,
        )

    return {PATH: Route({"POST": endpoint})}


def read_correction(document: object, classes: Sequence[str]) -> Correction:
    """The JSON as a correction. Raises BadRequest."""
    if not isinstance(document, dict) or not document.keys() <= set(MEMBERS):
        raise BadRequest(
            'expected JSON like {"count": 12}, or {"detections": [{"label": "…", "box": {"xmin": '
            '0, "ymin": 0, "xmax": 9, "ymax": 9}}]}, with a "comment" if you like, and nothing else'
        )
    count, comment = document.get("count"), document.get("comment")
    detections = _read_detections(document.get("detections"), classes)
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


def _read_detections(value: object, classes: Sequence[str]) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_DETECTIONS:
        raise BadRequest(f"detections must be a list of at most {MAX_DETECTIONS:,}")
    return [_read_detection(f"detections[{at}]", each, classes) for at, each in enumerate(value)]


def _read_detection(name: str, value: object, classes: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.get("label") not in classes:
        label = value.get("label") if isinstance(value, Mapping) else value
        raise BadRequest(
            f"{name} must have a label that the model knows ({', '.join(classes)[:500]}), "
            f"not {str(label)[:40]!r}"
        )
    box = value.get("box")
    if not isinstance(box, Mapping) or box.keys() != set(CORNERS):
        raise BadRequest(f"{name}.box must have {', '.join(CORNERS)}, in px, and nothing else")
    corners = {side: number(f"{name}.box.{side}", box[side], most=MAX_PX) for side in CORNERS}
    if corners["xmin"] > corners["xmax"] or corners["ymin"] > corners["ymax"]:
        raise BadRequest(f"{name}.box ends before it begins: {corners}")
    return {"label": value["label"], "box": corners}  # a score, if there is one, is the model's
