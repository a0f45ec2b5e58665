"""`POST /v1/detect`: detections of a picture as JSON, or the annotated picture.

A form or a JSON list may carry several pictures; the response is then a list with a result or a
problem for each.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection.count_interval import AtModelThresholds, at_model_thresholds
from handler.detection.detections import Detections
from handler.detection.detector import Thresholds
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiling import WHOLE, Tiles
from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import BadRequest, NotAcceptable, Problem, TooManyPictures, quote
from handler.routes.accept import accepts_json, choose_media_type
from handler.routes.annotated import annotated
from handler.routes.body import ImageBytes, read_images
from handler.routes.form import Parameters
from handler.routes.parameters import MAX_DETECTIONS, integer, labels, number, tile_grid
from handler.routes.predictor import Predictor
from handler.storage.uploads import Uploads

PATH = "/v1/detect"
PARAMETERS = ("score_threshold", "iou_threshold", "max_detections", "labels", "tiles")
LIST_S = 12.0  # the last picture of a list is begun within this time; the function has 20 s


class DetectOptions(NamedTuple):
    """What a request asks for besides its picture. class_ids: of the labels in the response."""

    thresholds: Thresholds
    class_ids: tuple[int, ...]
    media_type: str
    tiles: Tiles = WHOLE


def routes(
    predictor: Predictor, uploads: Uploads, *, max_pictures: int, list_s: float = LIST_S
) -> Routes:
    """list_s: seconds after which no further picture of a list is begun."""
    endpoint = DetectEndpoint(predictor, uploads, max_pictures, list_s)
    return {PATH: Route({"POST": endpoint}, is_recorded=True)}


class DetectEndpoint:
    def __init__(
        self, predictor: Predictor, uploads: Uploads, max_pictures: int, list_s: float
    ) -> None:
        self.predictor, self.uploads = predictor, uploads
        self.max_pictures, self.list_s = max_pictures, list_s

    def __call__(self, request: Request, invocation: Invocation) -> Response:
        options = self._read_options(request)
        images, fields = read_images(
            request,
            limit=self.max_pictures,
            sources={
                "upload_id": self.uploads.read_upload,
                "s3_uri": lambda _, uri: self.uploads.read_uri(uri),
            },
        )
        if fields:
            options = self._read_options(request, fields)
        if isinstance(images, list):
            return self._detect_each(images, options, request, invocation)
        predict_request = PredictRequest(images, options.thresholds, options.tiles)
        prediction = self.predictor.predict(predict_request, invocation)
        shown = _shown(prediction, options)
        if options.media_type == "application/json":
            invocation.total_ms = invocation.elapsed_ms()
            return json_response(self._result(invocation, prediction, shown, options))
        kind: Literal["JPEG", "PNG"] = "PNG" if options.media_type == "image/png" else "JPEG"
        body = annotated(prediction, shown, kind, request.max_response_bytes)
        headers = {"X-Detection-Count": str(len(shown)), "Vary": "Accept"}
        return Response(200, options.media_type, body, headers)

    def _read_options(self, request: Request, fields: Parameters = ()) -> DetectOptions:
        return read_options(
            request, self.predictor.manifest, fields, default_tiles=self.predictor.default_tiles
        )

    def _detect_each(
        self,
        images: list[ImageBytes],
        options: DetectOptions,
        request: Request,
        invocation: Invocation,
    ) -> Response:
        if not accepts_json(request):
            raise NotAcceptable(
                "several pictures are answered in JSON only; accept application/json, or send one"
            )
        results: list[str] = []
        room_bytes = request.max_response_bytes
        for done, image_bytes in enumerate(images):
            part = invocation.add_part()
            left_s = self.list_s - invocation.elapsed_ms() / 1000
            # Finer tiles for one picture may not keep the following ones from being begun.
            share_s = left_s / (len(images) - done)
            text = self._detect_part(image_bytes, options, part, left_s, share_s, room_bytes)
            part.total_ms = part.total_ms or part.elapsed_ms()
            room_bytes -= _size(text)
            results.append(text)
        return Response(200, "application/json", f"[{', '.join(results)}]")

    def _detect_part(
        self,
        image_bytes: ImageBytes,
        options: DetectOptions,
        part: Invocation,
        left_s: float,
        share_s: float,
        room_bytes: int,
    ) -> str:
        """The JSON of one of several pictures: its result, or its problem."""
        try:
            if left_s < 0:
                raise TooManyPictures(f"not begun within {self.list_s:g} s; send fewer at once")
            if isinstance(image_bytes, Problem):
                raise image_bytes
            predict_request = PredictRequest(image_bytes, options.thresholds, options.tiles)
            prediction = self.predictor.predict(
                predict_request, part, tiles_s=left_s, auto_s=share_s
            )
            # The invocation outlives its pictures, whose pixels would add up; a record needs none.
            part.prediction = prediction.without_pixels()
            part.total_ms = part.elapsed_ms()
            result = self._result(part, prediction, _shown(prediction, options), options)
            text = json.dumps(result, ensure_ascii=False)
            if _size(text) > room_bytes:
                part.prediction = None
                raise TooManyPictures("the answer is full; send fewer at once")
            return text
        except Problem as problem:
            part.problem = (problem.type, problem.detail)
            problem.without_frames()  # it may be kept in them
            return json.dumps({"prediction_id": part.id, "problem": problem.body(part.id)})

    def _result(
        self,
        invocation: Invocation,
        prediction: Prediction,
        shown: Detections,
        options: DetectOptions,
    ) -> dict[str, Any]:
        manifest, picture, thresholds = (
            self.predictor.manifest,
            prediction.picture,
            options.thresholds,
        )
        classes = manifest.classes
        counts = np.bincount(shown.class_ids, minlength=len(classes)).tolist()
        has_all_classes = len(options.class_ids) == len(classes)
        at_model = at_model_thresholds(prediction, manifest) if has_all_classes else None
        return {
            "prediction_id": invocation.id,
            "model": {"name": manifest.name, "version": manifest.version},
            "image": {
                "width": picture.width,
                "height": picture.height,
                "format": picture.format,
                "orientation": picture.orientation,
            },
            "count": len(shown),
            "counts": {classes[class_id]: counts[class_id] for class_id in options.class_ids},
            **_count_interval(at_model, options, manifest),
            "detections": shown.to_json(classes),
            "thresholds": {
                "score": thresholds.score,
                "iou": thresholds.iou,
                "max_detections": thresholds.max_detections,
            },
            "at_model_thresholds": at_model.to_json() if at_model else None,
            "tiles": prediction.grid.to_json() if prediction.grid else None,
            "warnings": list(prediction.warnings),
            "timing_ms": invocation.timing_ms(),
        }


def read_options(
    request: Request,
    manifest: Manifest,
    fields: Parameters = (),
    *,
    default_tiles: Tiles = WHOLE,
) -> DetectOptions:
    """The query, the Accept header, and a form's fields. Raises BadRequest, NotAcceptable."""
    values: dict[str, list[str]] = {}
    for source, parameters in (("query parameter", request.query), ("form field", fields)):
        for name, value in parameters:
            if name not in PARAMETERS:
                raise BadRequest(
                    f"unknown {source} {quote(name)}; known are {', '.join(PARAMETERS)}"
                )
            values.setdefault(name, []).append(value)
    classes = tuple(manifest.classes)
    names = [name for value in values.pop("labels", []) for name in labels(value, classes)]
    for name, repeated in values.items():
        if len(repeated) > 1:
            raise BadRequest(f"{name} is given {len(repeated)} times; give it once")
    query = {name: value for name, [value] in values.items()}
    defaults = manifest.thresholds
    return DetectOptions(
        Thresholds(
            score=number("score_threshold", query.get("score_threshold", defaults.score)),
            iou=number("iou_threshold", query.get("iou_threshold", defaults.iou)),
            max_detections=integer(
                "max_detections",
                query.get("max_detections", defaults.max_detections),
                most=max(defaults.max_detections, MAX_DETECTIONS),
            ),
        ),
        class_ids=tuple(map(classes.index, names)) or tuple(range(len(classes))),
        media_type=choose_media_type(request.headers.get("accept", "")),
        tiles=tile_grid("tiles", query["tiles"]) if "tiles" in query else default_tiles,
    )


def _count_interval(
    at_model: AtModelThresholds | None, options: DetectOptions, manifest: Manifest
) -> dict[str, Any]:
    """The interval of the answer's count, or why there is none."""
    own, asked = manifest.thresholds, options.thresholds
    reason: str | None
    if len(options.class_ids) != len(manifest.classes):
        reason = "it would be of all classes together, and only some are asked for"
    elif (asked.score, asked.iou) != (own.score, own.iou):
        reason = (
            "it is known only at the model's own thresholds, "
            f"{own.score:g} of the score and {own.iou:g} of the IoU"
        )
    elif at_model is None:
        reason = "the list of detections may have been cut"
    elif at_model.count >= asked.max_detections:
        reason = f"the list of detections may have been cut at {asked.max_detections}"
    else:
        made = at_model.to_json()
        return {name: made[name] for name in ("count_interval", "no_interval")}
    return {"count_interval": None, "no_interval": reason}


def _shown(prediction: Prediction, options: DetectOptions) -> Detections:
    is_shown = np.isin(prediction.detections.class_ids, options.class_ids)
    return prediction.detections.select(is_shown)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
