"""An HTTP event in, of API Gateway (payload 2.0 or 1.0), a function URL or an ALB; its answer out.

The forms differ only here: endpoints see a Request and give a Response, and every Problem is
answered in its route's own form, problem+json where it has none.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    Response,
)
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import problems
from handler.invocation import Invocation
from handler.problems import BadRequest, BodyTooLarge, MethodNotAllowed, NotFound, Problem

Event = Mapping[str, Any]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Lambda takes 6,291,556 bytes of answer, an ALB 1 MB of it, both after base64: bytes of body that
# fit with room to spare
ROOM_BYTES, ALB_ROOM_BYTES = 4_500_000, 700_000

API_KEY = "api_key"  # of the query, where Roboflow's clients send one
PREDICTION_ID = "X-Prediction-Id"  # of every answer that is one prediction


@dataclass(frozen=True)
class Request:
    """What a client sent.

    path: as the client had it, its stage included. params: of the path, by the names in its
    template. query: (name, value) pairs, decoded, without an api_key. headers: lower-case names.
    read_body: gives the body's bytes; raises BadRequest, BodyTooLarge. room_bytes: for the answer's
    body. api_key: of the query, empty for none. principal: whom an authorizer before the function
    let in (a JWT's issuer and subject, IAM's ARN), empty for none. caller: who this is, as
    `authorize` says.
    """

    path: str
    params: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    read_body: Callable[[], bytes]
    room_bytes: int = ROOM_BYTES
    api_key: str = ""
    principal: str = ""
    caller: str = ""


Endpoint = Callable[[Request, Invocation], Response[Any]]
ProblemForm = Callable[[Problem, str], Response[Any]]  # a problem, the request's id


def problem_json(problem: Problem, request_id: str) -> Response[Any]:
    """RFC 9457's form; ASCII, since a detail may quote half a surrogate pair."""
    return Response(problem.status, problems.MEDIA_TYPE, json.dumps(problem.body(request_id)))


@dataclass(frozen=True)
class Route:
    """One path's endpoints by method, and how its problems are told.

    is_open: answered without a key, where keys are asked for.
    """

    methods: Mapping[str, Endpoint]
    problem_form: ProblemForm = problem_json
    is_open: bool = False


Routes = dict[str, Route]  # by path template: what a module of routes gives


