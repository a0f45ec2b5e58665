"""An HTTP event in, of API Gateway (payload 2.0 or 1.0), a function URL or an ALB; its answer out.

The forms differ only here: routes see a Request and give a Response, and every Problem is answered
as problem+json.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
from handler.call import Call
from handler.problems import BadRequest, BodyTooLarge, MethodNotAllowed, NotFound, Problem

Event = Mapping[str, Any]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Lambda takes 6,291,556 bytes of answer, an ALB 1 MB of it, both after base64: bytes of body that
# fit with room to spare
ROOM_BYTES, ALB_ROOM_BYTES = 4_500_000, 700_000


@dataclass(frozen=True)
class Request:
    """What a client sent.

    query: (name, value) pairs, decoded. headers: lower-case names. read_body: gives the body's
    bytes; raises BadRequest, BodyTooLarge. room_bytes: for the answer's body.
    """

    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    read_body: Callable[[], bytes]
    room_bytes: int = ROOM_BYTES


Endpoint = Callable[[Request, Call], Response[Any]]


class Gateway:
    """The routes of the function. `endpoints`: path → method → endpoint."""

    def __init__(
        self, endpoints: Mapping[str, Mapping[str, Endpoint]], *, max_body_bytes: int
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self._http, self._rest, self._alb = (
            APIGatewayHttpResolver(),
            APIGatewayRestResolver(),
            ALBResolver(),
        )
        known = ", ".join(
            f"{method} {path}" for path, methods in endpoints.items() for method in methods
        )
        for resolver in (self._http, self._rest, self._alb):
            for path, methods in endpoints.items():
                for method in METHODS:
                    endpoint = methods.get(method)
                    route = (
                        self._route(resolver, endpoint)
                        if endpoint
                        else _refuse(method, path, methods)
                    )
                    resolver.route(path, method=method)(route)
            resolver.not_found(_no_route(known))
            resolver.exception_handler(Problem)(_answer_problem(resolver))

    def answer(self, event: Event, call: Call) -> dict[str, Any]:
        """Route an event, filling in the call. Raises ValueError on no HTTP event, and any bug."""
        resolver = self._resolver(event)
        resolver.append_context(call=call)  # type: ignore[no-untyped-call]
        # The runtime's context is not handed on: whoever keeps it holds up after_response.
        return resolver.resolve(event, _NO_CONTEXT)

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

    def _route(
        self, resolver: ApiGatewayResolver, endpoint: Endpoint
    ) -> Callable[..., Response[Any]]:
        def route(*_: object) -> Response[Any]:
            return endpoint(
                self._request(resolver.current_event.raw_event), resolver.context["call"]
            )

        return route

    def _request(self, event: Event) -> Request:
        is_alb = "elb" in (event.get("requestContext") or {})
        return Request(
            query=tuple(_query(event, is_alb)),
            headers=_headers(event),
            read_body=partial(_body, event, self._max_body_bytes),
            room_bytes=ALB_ROOM_BYTES if is_alb else ROOM_BYTES,
        )


def json_response(body: Mapping[str, Any], status: int = 200) -> Response[Any]:
    return Response(status, "application/json", json.dumps(body, ensure_ascii=False))


_NO_CONTEXT = LambdaContext()


def _query(event: Event, is_alb: bool) -> list[tuple[str, str]]:
    if "rawQueryString" in event:  # 2.0; its parsed form joins repeated parameters by commas
        return parse_qsl(event["rawQueryString"] or "", keep_blank_values=True, errors="replace")
    many = event.get("multiValueQueryStringParameters") or {}
    one = event.get("queryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values]
    pairs += [(name, value) for name, value in one.items() if name not in many]
    return [(unquote_plus(name), unquote_plus(value)) for name, value in pairs] if is_alb else pairs


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


def _refuse(method: str, path: str, allowed: Iterable[str]) -> Callable[..., Response[Any]]:
    def refuse(*_: object) -> Response[Any]:
        raise MethodNotAllowed(
            f"{path} answers {', '.join(allowed)}, not {method}", {"allow": list(allowed)}
        )

    return refuse


def _no_route(known: str) -> Callable[..., Response[Any]]:
    def no_route(*_: object) -> Response[Any]:
        raise NotFound(f"there is no such path; there are {known}")

    return no_route


def _answer_problem(resolver: ApiGatewayResolver) -> Callable[[Problem], Response[Any]]:
    def answer(problem: Problem) -> Response[Any]:
        call: Call = resolver.context["call"]
        call.problem = (problem.type, problem.detail)
        allow = problem.extensions.get("allow")
        return Response(
            problem.status,
            problems.MEDIA_TYPE,
            json.dumps(problem.body(call.id)),  # ASCII: a detail may quote half a surrogate pair
            headers={"Allow": ", ".join(allow)} if allow else {},
        )

    return answer
