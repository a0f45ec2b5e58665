"""The gateway: which route takes a path, in which order it is checked, and what it notes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handler.http.gateway import Gateway
from handler.http.request import Request, Response
from handler.http.route import Route
from handler.http.route_table import RouteTable
from handler.invocation import Invocation
from handler.problems import BadRequest, Forbidden, NotFound, Problem
from scripts.local.http_event import FORMS, HttpRequest


def text(name: str) -> Any:
    def endpoint(request: Request, _: Invocation) -> Response:
        return Response(200, "text/plain", f"{name} {dict(request.path_params)} {request.caller}")

    return endpoint


def refuse(_: Request, __: Invocation) -> Response:
    raise BadRequest("no")


def only_known(request: Request) -> None:
    if request.path_params["name"] != "known":
        raise NotFound("there is no such model")


def in_capitals(problem: Problem, request_id: str) -> Response:
    return Response(problem.status, "text/plain", f"{problem.detail} {request_id}".upper())


def gateway(known_key: str = "key") -> Gateway:
    def authorize(request: Request) -> str:
        if request.api_key != known_key:
            raise Forbidden("a key is missing")
        return "caller"

    return Gateway(
        RouteTable(
            {
                "/{a}/{b:int}": Route({"GET": text("template")}),
                "/v1/2": Route({"GET": text("static"), "POST": refuse}, is_recorded=True),
                "/open": Route({"GET": text("open")}, is_open=True),
                "/models/{name}": Route(
                    {"GET": text("model")}, in_capitals, is_recorded=True, check_path=only_known
                ),
            }
        ),
        max_body_bytes=100,
        authorize=authorize,
    )


def send(target: str, method: str = "GET") -> tuple[int, str, Invocation]:
    invocation = Invocation("id", cold_start=False)
    result = gateway().answer(FORMS["http-api"](HttpRequest(method, target)), invocation)
    return result["statusCode"], result["body"], invocation


def test_a_path_without_parameters_comes_before_templates() -> None:
    assert send("/v1/2?api_key=key")[:2] == (200, "static {} caller")
    assert send("/v1/3?api_key=key")[:2] == (200, "template {'a': 'v1', 'b': '3'} caller")


def test_an_open_route_asks_for_no_key() -> None:
    assert send("/open")[:2] == (200, "open {} ")
    assert send("/v1/2")[0] == 403


@pytest.mark.parametrize(
    ("target", "method", "status", "route"),
    [
        ("/v1/2?api_key=key", "GET", 200, "/v1/2"),
        ("/v1/2?api_key=key", "POST", 400, "/v1/2"),  # a rejection is recorded, too
        ("/v1/2", "POST", 403, ""),
        ("/v1/2?api_key=key", "PUT", 405, ""),
        ("/models/known?api_key=key", "GET", 200, "/models/{name}"),
        ("/models/other?api_key=key", "GET", 404, ""),
        ("/models/other", "GET", 403, ""),
        ("/v1/3?api_key=key", "GET", 200, ""),
        ("/nothing", "GET", 404, ""),
    ],
)
def test_what_is_recorded_is_a_recorded_route_that_was_entered(
    target: str, method: str, status: int, route: str
) -> None:
    answered, _, invocation = send(target, method)
    assert (answered, invocation.route) == (status, route)


def test_a_problem_is_written_in_its_routes_format() -> None:
    status, body, invocation = send("/models/other?api_key=key")
    assert (status, body) == (404, "THERE IS NO SUCH MODEL ID")
    assert invocation.problem == ("urn:icebox:problem:not-found", "there is no such model")
    status, body, _ = send("/nothing")
    assert json.loads(body)["detail"] == (
        "there is no such path; there are GET /{a}/{b:int}, GET /v1/2, POST /v1/2, GET /open, "
        "GET /models/{name}"
    )
