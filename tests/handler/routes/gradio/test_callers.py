"""One key's uploads, sessions and results are not there for another, as uploads to S3 are not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpResponse, to_response
from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg

KEYS = ("one", "other")
URI = "data:image/jpeg;base64," + base64.b64encode(jpeg(RED)).decode()
FORM = [("Content-Type", "multipart/form-data; boundary=XX")]
PART = (
    b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    + jpeg(RED)
    + b"\r\n--XX--\r\n"
)


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    digests = ",".join(hashlib.sha256(key.encode()).hexdigest() for key in KEYS)
    store = (tmp_path / "store").as_uri()
    env = {"GRADIO_STORE": store, "API_KEY_SHA256": digests}
    with make_app(tiny_bundle, tmp_path / "log", **env) as made:
        yield made


def send(app: App, key: str, method: str, path: str, body: bytes = b"", headers: Any = ()) -> Any:
    return app.send(method, f"/gradio_api/{path}", body, [*headers, ("x-api-key", key)])


def run(app: App, key: str, path: str) -> HttpResponse:
    answer: HttpResponse = send(
        app, key, "POST", "run/predict", json.dumps({"data": [{"path": path}]}).encode()
    )
    return answer


def test_an_upload_is_its_callers_alone(app: App) -> None:
    [path] = json.loads(send(app, "one", "POST", "upload", PART, FORM).body)
    assert run(app, "other", path).status == 404
    assert run(app, "one", path).status == 200


def test_a_refused_prediction_deletes_no_upload_of_another(app: App) -> None:
    [path] = json.loads(send(app, "one", "POST", "upload", PART.replace(b"\xff", b"x"), FORM).body)
    assert run(app, "other", path).status == 404
    assert run(app, "one", path).status in (415, 422)  # still there for its own caller


def test_a_sessions_outcomes_are_its_callers_alone(app: App) -> None:
    body = json.dumps({"data": [URI], "session_hash": "same"}).encode()
    for key in KEYS:
        assert send(app, key, "POST", "queue/join", body).status == 200
    for key in KEYS:  # each its own, though both chose the same name
        stream = send(app, key, "GET", "queue/data?session_hash=same").body
        assert stream.count(b"process_completed") == 1
    assert b"process_completed" not in send(app, "one", "GET", "queue/data?session_hash=same").body


def test_a_calls_outcome_is_its_callers_alone(app: App) -> None:
    body = json.dumps({"data": [URI]}).encode()
    called = json.loads(send(app, "one", "POST", "call/predict", body).body)["event_id"]
    assert send(app, "other", "GET", f"call/predict/{called}").status == 404
    answer = send(app, "one", "GET", f"call/predict/{called}")
    assert (answer.status, b"annotated.jpg" in answer.body) == (200, True)


def test_an_annotated_picture_is_its_callers_alone(app: App) -> None:
    body = json.dumps({"data": [URI]}).encode()
    picture, _, _ = json.loads(send(app, "one", "POST", "run/predict", body).body)["data"]
    target = f"file={picture['path']}"
    assert send(app, "other", "GET", target).status == 404
    assert send(app, "one", "GET", target).body[:3] == b"\xff\xd8\xff"


def test_principals_of_an_authorizer_are_kept_apart(tiny_bundle: Path, tmp_path: Path) -> None:
    """Where API Gateway lets in whom a JWT names, and no key is asked for."""
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=tmp_path.as_uri()) as app:

        def ask(subject: str, method: str, path: str, body: bytes = b"", headers: Any = ()) -> Any:
            event = app.event(method, f"/gradio_api/{path}", body, headers)
            claims = {"iss": "https://issuer", "sub": subject}
            event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
            return to_response(app.invoke(event))

        [path] = json.loads(ask("a", "POST", "upload", PART, FORM).body)
        body = json.dumps({"data": [{"path": path}]}).encode()
        assert ask("b", "POST", "run/predict", body).status == 404
        assert ask("a", "POST", "run/predict", body).status == 200


@pytest.mark.parametrize("session", ["callers", "0" * 16])
def test_no_session_leads_into_anothers_folder(
    tiny_bundle: Path, tmp_path: Path, session: str
) -> None:
    """An anonymous deployment's store, which once had keys."""
    (tmp_path / "callers" / "0000000000000000" / "sessions" / "s").mkdir(parents=True)
    (tmp_path / "callers" / "0000000000000000" / "sessions" / "s" / "e").write_bytes(b"{}")
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=tmp_path.as_uri()) as app:
        stream = app.send("GET", f"/gradio_api/queue/data?session_hash={session}")
        assert b"process_completed" not in stream.body
