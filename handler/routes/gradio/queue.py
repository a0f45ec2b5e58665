"""Gradio's API of today (`gradio_client`, `@gradio/client`) in; an annotated picture and boxes out.

A client uploads a picture, joins the queue and reads a stream of events, three requests that three
execution environments may answer; the stream's names only the client's session. So what one leaves
for the next lies in a store that all reach, under ids that cannot be guessed; and the prediction is
made as the queue is joined. With `run` it is all answered in the one request.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.http.gateway import Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, NotConfigured, NotFound, Problem
from handler.routes.annotated import annotated
from handler.routes.body import decode_base64, is_form, parse_json, read_body, read_files
from handler.routes.gradio.schema import PARAMETERS, PREFIX, config, info
from handler.routes.parameters import boolean, number
from handler.storage.store import Store

CONFIG, INFO, UPLOAD = "/config", f"{PREFIX}/info", f"{PREFIX}/upload"
JOIN, DATA, RUN = f"{PREFIX}/queue/join", f"{PREFIX}/queue/data", f"{PREFIX}/run/predict"
CALL, CALLED = f"{PREFIX}/call/predict", f"{PREFIX}/call/predict/{{event_id}}"
FILE = f"{PREFIX}/file={{file_id}}/{{name}}"

PICTURE, ANNOTATED = "picture", "annotated.jpg"  # how files are called
STREAM_S = 15.0  # a stream waits so long for what its session has begun
POLL_S = 0.1
_ID = re.compile(r"[0-9a-f]{32}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PENDING = b""
_META = {"_type": "gradio.FileData"}


@dataclass(frozen=True)
class Inputs:
    """`data` of a request, read. upload_id: of the file that the picture was read from."""

    picture: bytes
    upload_id: str
    labels: bool
    boxes: bool
    score: float


@dataclass(frozen=True)
class Space:
    """The endpoints that predict, or fetch what was predicted. It keeps nothing itself."""

    detector: Detector
    store: Store
    max_pixels: int
    max_body_bytes: int

    def config(self, request: Request, _: Invocation) -> Response[Any]:
        # its files are as large as a form can be on its way to the function
        most = min(self.max_body_bytes, request.room_bytes)
        return json_response(config(self.detector.manifest, _root(request), most))

    def info(self, _: Request, __: Invocation) -> Response[Any]:
        return json_response(info(self.detector.manifest))

    def upload(self, request: Request, _: Invocation) -> Response[Any]:
        body = read_body(request)
        if not is_form(request, body):
            raise BadRequest("expected multipart/form-data with one file, as Gradio's clients send")
        [(_name, data)] = read_files(request, body, limit=1)
        upload_id = uuid.uuid4().hex
        self.store.put(f"files/{upload_id}", data)
        return json_response([f"{upload_id}/{PICTURE}"])

    def join(self, request: Request, call: Invocation) -> Response[Any]:
        call.route = JOIN
        document = _read_document(request)
        session = document.get("session_hash")
        if not isinstance(session, str) or not _SESSION.fullmatch(session):
            raise BadRequest("session_hash must be 1 to 64 letters, digits, - or _")
        return json_response({"event_id": self._predict_into(session, document, request, call)})

    def call(self, request: Request, call: Invocation) -> Response[Any]:
        """As curl is used: the event is a session of its own."""
        call.route = CALL
        session = uuid.uuid4().hex
        self._predict_into(session, _read_document(request), request, call)
        return json_response({"event_id": session})

    def run(self, request: Request, call: Invocation) -> Response[Any]:
        call.route = RUN
        return json_response(self._predict(_read_document(request), request, call))

    def data(self, request: Request, _: Invocation) -> Response[Any]:
        session = dict(request.query).get("session_hash", "")
        if not _SESSION.fullmatch(session):
            raise BadRequest("session_hash must be 1 to 64 letters, digits, - or _")
        events = [
            {"msg": "process_completed", "event_id": event_id, **json.loads(outcome)}
            for event_id, outcome in self._take(session)
        ]
        events.append({"msg": "close_stream", "event_id": None})
        return _stream("".join(f"data: {json.dumps(event)}\n\n" for event in events))

    def called(self, request: Request, _: Invocation) -> Response[Any]:
        session = request.params["event_id"]
        outcomes = self._take(session) if _ID.fullmatch(session) else []
        if not outcomes:
            raise NotFound("there is no such event; each can be read once, within a day")
        outcome = json.loads(outcomes[0][1])
        kind, data = ("complete", outcome["output"].get("data"))
        if not outcome["success"]:
            kind, data = "error", outcome["output"]
        return _stream(f"event: {kind}\ndata: {json.dumps(data)}\n\n")

    def file(self, request: Request, _: Invocation) -> Response[Any]:
        file_id, name = request.params["file_id"], request.params["name"]
        body = None
        if _ID.fullmatch(file_id) and name == ANNOTATED:  # what was sent is not given back
            body = self.store.get(f"annotated/{file_id}")
        if body is None:
            raise NotFound("there is no such file; they are kept for a day")
        return Response(200, "image/jpeg", body, headers={"Cache-Control": "private"})

    def _predict_into(
        self, session: str, document: dict[str, Any], request: Request, call: Invocation
    ) -> str:
        """Predict and leave the outcome in the session, for its stream; the event's id."""
        key = f"sessions/{session}/{uuid.uuid4().hex}"
        self.store.put(key, _PENDING)  # so that a stream opened meanwhile waits for it
        try:
            output = self._predict(document, request, call)
            outcome = {"output": output, "success": True}
        except Problem as problem:
            call.problem = (problem.type, problem.detail)
            outcome = _failure(f"{problem.status} {problem.title}", problem.detail)
        except BaseException:
            self.store.delete(key)
            raise
        self.store.put(key, json.dumps(outcome).encode())
        return key.rpartition("/")[2]

    def _predict(
        self, document: dict[str, Any], request: Request, call: Invocation
    ) -> dict[str, Any]:
        """The output that Gradio's clients expect. Raises Problem; then the upload is deleted."""
        manifest = self.detector.manifest
        inputs = read_inputs(document, manifest, self._read_upload)
        defaults = manifest.thresholds
        thresholds = Thresholds(inputs.score, defaults.iou, defaults.max_detections)
        call.request = PredictRequest(inputs.picture, thresholds)
        try:
            prediction = predict(call.request, detector=self.detector, max_pixels=self.max_pixels)
        except Problem:
            if inputs.upload_id:
                self.store.delete(f"files/{inputs.upload_id}")
            raise
        call.prediction = prediction
        found = prediction.detections
        drawn = annotated(
            prediction, found, "JPEG", request.room_bytes, boxes=inputs.boxes, labels=inputs.labels
        )
        file_id = uuid.uuid4().hex
        self.store.put(f"annotated/{file_id}", drawn)
        path = f"{file_id}/{ANNOTATED}"
        picture = {
            "path": path,
            "url": f"{_root(request)}{PREFIX}/file={path}",
            "size": len(drawn),
            "orig_name": ANNOTATED,
            "mime_type": "image/jpeg",
            "is_stream": False,
            "meta": _META,
        }
        boxes = found.to_json(manifest.classes)
        seconds = round(call.elapsed_ms() / 1000, 4)
        return {
            "data": [picture, len(found), {"prediction_id": call.id, "detections": boxes}],
            "is_generating": False,
            "duration": seconds,
            "average_duration": seconds,
        }

    def _read_upload(self, upload_id: str) -> bytes:
        data = self.store.get(f"files/{upload_id}")
        if data is None:
            raise NotFound("there is no such upload; they are kept for a day")
        return data

    def _take(self, session: str) -> list[tuple[str, bytes]]:
        """Event id and outcome of all that a session has waiting, which then has nothing.

        Waits for events that another environment is at: a client ends its stream with an answer,
        and would give up what it has joined by then and not been told of.
        """
        late = json.dumps(_failure("Too slow", f"no result within {STREAM_S:g} s; try again"))
        deadline = time.monotonic() + STREAM_S
        outcomes: dict[str, bytes] = {}
        while True:
            is_late, pending = time.monotonic() > deadline, False
            for key in self.store.list(f"sessions/{session}/"):
                outcome = self.store.get(key)
                if outcome == _PENDING and not is_late:
                    pending = True
                elif outcome is not None:
                    outcomes[key.rpartition("/")[2]] = outcome or late.encode()
                    self.store.delete(key)
            if not pending:
                return list(outcomes.items())
            time.sleep(POLL_S)


ENDPOINTS: Mapping[str, tuple[str, Callable[[Space, Request, Invocation], Response[Any]]]] = {
    CONFIG: ("GET", Space.config),
    INFO: ("GET", Space.info),
    UPLOAD: ("POST", Space.upload),
    JOIN: ("POST", Space.join),
    DATA: ("GET", Space.data),
    RUN: ("POST", Space.run),
    CALL: ("POST", Space.call),
    CALLED: ("GET", Space.called),
    FILE: ("GET", Space.file),
}


def routes(
    detector: Detector, store: Store | None, *, max_pixels: int, max_body_bytes: int
) -> Routes:
    """store: where requests leave things for each other; without one every route says so."""
    if store is None:
        return {
            path: Route({method: _without_store}, problem_form)
            for path, (method, _) in ENDPOINTS.items()
        }
    space = Space(detector, store, max_pixels, max_body_bytes)
    return {
        path: Route({method: partial(endpoint, space)}, problem_form)
        for path, (method, endpoint) in ENDPOINTS.items()
    }


def _without_store(_: Request, __: Invocation) -> Response[Any]:
    raise NotConfigured("Gradio's API is off here: it needs the setting GRADIO_STORE")


def read_inputs(
    document: dict[str, Any], manifest: Manifest, read_upload: Callable[[str], bytes]
) -> Inputs:
    """`data`: a picture, whether labels and boxes are drawn, a threshold; what is left out or null
    is the default. Raises BadRequest, NotFound."""
    data = document.get("data")
    if not isinstance(data, list) or not 1 <= len(data) <= len(PARAMETERS):
        raise BadRequest(f"expected data with {', '.join(PARAMETERS)}, of which image is needed")
    defaults: list[Any] = [None, False, True, manifest.thresholds.score]
    given: list[Any] = [*data, *[None] * (len(PARAMETERS) - len(data))]
    image, labels, boxes, threshold = (
        default if value is None else value for value, default in zip(given, defaults, strict=True)
    )
    labels, boxes = boolean("labels", labels), boolean("boxes", boxes)
    score = number("threshold", threshold)
    text = (image.get("path") or image.get("url")) if isinstance(image, dict) else image
    if not isinstance(text, str):
        raise BadRequest("image must be a file: in Python handle_file(path), or a data URI")
    if text[:5].lower() == "data:":
        return Inputs(decode_base64(text), "", labels, boxes, score)
    if re.match(r"https?://", text):
        raise BadRequest("pictures are not fetched from URLs; give a file, and it is uploaded")
    upload_id, _, name = text.partition("/")
    if not _ID.fullmatch(upload_id) or name != PICTURE:
        raise NotFound(f"{text[:80]!r} is no upload of this API; give a file, and it is uploaded")
    return Inputs(read_upload(upload_id), upload_id, labels, boxes, score)


def problem_form(problem: Problem, _: str) -> Response[Any]:
    body = json.dumps({"detail": problem.detail, "error": problem.detail})
    return Response(problem.status, "application/json", body)


def _read_document(request: Request) -> dict[str, Any]:
    document = parse_json(read_body(request))
    if not isinstance(document, dict):
        raise BadRequest('expected JSON like {"data": [{"path": "…"}]}')
    return document


def _failure(title: str, detail: str) -> dict[str, Any]:
    """An outcome that gradio_client raises as AppError: its parameters, and no other."""
    error = {"error": detail, "title": title, "visible": True, "duration": 10}
    return {"output": {**error, "print_exception": False}, "success": False}


def _stream(text: str) -> Response[Any]:
    return Response(200, "text/event-stream", text, headers={"Cache-Control": "no-store"})


def _root(request: Request) -> str:
    """Where the client found the API, without a last slash; the stage's path is part of it."""
    host, scheme = (request.headers.get(name, "") for name in ("host", "x-forwarded-proto"))
    path = request.path.partition(PREFIX)[0].removesuffix(CONFIG).rstrip("/")
    return f"{scheme or 'http'}://{host}{path}"
