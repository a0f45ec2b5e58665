"""The OpenAPI document is up to date, valid, and describes what the function's routes answer."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from handler.http.gateway import PREDICTION_ID
from scripts.generate.openapi import document
from scripts.generate.openapi.schemas import ID
from scripts.local.http_event import Headers, HttpResponse
from tests.support.app import App, make_app
from tests.support.pictures import RED, png

MAKE = "run scripts/run openapi"
DOCUMENT = json.loads(document.DOCUMENT.read_text())
JSON = [("Content-Type", "application/json")]


def test_the_files_are_those_that_the_code_makes() -> None:
    for path, text in document.make_files().items():
        assert path.read_text() == text, f"{path.name} is out of date: {MAKE}"


def test_the_document_is_openapi() -> None:
    validate(DOCUMENT)


def test_it_has_the_routes_that_the_function_has(app: App) -> None:
    served = {
        (re.sub(r":int}", "}", path), method.lower())
        for path, route in app.module.gateway.routes.items()
        for method in route.endpoints
    }
    described = {
        (path, method) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described == served, (
        f"routes and document differ: describe them in scripts/generate/openapi/paths, {MAKE}"
    )


def test_it_says_what_is_open(app: App) -> None:
    for path, route in app.module.gateway.routes.items():
        for method in route.endpoints:
            described = DOCUMENT["paths"][path.replace(":int}", "}")][method.lower()]
            assert (described.get("security") == []) is route.is_open, path


def test_every_name_is_used_once_and_every_schema_at_all() -> None:
    names = [
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))
    assert used == DOCUMENT["components"]["schemas"].keys()


def test_examples_are_what_their_schemas_say() -> None:
    examples = 0
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (each for body in bodies for each in body.get("content", {}).values()):
                if "example" in content:
                    check(content["example"], content["schema"])
                    examples += 1
    assert examples >= 5


@pytest.fixture
def space(tiny_bundle: Path, tmp_path: Path) -> Any:
    """The function with a store for Gradio's clients."""
    store = (tmp_path / "gradio").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as made:
        yield made


def test_answers_are_what_the_document_says(space: App) -> None:
    picture = png(RED)
    text = json.dumps({"data": ["data:image/png;base64,AAAA"]}).encode()
    prediction = json.loads(space.post(picture).body)
    assert prediction["count"] == 1
    feedback = f"/v1/predictions/{prediction['prediction_id']}/feedback"
    cases: list[tuple[str, str, bytes, Headers, int]] = [
        ("POST", "/v1/detect?tiles=2x2", picture, (), 200),
        ("POST", "/v1/detect", picture, [("Accept", "image/png")], 200),
        ("POST", "/v1/detect", json.dumps({"images": [b64(picture), "?"]}).encode(), JSON, 200),
        ("POST", "/v1/detect", b"", (), 400),
        ("POST", "/v1/detect", b'{"upload_id": "x"}', JSON, 404),
        ("POST", "/v1/detect", b'{"s3_uri": "s3://bucket/key"}', JSON, 403),
        ("POST", "/v1/detect", picture, [("Accept", "text/html")], 406),
        ("POST", "/v1/detect", b"no picture", (), 415),
        ("POST", "/v1/detect", picture[:60], (), 422),
        ("POST", "/v1/uploads", b'{"content_type": "image/png", "bytes": 9}', JSON, 404),
        ("POST", feedback, b'{"count": 2}', JSON, 201),
        ("POST", feedback, b"{}", JSON, 400),
        ("POST", f"/v1/predictions/{ID}/feedback", b'{"count": 2}', JSON, 404),
        ("GET", "/v1/model", b"", (), 200),
        ("GET", "/health", b"", (), 200),
        ("POST", "/hf", picture, (), 200),
        ("POST", "/hf", b"no picture", (), 415),
        ("POST", "/models/squares", picture, (), 200),
        ("POST", "/models/somebody/other", picture, (), 404),
        ("GET", "/hf/health", b"", (), 200),
        ("GET", "/models/other/health", b"", (), 404),
        ("POST", "/api/predict", json.dumps({"data": [b64(picture)]}).encode(), JSON, 200),
        ("POST", "/+/api/predict", text, JSON, 415),
        ("GET", "/config", b"", (), 200),
        ("GET", "/gradio_api/info", b"", (), 200),
        ("POST", "/gradio_api/upload", picture, (), 400),
        ("POST", "/gradio_api/run/predict", b'{"data": ["data:image/png;base64,AAAA"]}', JSON, 415),
        ("POST", "/gradio_api/call/predict", text, JSON, 200),
        ("GET", "/gradio_api/queue/data?session_hash=a", b"", (), 200),
        ("GET", f"/gradio_api/call/predict/{'0' * 32}", b"", (), 404),
        ("GET", f"/gradio_api/file={'0' * 32}/annotated.jpg", b"", (), 404),
        ("POST", "/project/1?format=image", picture, (), 200),
        ("POST", "/project/1", picture, (), 200),
        ("POST", "/project/1?confidence=x", picture, (), 400),
        ("GET", "/", b"", (), 200),
        ("GET", "/docs", b"", (), 200),
        ("GET", "/openapi.json", b"", (), 200),
        ("HEAD", "/icon-192.png", b"", (), 200),
    ]
    for method, target, body, headers, status in cases:
        answer = space.send(method, target, body, headers)
        assert answer.status == status, (method, target, answer)
        conforms(method, target, answer)