class Gateway:
    """The routes of the function.

    routes: path template → Route. A part of a template such as {id} takes any text without a slash,
    {version:int} a whole number only. authorize: gives a request's caller; raises the Problem of
    one that is not let in. Not asked for open routes.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        max_body_bytes: int,
        authorize: Callable[[Request], str],
    ) -> None:
        self.routes = dict(routes)
        self._max_body_bytes = max_body_bytes
        self._authorize = authorize
        self._known = ", ".join(
            f"{method} {path}" for path, route in routes.items() for method in route.methods
        )
        self._http, self._rest, self._alb = (
            APIGatewayHttpResolver(),
            APIGatewayRestResolver(),
            ALBResolver(),
        )
        for resolver in (self._http, self._rest, self._alb):
            for path, route in routes.items():
                rule = re.sub(r"{(\w+)(:int)?}", r"<\1>", path.replace("+", r"\+"))
                for method in METHODS:
                    resolver.route(rule, method=method)(
                        self._answerer(resolver, path, method, route)
                    )
            resolver.not_found(self._no_route(resolver))

    def answer(self, event: Event, call: Invocation) -> dict[str, Any]:
        """Route an event, filling in the call. Raises ValueError on no HTTP event, and any bug."""
        resolver = self._resolver(event)
        resolver.append_context(call=call)  # type: ignore[no-untyped-call]
        # The runtime's context is not handed on: whoever keeps it holds up after_response.
        return resolver.resolve(_without_last_slash(event), _NO_CONTEXT)

    def _resolver(self, event: Event) -> ApiGatewayResolver:
        if event.get("version") == "2.0":
            return self._http
        if "elb" in (event.get("requestContext") or {}):
            return self._alb
        if "httpMethod" in event:
            return self._rest
        raise ValueError(
            "this is no HTTP event; expected one of API Gateway, a function URL or an ALB, "
            f"as those in events/, not one with the fields {sorted(event)}"
        )

    def _answerer(
        self, resolver: ApiGatewayResolver, path: str, method: str, route: Route
    ) -> Callable[..., Response[Any]]:
        numbers = re.findall(r"{(\w+):int}", path)

        def answer(**params: str) -> Response[Any]:
            call: Invocation = resolver.context["call"]
            if not all(params[name].isascii() and params[name].isdigit() for name in numbers):
                return _refuse(self._not_found(), call, problem_json)  # as of no route at all
            try:
                if method not in route.methods:
                    raise _not_allowed(path, method, route)
                request = self._request(resolver.current_event.raw_event, params)
                if not route.is_open:
                    request = replace(request, caller=self._authorize(request))
                response = route.methods[method](request, call)
            except Problem as problem:
                return _refuse(problem, call, route.problem_form)
            if call.prediction:  # for feedback, whatever the dialect's body has room for
                response.headers[PREDICTION_ID] = call.id
            return response

        return answer

    def _no_route(self, resolver: ApiGatewayResolver) -> Callable[..., Response[Any]]:
        def no_route(*_: object) -> Response[Any]:
            return _refuse(self._not_found(), resolver.context["call"], problem_json)

        return no_route

    def _not_found(self) -> NotFound:
        return NotFound(f"there is no such path; there are {self._known}")

    def _request(self, event: Event, params: Mapping[str, str]) -> Request:
        context = event.get("requestContext") or {}
        is_alb = "elb" in context
        query = _query(event, is_alb)
        return Request(
            # a REST API leaves the stage out of `path`
            path=event.get("rawPath") or context.get("path") or event.get("path") or "/",
            params=params,
            query=tuple(pair for pair in query if pair[0] != API_KEY),
            headers=_headers(event),
            read_body=partial(_body, event, self._max_body_bytes),
            room_bytes=ALB_ROOM_BYTES if is_alb else ROOM_BYTES,
            api_key=next((value for name, value in query if name == API_KEY), ""),
            principal=_principal(event),
        )


def json_response(body: Mapping[str, Any] | Sequence[Any], status: int = 200) -> Response[Any]:
    return Response(status, "application/json", json.dumps(body, ensure_ascii=False))


_NO_CONTEXT = LambdaContext()


def _without_last_slash(event: Event) -> dict[str, Any]:
    """The event of /a for one of /a/, in every form, as the REST resolver alone would have it."""
    key = "rawPath" if event.get("version") == "2.0" else "path"
    path = (event.get(key) or "/").rstrip("/")
    stage = (event.get("requestContext") or {}).get("stage")  # /STAGE/ is the root
    return {**event, key: path} if path not in ("", f"/{stage}") else {**event}


def _query(event: Event, is_alb: bool) -> list[tuple[str, str]]:
    if "rawQueryString" in event:  # 2.0; its parsed form joins repeated parameters by commas
        return parse_qsl(event["rawQueryString"] or "", keep_blank_values=True, errors="replace")
    many = event.get("multiValueQueryStringParameters") or {}
    one = event.get("queryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values]
    pairs += [(name, value) for name, value in one.items() if name not in many]
    return [(unquote_plus(name), unquote_plus(value)) for name, value in pairs] if is_alb else pairs


def _principal(event: Event) -> str:
    """Only AWS writes a request's context: no client can name itself here."""
    context = event.get("requestContext") or {}
    authorizer = context.get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    if claims:
        return " ".join(str(claims.get(name, "")) for name in ("iss", "sub", "client_id"))
    iam = authorizer.get("iam") or {}
    identity = context.get("identity") or {}  # of a REST API
    return iam.get("userArn") or identity.get("userArn") or ""


def _body(event: Event, max_bytes: int) -> bytes:
    """The body's bytes. Raises BadRequest, BodyTooLarge."""
    text: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        _check_size(len(text) * 3 // 4 - text[-2:].count("="), max_bytes)
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise BadRequest(f"the event says its body is base64, it is not ({error})") from None
    # A client's \ud800 makes half a surrogate pair of text: bytes all the same.
    body = text.encode(errors="surrogatepass")
    _check_size(len(body), max_bytes)
    return body


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BodyTooLarge(f"the body has {size:,} bytes, at most {max_bytes:,} are read")


def _headers(event: Event) -> dict[str, str]:
    many = {
        name.lower(): ",".join(values)
        for name, values in (event.get("multiValueHeaders") or {}).items()
    }
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()} | many


def _not_allowed(path: str, method: str, route: Route) -> MethodNotAllowed:
    allowed = list(route.methods)
    return MethodNotAllowed(
        f"{path} answers {', '.join(allowed)}, not {method}", {"allow": allowed}
    )


def _refuse(problem: Problem, call: Invocation, form: ProblemForm) -> Response[Any]:
    call.problem = (problem.type, problem.detail)
    response = form(problem, call.id)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response
