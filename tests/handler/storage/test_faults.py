"""S3 that fails under a request: the right problem, a line in the log, and no word of a missing
upload. Statuses and codes are those of S3's and KMS's API references."""

from __future__ import annotations

import gc
import json
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpResponse, to_response
from tests.support.app import App, make_app
from tests.support.http import FakeServer, Reply, fake_server
from tests.support.pictures import RED, jpeg

JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "multipart/form-data; boundary=XX")]
PART = (
    b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nabc\r\n--XX--\r\n'
)
ID = "0" * 32
REQUEST = "39e123aa-e24a-405b-bef2-f98804921bd5"


def refusal(status: int, code: str) -> Reply:
    text = f"<Error><Code>{code}</Code><Message>arn:aws:iam::123456789012:role/r</Message></Error>"
    headers = {"Content-Type": "application/xml", "x-amz-bucket-region": "eu-west-1"}
    return Reply(status, text.encode(), headers)


FAULTS: dict[str, tuple[Reply, int, str]] = {
    "SlowDown": (refusal(503, "SlowDown"), 503, "SlowDown"),
    "InternalError": (refusal(500, "InternalError"), 503, "InternalError"),
    "no words": (Reply(503), 503, "503"),
    "a throttle": (refusal(429, "TooManyRequests"), 503, "TooManyRequests"),
    "KMS throttles": (refusal(400, "KMS.ThrottlingException"), 503, "KMS.ThrottlingException"),
    "AccessDenied": (refusal(403, "AccessDenied"), 502, "AccessDenied"),
    "no words, 403": (Reply(403), 502, "403"),
    "ExpiredToken": (refusal(400, "ExpiredToken"), 502, "ExpiredToken"),
    "KMS is disabled": (refusal(400, "KMS.DisabledException"), 502, "KMS.DisabledException"),
    "KMS has no key": (refusal(400, "KMS.NotFoundException"), 502, "KMS.NotFoundException"),
    "InvalidAccessKeyId": (refusal(403, "InvalidAccessKeyId"), 502, "InvalidAccessKeyId"),
    "another region": (refusal(301, "PermanentRedirect"), 502, "PermanentRedirect"),
}  # fmt: skip


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()


PLACES: dict[str, tuple[str, str, str, bytes, Any]] = {
    # setting, method, target, body, headers
    "upload_id": ("UPLOAD_STORE", "POST", "/v1/detect", _json(upload_id=ID), JSON),
    "s3_uri": ("S3_URI_BUCKETS", "POST", "/v1/detect", _json(s3_uri="s3://icebox-mine/a"), JSON),
    "feedback": (
        "PREDICTION_LOG", "POST", f"/v1/predictions/{REQUEST}/feedback", _json(count=1), JSON,
    ),
    "Gradio's upload": ("GRADIO_STORE", "POST", "/gradio_api/upload", PART, FORM),
    "Gradio's queue": (
        "GRADIO_STORE", "POST", "/gradio_api/queue/join",
        _json(data=[{"path": f"{ID}/picture"}], session_hash="s"), JSON,
    ),
    "Gradio's run": (
        "GRADIO_STORE", "POST", "/gradio_api/run/predict",
        _json(data=[{"path": f"{ID}/picture"}]), JSON,
    ),
    "Gradio's call": (
        "GRADIO_STORE", "POST", "/gradio_api/call/predict",
        _json(data=[{"path": f"{ID}/picture"}]), JSON,
    ),
    "Gradio's stream": (
        "GRADIO_STORE", "GET", "/gradio_api/queue/data?session_hash=s", b"", (),
    ),
    "Gradio's outcome": ("GRADIO_STORE", "GET", f"/gradio_api/call/predict/{ID}", b"", ()),
    "Gradio's file": ("GRADIO_STORE", "GET", f"/gradio_api/file={ID}/annotated.jpg", b"", ()),
}  # fmt: skip