def test_keys_are_asked_for_as_the_document_says(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256="0" * 64) as made:
        for target in ("/v1/detect", "/hf", "/api/predict", "/project/1", "/v1/uploads"):
            for headers, status in (((), 401), ([("x-api-key", "no")], 403)):
                answer = made.send("POST", target, b"x", headers)
                assert answer.status == status
                conforms("POST", target, answer)
        assert made.send("GET", "/openapi.json").status == 200


def test_a_wrong_answer_is_found() -> None:
    """The check itself can fail."""
    health = json.dumps({"status": "ill", "model": {"name": "a", "version": "1"}}).encode()
    with pytest.raises(AssertionError, match="'ok' was expected"):
        conforms(
            "GET", "/health", HttpResponse(200, (("Content-Type", "application/json"),), health)
        )
    with pytest.raises(AssertionError, match="418"):
        conforms("GET", "/health", HttpResponse(418, (), b""))


def b64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def conforms(method: str, target: str, answer: HttpResponse) -> None:
    """Check that status, media type, JSON and the prediction's id are as the operation says."""
    responses = operation(method, target.partition("?")[0])["responses"]
    assert str(answer.status) in responses, (method, target, answer.status)
    if answer.header(PREDICTION_ID):
        assert PREDICTION_ID in responses[str(answer.status)].get("headers", {}), (method, target)
    content = responses[str(answer.status)].get("content", {})
    media = (answer.header("Content-Type") or "").partition(";")[0]
    assert media in content, (method, target, answer.status, media)
    if media.endswith("json") and method != "HEAD":
        check(json.loads(answer.body), content[media]["schema"])


def operation(method: str, path: str) -> dict[str, Any]:
    """The operation of a path. A path without parameters wins over a template, as in OpenAPI."""
    matches = [
        (template.count("{"), template)
        for template in DOCUMENT["paths"]
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path)
        and method.lower() in DOCUMENT["paths"][template]
    ]
    return DOCUMENT["paths"][min(matches)[1]][method.lower()]


def check(value: object, schema: dict[str, Any]) -> None:
    rooted = {**schema, "components": DOCUMENT["components"]}
    errors = [error.message for error in Draft202012Validator(rooted).iter_errors(value)]
    assert not errors, f"{errors[:3]} in {str(value)[:300]}"
