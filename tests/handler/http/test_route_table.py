"""The route table: late routes are made by the first request for one, and are named beforehand."""

from __future__ import annotations

import pytest

from handler.http.request import Request, Response
from handler.http.route import Route, Routes
from handler.http.route_table import LateRoutes, RouteTable, endpoints_of, late_routes
from handler.invocation import Invocation
from tests.support.app import App


def endpoint(_: Request, __: Invocation) -> Response:
    return Response(200, "text/plain", "")


def table(made: list[str]) -> RouteTable:
    @late_routes("GET /late", "POST /late/{name}")
    def late() -> Routes:
        made.append("late")
        return {"/late": Route({"GET": endpoint}), "/late/{name}": Route({"POST": endpoint})}

    return RouteTable(
        {"/first": Route({"GET": endpoint})}, late, {"/last": Route({"POST": endpoint})}
    )


def test_late_routes_are_made_once_when_one_is_asked_for() -> None:
    made: list[str] = []
    routes = table(made)
    assert "/late" in routes and routes["/first"].endpoints and not made
    assert list(routes["/late"].endpoints) == ["GET", "HEAD"]
    assert list(routes["/late/{name}"].endpoints) == ["POST"]
    assert made == ["late"]


def test_the_order_and_the_names_are_those_of_the_groups() -> None:
    made: list[str] = []
    routes = table(made)
    assert list(routes) == ["/first", "/late", "/late/{name}", "/last"]
    assert len(routes) == 4
    assert routes.endpoints == ["GET /first", "GET /late", "POST /late/{name}", "POST /last"]
    assert not made
    assert [path for path, _ in routes.items()] == list(routes)


def test_a_path_that_is_not_there_is_none(app: App) -> None:
    with pytest.raises(KeyError):
        app.module.gateway.routes["/no"]


def test_the_function_names_its_late_routes_as_they_are(app: App) -> None:
    late = [each for each in vars(app.module).values() if isinstance(each, LateRoutes)]
    assert len(late) == 7
    for each in late:
        assert list(each.endpoints) == endpoints_of(each.make())