@contextmanager
def app_of(
    endpoint: str, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with make_app(
        tiny_bundle,
        tmp_path / "log",
        UPLOAD_STORE="s3://icebox-uploads",
        S3_URI_BUCKETS="icebox-mine",
        GRADIO_STORE="s3://icebox-records/gradio",
    ) as made:
        log_store = made.module.open_request_store("PREDICTION_LOG", "s3://icebox-records")
        made.module.feedback_store = log_store  # records stay in the folder
        yield made


@pytest.fixture(scope="module")
def failing() -> Iterator[tuple[FakeServer, list[Reply]]]:
    """An S3 that answers every request by the list's one reply."""
    replies: list[Reply] = [Reply(503)]
    with fake_server(lambda _: replies[0]) as server:
        yield server, replies


@pytest.fixture
def app(
    failing: tuple[FakeServer, list[Reply]],
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[App]:
    with app_of(failing[0].url, tiny_bundle, tmp_path, monkeypatch) as made:
        yield made


def send(app: App, place: str) -> HttpResponse:
    _, method, target, body, headers = PLACES[place]
    return app.send(method, target, body, headers)


def check(answer: HttpResponse, status: int) -> None:
    assert answer.status == status, answer.body
    assert answer.header("Content-Type") == "application/problem+json"
    assert (answer.header("Retry-After") is not None) is (status == 503)
    problem = json.loads(answer.body)
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert "no upload" not in problem["detail"] and "no object" not in problem["detail"]
    assert "123456789012" not in answer.body.decode()  # what AWS said is not the client's


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_s3_is_a_problem_and_a_line_in_the_log(
    app: App,
    failing: tuple[FakeServer, list[Reply]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fault: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's pauses between tries
    reply, status, code = FAULTS[fault]
    if place == "feedback":  # asks by HEAD, whose answers have no words: the status is all
        code, status = str(reply.status), 503 if reply.status in (429, 500, 503) else 502
    failing[1][:] = [reply]
    check(send(app, place), status)
    lines = [vars(line) for line in caplog.records if line.getMessage() == "storage failed"]
    assert lines, "nothing tells the operator"
    assert lines[0]["levelname"] == "ERROR"
    assert (lines[0]["setting"], lines[0]["code"]) == (PLACES[place][0], code)
    assert lines[0]["bucket"].startswith("icebox-")


@pytest.mark.parametrize("place", PLACES)
def test_a_refused_connection_is_worth_another_try(
    place: str, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with app_of(f"http://127.0.0.1:{port}", tiny_bundle, tmp_path, monkeypatch) as app:
        check(send(app, place), 503)


DATE = "Sun, 06 Nov 2094 08:49:37 GMT"


@pytest.mark.parametrize("place", ["upload_id", "s3_uri"])
def test_an_object_that_breaks_off_is_worth_another_try(
    place: str, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        short_server() as url,
        app_of(url, tiny_bundle, tmp_path, monkeypatch) as app,
    ):
        check(send(app, place), 503)


@contextmanager
def short_server() -> Iterator[str]:
    """A server that announces 100,000 bytes, sends ten and closes."""
    answer = (
        f"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nLast-Modified: {DATE}\r\n"
        "Connection: close\r\n\r\n0123456789"
    ).encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            for _ in range(5):
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("place", ["upload_id", "s3_uri", "feedback", "Gradio's upload"])
def test_a_deployment_without_credentials_is_no_fault_of_the_client(
    place: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    check(send(app, place), 500)


def test_no_url_is_signed_without_credentials(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    check(app.send("POST", "/v1/uploads", _json(content_type="image/png", bytes=9), JSON), 500)


@pytest.mark.parametrize("fault", ["AccessDenied", "SlowDown"])
@pytest.mark.parametrize("place", ["upload_id", "feedback", "Gradio's run"])
def test_nothing_keeps_the_context_after_a_fault(
    app: App,
    failing: tuple[FakeServer, list[Reply]],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fault: str,
) -> None:
    """botocore's errors are in a cycle with their tracebacks."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    failing[1][:] = [FAULTS[fault][0]]
    send(app, place)  # imports
    _, method, target, body, headers = PLACES[place]
    event, context = app.event(method, target, body, headers), app.context()
    ended = weakref.ref(context)
    gc.collect()
    gc.disable()
    try:
        result = app.module.lambda_handler(event, context)
        del context
        assert ended() is None
    finally:
        gc.enable()
    assert to_response(result).status in (502, 503)


def test_a_folder_that_cannot_be_written_is_a_problem_too(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "store").write_bytes(b"a file, where a folder is expected")
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as app:
        check(send(app, "Gradio's upload"), 500)


def test_a_picture_in_the_request_needs_no_storage(app: App) -> None:
    assert app.post(jpeg(RED)).status == 200
