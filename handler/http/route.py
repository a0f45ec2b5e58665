"""A route: a path's endpoints by method, and what holds for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from handler import problems
from handler.http.request import Request, Response
from handler.invocation import Invocation
from handler.problems import Problem

Endpoint = Callable[[Request, Invocation], Response]
ProblemFormat = Callable[[Problem, str], Response]  # a problem, the request's id

# RFC 3986's characters, and those that clients leave unencoded
_PARAMETER = r"[-.~()'!*:@,;=+&$%<> \[\]{}|^\w]+"
_NUMBER = "[0-9]+"


def problem_json(problem: Problem, request_id: str) -> Response:
    """RFC 9457's form; ASCII, since a detail may quote half a surrogate pair."""
    return Response(problem.status, problems.MEDIA_TYPE, json.dumps(problem.body(request_id)))


class Route:
    """One path's endpoints by method. HEAD is answered wherever GET is, by the same endpoint: what
    stands before the function leaves the body out.

    problem_format: how its problems are written. is_open: needs no key where keys are asked for.
    is_recorded: each request leaves a prediction record. check_path: raises NotFound where the
    path's parameters name nothing that is here.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        problem_format: ProblemFormat = problem_json,
        is_open: bool = False,
        is_recorded: bool = False,
        check_path: Callable[[Request], None] | None = None,
    ) -> None:
        if "GET" in endpoints:
            endpoints = {"GET": endpoints["GET"], "HEAD": endpoints["GET"], **endpoints}
        self.endpoints = endpoints
        self.problem_format = problem_format
        self.is_open, self.is_recorded = is_open, is_recorded
        self.check_path = check_path


Routes = dict[str, Route]  # by path template


def compile_template(template: str) -> re.Pattern[str]:
    """A pattern for the template's paths: {name} is text without a slash, {name:int} digits."""
    parts = re.split(r"({\w+(?::int)?})", template)
    return re.compile("".join(map(_compile_part, parts)))


def _compile_part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name, _, kind = part.strip("{}").partition(":")
    return f"(?P<{name}>{_NUMBER if kind == 'int' else _PARAMETER})"
