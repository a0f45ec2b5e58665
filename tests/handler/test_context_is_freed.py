"""No route and no refusal leaves a reference cycle that holds the invocation's context.

A frame that keeps its own exception keeps all frames that called it, and with them the context and
pictures, until the next garbage collection (issue 12, B11). The collector is off here.
"""

from __future__ import annotations

import base64
import gc
import itertools
import json
import logging
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local.invoke import Context
from tests.support.app import App, make_app
from tests.support.faulty_s3 import FaultyS3, faulty_s3
from tests.support.pictures import RED, jpeg

PICTURE = jpeg(RED)
TEXT = base64.b64encode(PICTURE).decode()
FORM = "multipart/form-data; boundary=B"
JSON = "application/json"


def form(*parts: str, end: str = "--B--\r\n") -> bytes:
    return ("".join(f"--B\r\n{part}\r\n" for part in parts) + end).encode()


FILE = 'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nno picture'
# Name: body and content type, sent to every route with POST.
BODIES: dict[str, tuple[bytes, str]] = {
    "picture": (PICTURE, "image/jpeg"),
    "nothing": (b"", ""),
    "text": (b"no picture", "text/plain"),
    "truncated picture": (PICTURE[: len(PICTURE) // 2], "image/jpeg"),
    "form cut off": (b"x", FORM),
    "form without its end": (form(FILE, end=""), FORM),
    "form without a boundary": (b"--B\r\n", "multipart/form-data"),
    "form without a file": (form('Content-Disposition: form-data; name="a"\r\n\r\nb'), FORM),
    "form with bad headers": (form("no header\r\n\r\nx"), FORM),
    "form of two": (form(FILE, FILE), FORM),
    "form of too many": (form(*[FILE] * 80), FORM),
    "broken JSON": (b"{", JSON),
    "deep JSON": (b"[" * 100_000, JSON),
    "null": (b"null", JSON),
    "JSON list": (b"[1]", JSON),
    "image": (json.dumps({"image": TEXT}).encode(), JSON),
    "bad image": (b'{"image": "no base64"}', JSON),
    "list": (json.dumps({"images": [TEXT, TEXT]}).encode(), JSON),
    "list with bad items": (json.dumps({"images": [TEXT, "@", "", "AAAA"]}).encode(), JSON),
    "list of too many": (json.dumps({"images": [TEXT] * 20}).encode(), JSON),
    "unknown upload": (b'{"upload_id": "%s"}' % (b"0" * 32), JSON),
    "malformed upload": (b'{"upload_id": 7}', JSON),
    "unknown object": (b'{"s3_uri": "s3://open/none.jpg"}', JSON),
    "forbidden object": (b'{"s3_uri": "s3://other/none.jpg"}', JSON),
    "Gradio 2": (json.dumps({"data": ["data:image/png;base64," + TEXT]}).encode(), JSON),
    "Gradio 2, bad": (b'{"data": ["x", 1, 2, 3, 4]}', JSON),
    "inputs": (json.dumps({"inputs": TEXT, "parameters": {"threshold": 0.5}}).encode(), JSON),
    "bad inputs": (b'{"inputs": "@", "parameters": {"threshold": 7}}', JSON),
    "feedback": (b'{"count": 3}', JSON),
    "bad feedback": (b'{"count": -3}', JSON),
}
QUERIES = ["", "?score_threshold=7", "?unknown=1", "?confidence=x", "?image=http%3A%2F%2Fx%2Fy.jpg"]


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as running:
        yield running


@pytest.fixture(scope="module")
def app(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory, s3: FaultyS3) -> Iterator[App]:
    aws = {
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "NO_PROXY": "127.0.0.1",
        "UPLOAD_STORE": "s3://uploads",
        "GRADIO_STORE": "s3://gradio",
        "S3_URI_BUCKETS": "open",
    }
    with make_app(tiny_bundle, tmp_path_factory.mktemp("log"), **aws) as made:
        yield made


@pytest.fixture
def quiet() -> Iterator[None]:
    """No log records, which pytest would keep."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def held_contexts(app: App, events: dict[str, Any]) -> list[str]:
    """The names of the events after which reference counting alone does not free the context."""
    held = []
    gc.collect()
    gc.disable()
    try:
        for name, event in events.items():
            context = Context()
            reference = weakref.ref(context)
            app.module.lambda_handler(event, context)
            del context
            if reference() is not None:
                held.append(name)
                gc.collect()
    finally:
        gc.enable()
    return held


def paths(app: App) -> list[str]:
    return [
        path.replace("{prediction_id}", "3f8a1c52-0000-4000-8000-000000000001")
        .replace("{", "")
        .replace("}", "")
        for path in app.module.gateway.routes
    ]


@pytest.mark.parametrize("name", BODIES)
def test_after_a_post_to_every_route(app: App, name: str) -> None:
    body, content_type = BODIES[name]
    headers = [("content-type", content_type)] if content_type else []
    events = {path: app.event("POST", path, body, headers) for path in paths(app)}
    assert held_contexts(app, events) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_after_other_methods(app: App, method: str) -> None:
    events = {path: app.event(method, path) for path in [*paths(app), "/nowhere"]}
    assert held_contexts(app, events) == []


@pytest.mark.parametrize("query", QUERIES)
def test_after_queries(app: App, query: str) -> None:
    headers = [("content-type", "image/jpeg")]
    events = {path: app.event("POST", path + query, PICTURE, headers) for path in paths(app)}
    assert held_contexts(app, events) == []


@pytest.mark.parametrize("accept", ["image/png", "image/jpeg", "text/csv", "image/*;q=0"])
def test_after_media_types(app: App, accept: str) -> None:
    headers = [("content-type", JSON), ("accept", accept)]
    bodies = {"one": {"image": TEXT}, "several": {"images": [TEXT, "@"]}}
    events = {
        name: app.event("POST", "/v1/detect", json.dumps(body).encode(), headers)
        for name, body in bodies.items()
    }
    assert held_contexts(app, events) == []


# Of a broken connection botocore keeps cycles of its own, with each try that it makes again. There
# the runtime client tells that the response has left.
@pytest.mark.parametrize("fault", ["503", "403"])
def test_after_a_fault_of_the_store(app: App, s3: FaultyS3, fault: Any) -> None:
    s3.choose = lambda: fault
    try:
        for name in ("Gradio 2", "unknown upload"):
            body, content_type = BODIES[name]
            headers = [("content-type", content_type)]
            events = {path: app.event("POST", path, body, headers) for path in paths(app)}
            assert held_contexts(app, events) == []
    finally:
        s3.choose = lambda: "none"


def test_nothing_stays_of_mixed_calls(app: App, quiet: None) -> None:
    """Issue 12, B16: no object outlives its call; what a process holds more is malloc's."""
    events = [
        app.event("POST", path, body, [("content-type", content_type)])
        for body, content_type in BODIES.values()
        for path in ("/v1/detect", "/hf", "/api/predict", "/health")
    ]

    def count_after_calls() -> int:
        for event in events:
            app.module.lambda_handler(event, Context())
        gc.collect()
        return len(gc.get_objects())

    count_after_calls()  # what is imported and cached at first use
    counts = [count_after_calls() for _ in range(4)]
    # What a call keeps grows in every round; other threads of the test process make a step in one.
    growth = min(after - before for before, after in itertools.pairwise(counts))
    assert growth < len(events) // 8, counts
