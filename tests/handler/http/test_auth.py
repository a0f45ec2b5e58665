"""Who is let in: by the function, and what each client is told who is not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.http.auth import ANYONE, make_authorizer
from handler.http.request import Request
from handler.problems import Forbidden, Unauthorized
from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg

KEY, NEXT = "icebox_first-key", "icebox_next-key"
DIGESTS = [hashlib.sha256(key.encode()).digest() for key in (KEY, NEXT)]
OPEN = ("/", "/health", "/hf/health", "/manifest.webmanifest", "/icon-192.png")


def request(
    headers: dict[str, str] | None = None, api_key: str = "", principal: str = ""
) -> Request:
    return Request(
        "GET", "/", "/", (), headers or {}, lambda: b"", 0, api_key=api_key, principal=principal
    )


@pytest.fixture
def locked(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    """The function with two keys, the second in place of the first one day."""
    digests = ",".join(digest.hex() for digest in DIGESTS)
    with make_app(tiny_bundle, tmp_path / "log", API_KEY_SHA256=digests) as made:
        yield made


def ways(key: str) -> list[tuple[dict[str, str], str]]:
    """Headers and query of each place that a key may come in."""
    return [
        ({"Authorization": f"Bearer {key}"}, ""),
        ({"authorization": f"bearer  {key} "}, ""),
        ({"X-Api-Key": key}, ""),
        ({"x-hf-authorization": f"Bearer {key}"}, ""),
        ({}, f"?api_key={key}"),
        ({"Authorization": "Bearer of-another-service", "x-api-key": key}, ""),
        ({"Authorization": "Basic dTpw"}, f"?api_key={key}"),
    ]


@pytest.mark.parametrize("key", [KEY, NEXT])
@pytest.mark.parametrize("way", range(len(ways(KEY))))
def test_a_known_key_is_let_in(locked: App, key: str, way: int) -> None:
    headers, query = ways(key)[way]
    answer = locked.post(jpeg(RED), query=query, headers=list(headers.items()))
    assert (answer.status, json.loads(answer.body)["count"]) == (200, 1)


def test_no_key_is_asked_for_one_and_nothing_is_stored(locked: App) -> None:
    answer = locked.post(jpeg(RED))
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (401, "urn:icebox:problem:unauthorized")
    assert answer.header("www-authenticate").startswith("Bearer")
    assert "x-api-key" in problem["detail"]
    assert locked.records() == []


@pytest.mark.parametrize("way", range(5))
@pytest.mark.parametrize("wrong", ["no", KEY[:-1], KEY + "x", KEY.upper(), DIGESTS[0].hex(), "ÿ"])
def test_another_key_is_refused(locked: App, wrong: str, way: int) -> None:
    headers, query = ways(wrong)[way]
    answer = locked.post(jpeg(RED), query=query, headers=list(headers.items()))
    assert (answer.status, json.loads(answer.body)["title"]) == (403, "Not allowed")
    assert wrong not in answer.body.decode() or wrong == "no"
    assert locked.records() == []


@pytest.mark.parametrize("path", OPEN)
def test_the_page_and_health_ask_for_none(locked: App, path: str) -> None:
    assert locked.send("GET", path).status == 200


def test_all_else_asks_for_one(locked: App) -> None:
    """By the routes themselves, so that a new one is not forgotten."""
    for path, route in locked.module.gateway.routes.items():
        target = path.replace("{version:int}", "1").replace("{", "").replace("}", "")
        for method in route.endpoints:
            status = locked.send(method, target).status
            assert (status == 401) != route.is_open, f"{method} {path}: {status}"


def test_a_key_stands_in_no_record_and_no_log(
    locked: App, capsys: pytest.CaptureFixture[str]
) -> None:
    locked.post(jpeg(RED), query=f"?api_key={KEY}", headers=[("x-api-key", NEXT)])
    [record] = locked.records()
    said = capsys.readouterr()
    for text in (record.to_json(), said.out, said.err):
        assert KEY not in text and NEXT not in text


def test_each_client_is_told_in_its_own_form(locked: App) -> None:
    picture = base64.b64encode(jpeg(RED)).decode()
    as_gradio = json.dumps({"data": [f"data:image/jpeg;base64,{picture}"]}).encode()
    for target, body, member in (
        ("/hf", jpeg(RED), "error"),
        ("/api/predict", as_gradio, "error"),
        ("/gradio_api/call/predict", as_gradio, "detail"),
        ("/cells/1", picture.encode(), "message"),
        ("/v1/uploads", b"{}", "detail"),
    ):
        answer = locked.send("POST", target, body)
        told = json.loads(answer.body)
        assert answer.status == 401, target
        assert "asks for a key" in str(told[member]), (target, told)


def test_a_key_is_the_same_caller_everywhere_and_another_key_another() -> None:
    authorize = make_authorizer(DIGESTS)
    callers = {authorize(request({"x-api-key": KEY})), authorize(request(api_key=KEY))}
    assert callers == {DIGESTS[0].hex()[:16]}
    assert authorize(request({"authorization": f"Bearer {NEXT}"})) not in callers


def test_without_keys_the_caller_is_whom_the_api_let_in() -> None:
    authorize = make_authorizer([])
    assert authorize(request()) == ANYONE
    assert authorize(request({"x-api-key": "whatever"})) == ANYONE
    one, other = (authorize(request(principal=name)) for name in ("iss a", "iss b"))
    assert len({one, other, ANYONE}) == 3


def test_with_keys_an_authorizer_alone_is_not_enough() -> None:
    authorize = make_authorizer(DIGESTS)
    with pytest.raises(Unauthorized):
        authorize(request(principal="iss a"))
    with pytest.raises(Forbidden):
        authorize(request({"x-api-key": "another"}, principal="iss a"))


@pytest.mark.parametrize(
    ("context", "principal"),
    [
        ({"authorizer": {"jwt": {"claims": {"iss": "https://i", "sub": "s"}}}}, "https://i s "),
        ({"authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/a"}}}, "arn:aws:iam::1:user/a"),
        ({"identity": {"userArn": None}}, ""),
        ({"authorizer": None}, ""),
    ],
)
def test_whom_the_api_let_in_is_read_from_its_context(
    app: App, context: dict[str, object], principal: str
) -> None:
    event = app.event("GET", "/v1/model")
    event["requestContext"] |= context
    asked: list[Request] = []
    gateway = app.module.gateway
    known = gateway._authorize

    def authorize(request: Request) -> str:
        asked.append(request)
        caller: str = known(request)
        return caller

    gateway._authorize = authorize
    app.invoke(event)
    assert [each.principal for each in asked] == [principal]
