"""The output of a prediction, as Gradio's clients of today expect it."""

from __future__ import annotations

from typing import Any

from handler.detection.detector import Thresholds
from handler.detection.prediction import PredictRequest
from handler.http.request import Request
from handler.invocation import Invocation
from handler.problems import Problem
from handler.routes.annotated import annotated
from handler.routes.gradio.inputs import read_inputs
from handler.routes.gradio.schema import CONFIG, PREFIX
from handler.routes.gradio.sessions import Sessions
from handler.routes.predictor import Predictor

ANNOTATED_NAME = "annotated.jpg"


def predict_output(
    document: dict[str, Any],
    request: Request,
    invocation: Invocation,
    predictor: Predictor,
    sessions: Sessions,
) -> dict[str, Any]:
    """Predict, and store the annotated picture. Raises Problem; then the upload is deleted."""
    manifest = predictor.manifest
    inputs = read_inputs(document, manifest, sessions.read_upload)
    defaults = manifest.thresholds
    thresholds = Thresholds(inputs.score, defaults.iou, defaults.max_detections)
    try:
        asked = PredictRequest(inputs.image_bytes, thresholds, predictor.default_tiles)
        prediction = predictor.predict(asked, invocation)
    except Problem:
        if inputs.upload_id:
            sessions.delete_upload(inputs.upload_id)
        raise
    detections = prediction.detections
    drawn = annotated(
        prediction,
        detections,
        "JPEG",
        request.max_response_bytes,
        boxes=inputs.boxes,
        labels=inputs.labels,
    )
    picture = _file_data(request, sessions.save_annotated(drawn), len(drawn))
    result = {
        "prediction_id": invocation.id,
        "detections": detections.to_json(manifest.classes),
        **({"warnings": list(prediction.warnings)} if prediction.warnings else {}),
    }
    seconds = round(invocation.elapsed_ms() / 1000, 4)
    return {
        "data": [picture, len(detections), result],
        "is_generating": False,
        "duration": seconds,
        "average_duration": seconds,
    }


def root_url(request: Request) -> str:
    """Where the client found the API, without a last slash; the stage's path is part of it."""
    path = request.path.partition(PREFIX)[0].removesuffix(CONFIG).rstrip("/")
    return f"{request.origin()}{path}"


def _file_data(request: Request, file_id: str, size_bytes: int) -> dict[str, Any]:
    """The annotated picture as gradio.FileData."""
    path = f"{file_id}/{ANNOTATED_NAME}"
    return {
        "path": path,
        "url": f"{root_url(request)}{PREFIX}/file={path}",
        "size": size_bytes,
        "orig_name": ANNOTATED_NAME,
        "mime_type": "image/jpeg",
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }
