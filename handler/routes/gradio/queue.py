"""Gradio's API as `gradio_client` and `@gradio/client` speak it today.

A client uploads a picture, joins the queue and reads a stream of events. The prediction is made as
the queue is joined, and its outcome waits in the store for the stream. With `run`, one request does
it all.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import (
    MEDIA_TYPE,
    BadRequest,
    NotConfigured,
    NotFound,
    Problem,
    StorageFault,
)
from handler.routes.body import parse_json, read_body
from handler.routes.form import is_form, read_form
from handler.routes.gradio import schema
from handler.routes.gradio.inputs import UPLOAD_NAME
from handler.routes.gradio.output import ANNOTATED_NAME, predict_output, root_url
from handler.routes.gradio.schema import CONFIG, PREFIX
from handler.routes.gradio.sessions import ID, Sessions, failure
from handler.routes.predictor import Predictor
from handler.storage.store import Store

INFO, UPLOAD = f"{PREFIX}/info", f"{PREFIX}/upload"
JOIN, DATA, RUN = f"{PREFIX}/queue/join", f"{PREFIX}/queue/data", f"{PREFIX}/run/predict"
CALL, CALL_RESULT = f"{PREFIX}/call/predict", f"{PREFIX}/call/predict/{{event_id}}"
FILE = f"{PREFIX}/file={{file_id}}/{{name}}"
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class GradioQueue:
    """The endpoints. It keeps nothing itself: everything lies in the sessions' store."""

    predictor: Predictor
    sessions: Sessions
    max_body_bytes: int

    def config(self, request: Request, _: Invocation) -> Response:
        # A file is as large as a form can be on its way through API Gateway to the function.
        max_file_bytes = min(self.max_body_bytes, request.max_response_bytes)
        return json_response(
            schema.config(self.predictor.manifest, root_url(request), max_file_bytes)
        )

    def info(self, _: Request, __: Invocation) -> Response:
        return json_response(schema.info(self.predictor.manifest))

    def upload(self, request: Request, _: Invocation) -> Response:
        body = read_body(request)
        if not is_form(request, body):
            raise BadRequest("expected multipart/form-data with one file, as Gradio's clients send")
        [(_name, image_bytes)] = read_form(request, body, limit=1).files
        return json_response([f"{self._sessions(request).save_upload(image_bytes)}/{UPLOAD_NAME}"])

    def join(self, request: Request, invocation: Invocation) -> Response:
        document = _read_document(request)
        session = document.get("session_hash")
        if not isinstance(session, str) or not _SESSION.fullmatch(session):
            raise BadRequest("session_hash must be 1 to 64 letters, digits, - or _")
        event_id = self._predict_into(session, document, request, invocation)
        return json_response({"event_id": event_id})

    def data(self, request: Request, _: Invocation) -> Response:
        """The stream of a session's events."""
        session = dict(request.query).get("session_hash", "")
        if not _SESSION.fullmatch(session):
            raise BadRequest("session_hash must be 1 to 64 letters, digits, - or _")
        if request.method == "HEAD":  # changes nothing: the outcomes stay for the GET
            return _stream("")
        events = [
            {"msg": "process_completed", "event_id": event_id, **outcome}
            for event_id, outcome in self._sessions(request).take_outcomes(session)
        ]
        events.append({"msg": "close_stream", "event_id": None})
        return _stream("".join(f"data: {json.dumps(event)}\n\n" for event in events))

    def call(self, request: Request, invocation: Invocation) -> Response:
        """As curl uses it: the event is a session of its own."""
        session = uuid.uuid4().hex
        self._predict_into(session, _read_document(request), request, invocation)
        return json_response({"event_id": session})

    def call_result(self, request: Request, _: Invocation) -> Response:
        session = request.path_params["event_id"]
        if request.method == "HEAD" and ID.fullmatch(session):
            return _stream("")  # changes nothing: an outcome can be read once
        outcomes = self._sessions(request).take_outcomes(session) if ID.fullmatch(session) else []
        if not outcomes:
            raise NotFound("there is no such event; each can be read once, within a day")
        _event_id, outcome = outcomes[0]
        if outcome["success"]:
            return _stream(
                f"event: complete\ndata: {json.dumps(outcome['output'].get('data'))}\n\n"
            )
        return _stream(f"event: error\ndata: {json.dumps(outcome['output'])}\n\n")

    def run(self, request: Request, invocation: Invocation) -> Response:
        return json_response(self._predict(_read_document(request), request, invocation))

    def file(self, request: Request, _: Invocation) -> Response:
        file_id, name = request.path_params["file_id"], request.path_params["name"]
        image_bytes = None
        if ID.fullmatch(file_id) and name == ANNOTATED_NAME:  # uploads cannot be read back
            image_bytes = self._sessions(request).read_annotated(file_id)
        if image_bytes is None:
            raise NotFound("there is no such file; they are kept for a day")
        return Response(200, "image/jpeg", image_bytes, {"Cache-Control": "private"})

    def _predict(
        self, document: dict[str, Any], request: Request, invocation: Invocation
    ) -> dict[str, Any]:
        return predict_output(
            document, request, invocation, self.predictor, self._sessions(request)
        )

    def _sessions(self, request: Request) -> Sessions:
        return self.sessions.of(request.caller)

    def _predict_into(
        self, session: str, document: dict[str, Any], request: Request, invocation: Invocation
    ) -> str:
        """Predict and leave the outcome in the session, for its stream; the event's id."""
        sessions = self._sessions(request)
        event_id = sessions.begin_event(session)
        try:
            output = self._predict(document, request, invocation)
            outcome = {"output": output, "success": True}
        except StorageFault:
            # The store would hardly take the outcome either; the client may join again.
            with suppress(StorageFault):
                sessions.drop_event(session, event_id)
            raise
        except Problem as problem:
            invocation.problem = (problem.type, problem.detail)
            outcome = failure(f"{problem.status} {problem.title}", problem.detail)
        except BaseException:
            sessions.drop_event(session, event_id)
            raise
        sessions.finish_event(session, event_id, outcome)
        return event_id


ENDPOINTS: Mapping[str, tuple[str, Callable[[GradioQueue, Request, Invocation], Response]]] = {
    CONFIG: ("GET", GradioQueue.config),
    INFO: ("GET", GradioQueue.info),
    UPLOAD: ("POST", GradioQueue.upload),
    JOIN: ("POST", GradioQueue.join),
    DATA: ("GET", GradioQueue.data),
    RUN: ("POST", GradioQueue.run),
    CALL: ("POST", GradioQueue.call),
    CALL_RESULT: ("GET", GradioQueue.call_result),
    FILE: ("GET", GradioQueue.file),
}
PREDICTING = (JOIN, RUN, CALL)


def routes(predictor: Predictor, store: Store | None, *, max_body_bytes: int) -> Routes:
    """store: where requests leave things for each other; without one every route says so."""
    if store is None:
        return {
            path: Route({method: _without_store}, problem_format)
            for path, (method, _) in ENDPOINTS.items()
        }
    queue = GradioQueue(predictor, Sessions(store), max_body_bytes)
    return {
        path: Route(
            {method: partial(endpoint, queue)}, problem_format, is_recorded=path in PREDICTING
        )
        for path, (method, endpoint) in ENDPOINTS.items()
    }


def problem_format(problem: Problem, request_id: str) -> Response:
    body = {"detail": problem.detail, "error": problem.detail}
    if isinstance(problem, StorageFault):  # of which Gradio's clients read the status alone
        body |= problem.body(request_id)
        return Response(problem.status, MEDIA_TYPE, json.dumps(body))
    return Response(problem.status, "application/json", json.dumps(body))


def _without_store(_: Request, __: Invocation) -> Response:
    raise NotConfigured("Gradio's API is off here: it needs the setting GRADIO_STORE")


def _read_document(request: Request) -> dict[str, Any]:
    document = parse_json(read_body(request))
    if not isinstance(document, dict):
        raise BadRequest('expected JSON like {"data": [{"path": "…"}]}')
    return document


def _stream(text: str) -> Response:
    return Response(200, "text/event-stream", text, {"Cache-Control": "no-store"})
