"""Routes an HTTP event to its endpoint, and writes every Problem in its route's format."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

from handler.http.auth import INVOKER
from handler.http.compression import compress
from handler.http.events import Event, read_event, write_result
from handler.http.request import Request, Response
from handler.http.route import ProblemFormat, Route, compile_template, problem_json
from handler.http.route_table import RouteTable
from handler.invocation import Invocation
from handler.problems import MethodNotAllowed, NotFound, Problem

PREDICTION_ID = "X-Prediction-Id"  # a header of every response to one prediction
NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}  # a browser takes JSON for nothing else


class Gateway:
    """The routes of the function.

    routes: paths without parameters are matched first, then templates in their order. authorize:
    returns the caller of a request; raises the Problem of one that is refused.
    Open routes do not ask it.
    """

    def __init__(
        self,
        routes: RouteTable,
        *,
        max_body_bytes: int,
        authorize: Callable[[Request], str],
    ) -> None:
        self.routes = routes
        self._max_body_bytes = max_body_bytes
        self._authorize = authorize

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        """Compiled by the first request for none of the paths without parameters."""
        return [(compile_template(path), path) for path in self.routes if "{" in path]

    def answer(self, event: Event, invocation: Invocation) -> Any:
        """The result of an event, noted on the invocation.

        Raises ValueError where the event has no known form, and whatever a bug raises.
        """
        request = read_event(event, max_body_bytes=self._max_body_bytes)
        response = compress(self._respond(request, invocation), request)
        invocation.status = response.status
        return write_result(response.with_headers({**NO_SNIFFING, **response.headers}), event)

    def _respond(self, request: Request, invocation: Invocation) -> Response:
        problem_format: ProblemFormat = problem_json
        try:
            path, params = self._match(request)
            route = self.routes[path]
            problem_format = route.problem_format
            endpoint = route.endpoints.get(request.method)
            if endpoint is None:
                raise _not_allowed(path, request.method, route)
            request = request._replace(path_params=params)
            if request.is_direct:  # IAM has decided who may invoke
                request = request._replace(caller=INVOKER)
            elif not route.is_open:
                request = request._replace(caller=self._authorize(request))
            if route.check_path:
                route.check_path(request)
            if route.is_recorded:
                invocation.route = path
            response = endpoint(request, invocation)
        except Problem as problem:
            return _refuse(problem, invocation, problem_format)
        if invocation.prediction:  # for feedback, where the client's format has no room for the id
            return response.with_headers({PREDICTION_ID: invocation.id})
        return response

    def _match(self, request: Request) -> tuple[str, dict[str, str]]:
        """The route's template and the path's parameters. Raises NotFound."""
        path = request.route_path
        while True:
            if path in self.routes and "{" not in path:
                return path, {}
            for pattern, template in self._templates:
                if matched := pattern.fullmatch(path):
                    return template, matched.groupdict()
            _, _, rest = path[1:].partition("/")
            if not (request.has_base_path and rest):  # not "/": an unknown path is not the page
                known = ", ".join(self.routes.endpoints)
                raise NotFound(f"there is no such path; there are {known}")
            path = f"/{rest}"


def _not_allowed(path: str, method: str, route: Route) -> MethodNotAllowed:
    allowed = list(route.endpoints)
    return MethodNotAllowed(
        f"{path} answers {', '.join(allowed)}, not {method[:40]}", {"allow": allowed}
    )


def _refuse(problem: Problem, invocation: Invocation, problem_format: ProblemFormat) -> Response:
    invocation.problem = (problem.type, problem.detail)
    problem.without_frames()  # they may keep it, as the parser of forms does its error
    return problem_format(problem, invocation.id).with_headers(problem.headers)
