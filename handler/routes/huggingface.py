"""`POST /hf` and `/models/NAME`: object detection as Hugging Face's clients speak it.

The formats are those of object_detection in huggingface_hub and @huggingface/inference: a picture's
bytes, or JSON with `inputs` and `parameters`; a bare list of boxes; errors are JSON with `error`.
"""

from __future__ import annotations

import json
from typing import Any

from handler.bundle.manifest import Manifest
from handler.detection.detector import Thresholds
from handler.detection.prediction import PredictRequest
from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import BadRequest, Forbidden, NotFound, Problem, quote
from handler.routes import ops
from handler.routes.base64_text import decode_base64
from handler.routes.body import parse_json, read_body, read_image, starts_json
from handler.routes.form import Parameters
from handler.routes.parameters import number
from handler.routes.predictor import Predictor

# The Hub's model ids have an owner; any owner is accepted here.
PATHS = ("/hf", "/models/{name}", "/models/{owner}/{name}")
PARAMETERS = ("threshold",)


def routes(predictor: Predictor) -> Routes:
    manifest = predictor.manifest

    def detect(request: Request, invocation: Invocation) -> Response:
        asked = read_request(request, manifest)._replace(tiles=predictor.default_tiles)
        prediction = predictor.predict(asked, invocation)
        return json_response(prediction.detections.to_json(manifest.classes))

    def check_name(request: Request) -> None:
        """Raises NotFound where another model is asked for than the one that is here."""
        name = request.path_params.get("name", manifest.name)
        if name != manifest.name:
            raise NotFound(
                f"the model here is {manifest.name!r}, not {name[:80]!r}; POST /hf takes any"
            )

    # `InferenceClient.health_check` asks below the model's URL.
    health = Route(
        {"GET": ops.health(manifest)}, problem_format, is_open=True, check_path=check_name
    )
    model = Route({"POST": detect}, problem_format, is_recorded=True, check_path=check_name)
    return {**{f"{path}/health": health for path in PATHS}, **dict.fromkeys(PATHS, model)}


def read_request(request: Request, manifest: Manifest) -> PredictRequest:
    """The body, raw or JSON. Raises BadRequest, BodyTooLarge, TooManyPictures."""
    defaults = manifest.thresholds
    score = defaults.score
    body = read_body(request)
    if starts_json(body, b"{["):
        image_bytes, parameters = _read_json(parse_json(body))
        score = number("threshold", parameters.get("threshold", defaults.score))
    else:
        image_bytes, fields = read_image(request)
        if fields:
            score = number("threshold", _read_fields(fields).get("threshold", defaults.score))
    return PredictRequest(image_bytes, Thresholds(score, defaults.iou, defaults.max_detections))


def problem_format(problem: Problem, _: str) -> Response:
    body = json.dumps({"error": problem.detail, "error_type": problem.type})
    # huggingface_hub shows the reason of a 403 from this header only
    text = problem.detail.encode("ascii", "replace").decode()[:300]
    headers = {"X-Error-Message": text} if isinstance(problem, Forbidden) else {}
    return Response(problem.status, "application/json", body, headers)


def _read_fields(fields: Parameters) -> dict[str, str]:
    """A form's fields as parameters. Raises BadRequest for unknown and repeated ones."""
    names = [name for name, _ in fields]
    if set(names) - set(PARAMETERS) or len(names) > len(set(names)):
        raise BadRequest(
            f"the only known parameter is threshold, once; the form has the fields {quote(names)}"
        )
    return dict(fields)


def _read_json(document: Any) -> tuple[bytes, dict[str, Any]]:
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
    not_null = {name: value for name, value in parameters.items() if value is not None}
    return decode_base64(document["inputs"], "inputs"), not_null
