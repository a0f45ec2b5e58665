"""Where a request finds its route: behind base paths of custom domains, and by HEAD."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import FORMS, HttpRequest, to_http_api, to_response, to_rest_api
from tests.support.app import App, make_app
from tests.support.paths import SHARED_DATA
from tests.support.pictures import RED, jpeg

OWN, DEFAULT = "api.example.org", "abcdef1234.execute-api.eu-central-1.amazonaws.com"


def rest(method: str, base: str, path: str, resource: str = "/{proxy+}", **more: Any) -> Any:
    """A REST API's event behind a base path: in `path` and the context's, not in the resource."""
    event = to_rest_api(HttpRequest(method, f"{base}{path}", more.pop("headers", ())))
    event["resource"] = event["requestContext"]["resourcePath"] = resource
    event["pathParameters"] = {"proxy": path.strip("/")} if "{proxy+}" in resource else None
    event["requestContext"] |= {"path": f"{base}{path}", "domainName": OWN}
    return {**event, **more}


@pytest.mark.needs_shared_data
def test_the_event_that_was_not_found(app: App) -> None:
    event = json.loads((SHARED_DATA / "odd_inputs" / "event_rest_base_path.json").read_text())
    assert to_response(app.invoke(event)).status == 200


@pytest.mark.parametrize("base", ["", "/vision", "/a/b", "/health", "/v1"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/health/", 200),
        ("GET", "/v1/model", 200),
        ("GET", "/models/squares/health", 200),
        ("GET", "/models/any%20body/squares/health", 200),
        ("POST", "/project/1", 400),
        ("POST", "/v1/detect", 400),
        ("GET", "/v1/nothing", 404),
    ],
)
def test_a_base_path_is_no_part_of_a_rest_apis_path(
    app: App, base: str, method: str, path: str, status: int
) -> None:
    assert to_response(app.invoke(rest(method, base, path))).status == status


@pytest.mark.parametrize("path", ["", "/"])
def test_the_root_behind_a_base_path_is_the_page(app: App, path: str) -> None:
    answer = to_response(app.invoke(rest("GET", "/vision", path, "/")))
    assert (answer.status, (answer.header("content-type") or "")[:9]) == (200, "text/html")


def test_a_resource_of_its_own_behind_a_base_path(app: App) -> None:
    assert to_response(app.invoke(rest("GET", "/vision", "/health", "/health"))).status == 200
    named = rest(
        "GET", "/vision", "/models/squares/health", "/models/{name}/health",
        pathParameters={"name": "squares"},
    )  # fmt: skip
    assert to_response(app.invoke(named)).status == 200


def test_gradios_clients_are_told_the_base_path(tiny_bundle: Path, tmp_path: Path) -> None:
    headers = [("Host", OWN), ("X-Forwarded-Proto", "https")]
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as app:
        event = rest("GET", "/vision", "/config", headers=headers)
        assert json.loads(to_response(app.invoke(event)).body)["root"] == f"https://{OWN}/vision"


@pytest.mark.parametrize(
    ("domain", "path", "status"),
    [
        (OWN, "/vision/health", 200),
        (OWN, "/a/b/health", 200),
        (OWN, "/vision/v1/model", 200),
        (OWN, "/health", 200),
        (OWN, "/vision", 404),  # as any unknown path: it cannot be told from one
        (OWN, "/vision/nothing", 404),
        (DEFAULT, "/vision/health", 404),  # has no base path
        (DEFAULT, "/nothing", 404),
        ("x.lambda-url.eu-central-1.on.aws", "/vision/health", 404),
    ],
)
def test_an_http_api_on_a_domain_of_the_owners(
    app: App, domain: str, path: str, status: int
) -> None:
    """Payload 2.0 keeps the base path in rawPath and says it nowhere else."""
    event = to_http_api(HttpRequest("GET", path))
    event["requestContext"]["domainName"] = domain
    assert to_response(app.invoke(event)).status == status


@pytest.mark.parametrize("form", FORMS)
def test_head_is_answered_wherever_get_is(tiny_bundle: Path, tmp_path: Path, form: str) -> None:
    """RFC 9110, section 9.3.2: as GET, without what GET would do or send."""
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as app:
        for template, route in app.module.gateway.routes.items():
            target = template.replace("{name}", "squares").replace("{owner}", "a")
            target = target.replace("{file_id}", "0" * 32).replace("{event_id}", "0" * 32)
            target += "?session_hash=s" if target.endswith("queue/data") else ""
            get, head = (app.send(method, target, form=form) for method in ("GET", "HEAD"))
            if "GET" not in route.endpoints:
                assert head.status in (404, 405), target
            elif "call/predict" not in target:  # of which GET says whether there was an outcome
                assert (head.status, head.header("Content-Type")) == (
                    get.status,
                    get.header("Content-Type"),
                ), target


def test_head_takes_no_outcome_of_a_session(tiny_bundle: Path, tmp_path: Path) -> None:
    uri = "data:image/jpeg;base64," + base64.b64encode(jpeg(RED)).decode()
    body = json.dumps({"data": [uri], "session_hash": "s"}).encode()
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as app:
        app.send("POST", "/gradio_api/queue/join", body)
        called = json.loads(app.send("POST", "/gradio_api/call/predict", body).body)["event_id"]
        streams = ["/gradio_api/queue/data?session_hash=s", f"/gradio_api/call/predict/{called}"]
        for stream in streams:
            assert app.send("HEAD", stream).status == 200
            assert b"annotated.jpg" in app.send("GET", stream).body


@pytest.mark.parametrize("form", FORMS)
def test_no_answer_is_sniffed(app: App, form: str) -> None:
    """A browser would take JSON with a client's text in it for a page."""
    for method, target, body in (
        ("GET", "/health", b""),
        ("GET", "/v1/model", b""),
        ("GET", "/", b""),
        ("GET", "/nothing", b""),
        ("PUT", "/v1/detect", b""),
        ("POST", "/v1/detect", b""),
        ("POST", "/v1/detect", jpeg(RED)),
        ("POST", "/hf", b"x"),
        ("POST", "/api/predict", b"{}"),
        ("POST", "/project/1?format=image", jpeg(RED)),
    ):
        answer = app.send(method, target, body, form=form)
        assert answer.header("X-Content-Type-Options") == "nosniff", (target, answer)
        assert [name.lower() for name, _ in answer.headers].count("x-content-type-options") == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("odd", [None, 7, [], ["x", None], {}, {"a": None}, "text", True])
def test_an_event_with_odd_members_is_answered_all_the_same(app: App, form: str, odd: Any) -> None:
    """Consoles and hand-written tests leave out, or put null, where API Gateway has more."""
    event = app.event("GET", "/health", form=form)
    for member in (
        *("headers", "multiValueHeaders", "queryStringParameters", "rawQueryString"),
        *("multiValueQueryStringParameters", "pathParameters", "resource", "body", "cookies"),
    ):
        assert app.invoke({**event, member: odd})["statusCode"] == 200, member
    assert app.invoke({**event, "headers": {"accept": odd}})["statusCode"] == 200
