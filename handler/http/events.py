"""The four forms of HTTP event that Lambda is invoked with, and the result that each expects.

API Gateway's HTTP API and function URLs send payload 2.0, REST APIs payload 1.0, and Application
Load Balancers a form of their own. They differ in this module only.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from handler.http.request import Request, Response
from handler.problems import BadRequest, BodyTooLarge

Event = Mapping[str, Any]
# Lambda takes a result of 6,291,556 bytes and a load balancer one of 1 MB, both after base64: the
# bytes of a body that fits with room to spare.
MAX_RESPONSE_BYTES, MAX_ALB_RESPONSE_BYTES = 4_500_000, 700_000
API_KEY = "api_key"  # a query parameter, where Roboflow's clients send their key


def read_event(event: Event, *, max_body_bytes: int) -> Request:
    """The request of an event. Raises ValueError where it is no HTTP event."""
    context = event.get("requestContext") or {}
    query = _query(event)
    if _is_payload_2(event):
        method = context["http"]["method"]
    elif _is_alb(event) or "httpMethod" in event:
        method = event["httpMethod"]
    else:
        raise ValueError(
            "this is no HTTP event; expected one of API Gateway, a function URL or an ALB, "
            f"as those in events/, not one with the fields {sorted(event)}"
        )
    return Request(
        method=method.upper(),
        # A REST API's context has the stage, its `path` has not.
        path=_without_last_slash(event.get("rawPath") or context.get("path") or event.get("path")),
        route_path=_route_path(event),
        query=tuple(pair for pair in query if pair[0] != API_KEY),
        headers=_headers(event),
        read_body=partial(_body, event, max_body_bytes),
        max_response_bytes=MAX_ALB_RESPONSE_BYTES if _is_alb(event) else MAX_RESPONSE_BYTES,
        api_key=next((value for name, value in query if name == API_KEY), ""),
        principal=_principal(event),
    )


def write_result(response: Response, event: Event) -> dict[str, Any]:
    """The result that answers an event of its form; a body of bytes goes in base64."""
    headers = {**response.headers, "Content-Type": response.media_type}
    body, is_base64 = response.body, False
    if isinstance(body, bytes):
        body, is_base64 = base64.b64encode(body).decode(), True
    result = {"statusCode": response.status, "body": body, "isBase64Encoded": is_base64}
    if _is_payload_2(event):
        return {**result, "headers": headers, "cookies": []}
    if _is_alb(event) and not event.get("multiValueHeaders"):
        return {**result, "headers": headers}
    return {**result, "multiValueHeaders": {name: [value] for name, value in headers.items()}}


def _is_payload_2(event: Event) -> bool:
    return bool(event.get("version") == "2.0")


def _is_alb(event: Event) -> bool:
    return not _is_payload_2(event) and "elb" in (event.get("requestContext") or {})


def _route_path(event: Event) -> str:
    if not _is_payload_2(event):
        return _without_last_slash(event.get("path"))
    path = event.get("rawPath") or "/"
    stage = (event.get("requestContext") or {}).get("stage")
    if stage and stage != "$default" and f"{path}/".startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    return _without_last_slash(path)


def _without_last_slash(path: str | None) -> str:
    return (path or "").rstrip("/") or "/"


def _query(event: Event) -> list[tuple[str, str]]:
    if "rawQueryString" in event:  # payload 2.0 joins repeated parameters by commas elsewhere
        return parse_qsl(event["rawQueryString"] or "", keep_blank_values=True, errors="replace")
    many = event.get("multiValueQueryStringParameters") or {}
    one = event.get("queryStringParameters") or {}
    pairs = [(name, value) for name, values in many.items() for value in values]
    pairs += [(name, value) for name, value in one.items() if name not in many]
    if _is_alb(event):  # it does not decode
        return [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return pairs


def _headers(event: Event) -> dict[str, str]:
    many = {
        name.lower(): ",".join(values)
        for name, values in (event.get("multiValueHeaders") or {}).items()
    }
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()} | many


def _principal(event: Event) -> str:
    """Identity from API Gateway's authorizer. Clients cannot write an event's context."""
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
