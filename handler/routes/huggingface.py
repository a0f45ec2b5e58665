"""`POST /hf` and `/models/NAME` as Hugging Face's clients send it in; their list of boxes out.

The forms are those of huggingface_hub's and @huggingface/inference's object_detection: a picture's
bytes, or JSON with `inputs` and `parameters`; errors are JSON with `error`.
"""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.http.gateway import Endpoint, Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, Forbidden, NotFound, Problem
from handler.routes import ops
from handler.routes.body import decode_base64, parse_json, read_body, read_image
from handler.routes.parameters import number

# The Hub's model ids have an owner, which is anybody here.
PATHS = ("/hf", "/models/{name}", "/models/{owner}/{name}")
PARAMETERS = ("threshold",)


def routes(detector: Detector, *, max_pixels: int) -> Routes:
    predicting = {
        path: Route({"POST": endpoint(path, detector, max_pixels=max_pixels)}, problem_form)
        for path in PATHS
    }
    healthy = Route({"GET": health(detector.manifest)}, problem_form, is_open=True)
    return {**{f"{path}/health": healthy for path in PATHS}, **predicting}


def endpoint(path: str, detector: Detector, *, max_pixels: int) -> Endpoint:
    def detect(request: Request, call: Invocation) -> Response[Any]:
        _check_name(request, detector.manifest)
        call.route = path
        call.request = read_ask(request, detector.manifest)
        call.prediction = predict(call.request, detector=detector, max_pixels=max_pixels)
        found = call.prediction.detections.to_json(detector.manifest.classes)
        return json_response(found)

    return detect


def health(manifest: Manifest) -> Endpoint:
    """What `InferenceClient.health_check` asks for below the model's URL."""
    answer = ops.health(manifest)

    def check(request: Request, call: Invocation) -> Response[Any]:
        _check_name(request, manifest)
        return answer(request, call)

    return check


def read_ask(request: Request, manifest: Manifest) -> PredictRequest:
    """The body, raw or JSON. Raises BadRequest, BodyTooLarge, TooManyPictures."""
    defaults = manifest.thresholds
    score = defaults.score
    body = read_body(request)
    if body.lstrip()[:1] in (b"{", b"["):  # as no picture starts
        data, parameters = _from_json(parse_json(body))
        score = number("threshold", parameters.get("threshold", defaults.score))
    else:
        data = read_image(request)
    return PredictRequest(data, Thresholds(score, defaults.iou, defaults.max_detections))


def problem_form(problem: Problem, _: str) -> Response[Any]:
    body = json.dumps({"error": problem.detail, "error_type": problem.type})
    # huggingface_hub tells of a 403 by this header only
    text = problem.detail.encode("ascii", "replace").decode()[:300]
    headers = {"X-Error-Message": text} if isinstance(problem, Forbidden) else {}
    return Response(problem.status, "application/json", body, headers=headers)


def _from_json(document: Any) -> tuple[bytes, dict[str, Any]]:
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), str):
        raise BadRequest(
            'expected a picture\'s bytes, or JSON like {"inputs": "<base64>", "parameters": '
            '{"threshold": 0.5}}'
        )
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict) or parameters.keys() - set(PARAMETERS):
        raise BadRequest(
            f"the only known parameter is threshold; there came {str(parameters)[:80]}"
        )
    given = {name: value for name, value in parameters.items() if value is not None}
    return decode_base64(document["inputs"], "inputs"), given


def _check_name(request: Request, manifest: Manifest) -> None:
    """Raises NotFound where another model than the one that is here is asked for."""
    name = request.params.get("name", manifest.name)
    if name != manifest.name:
        raise NotFound(
            f"the model here is {manifest.name!r}, not {name[:80]!r}; POST /hf takes any"
        )
