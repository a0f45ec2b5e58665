"""An HTTP request in, the event that AWS makes of it out, in four forms; and answers back to HTTP.

The forms: API Gateway HTTP API (payload 2.0), Lambda function URL (the same payload), API Gateway
REST API (payload 1.0) and Application Load Balancer. Made after real ones, so that what works here
works in the cloud.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Event = dict[str, Any]
Headers = Sequence[tuple[str, str]]
TEXT_TYPES = ("application/json", "application/javascript", "application/xml")  # and text/*
DOMAIN = "abcdef1234.execute-api.eu-central-1.amazonaws.com"
URL_DOMAIN = "abcdef1234.lambda-url.eu-central-1.on.aws"
API, ACCOUNT, CLIENT = "abcdef1234", "123456789012", "127.0.0.1"


@dataclass(frozen=True)
class HttpRequest:
    """A request as it comes over the wire. target: path and query, still encoded."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    id: str = "JKJaXmPLvHcESHA="
    time_s: float = 1_700_000_000.0

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    def header(self, name: str) -> str:
        return ",".join(value for key, value in self.headers if key.lower() == name)

    def joined_headers(self) -> dict[str, str]:
        """Lower-case names; what comes twice is joined by a comma, as HTTP has it."""
        return {key.lower(): self.header(key.lower()) for key, _ in self.headers}


def to_http_api(request: HttpRequest) -> Event:
    """Payload 2.0, as an HTTP API with its default stage sends it."""
    headers = request.joined_headers()
    cookies = headers.pop("cookie", "")
    many = _many(parse_qsl(request.query, keep_blank_values=True))
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "domainPrefix": API,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request.id,
            "routeKey": "$default",
            "stage": "$default",
            "time": datetime.fromtimestamp(request.time_s, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(request.time_s * 1000),
        },
        **_body(request),
    }
    if many:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in many.items()}
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    return event


def to_function_url(request: HttpRequest) -> Event:
    """Payload 2.0, as a function URL sends it."""
    event = to_http_api(request)
    event["requestContext"] |= {"apiId": API, "domainName": URL_DOMAIN, "accountId": "anonymous"}
    return event


def to_rest_api(request: HttpRequest) -> Event:
    """Payload 1.0, as a REST API's proxy integration sends it, with `*/*` a binary media type."""
    many = _many(parse_qsl(request.query, keep_blank_values=True))
    return {
        "resource": "/{proxy+}",
        "path": request.path,
        "httpMethod": request.method,
        "headers": {key: request.header(key.lower()) for key, _ in request.headers} or None,
        "multiValueHeaders": _many(request.headers) or None,
        "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
        "multiValueQueryStringParameters": many or None,
        "pathParameters": {"proxy": request.path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "httpMethod": request.method,
            "identity": {"sourceIp": CLIENT, "userAgent": request.header("user-agent")},
            "path": f"/prod{request.path}",
            "protocol": "HTTP/1.1",
            "requestId": request.id,
            "requestTimeEpoch": int(request.time_s * 1000),
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": base64.b64encode(request.body).decode() if request.body else None,
        "isBase64Encoded": bool(request.body),
    }


def to_alb(request: HttpRequest) -> Event:
    """As a load balancer with single-value headers sends it: its query is not decoded."""
    query = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    arn = f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/icebox/49e9d65c45c6791a"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": request.method,
        "path": request.path,
        "queryStringParameters": dict(query),
        "headers": request.joined_headers(),
        **({"body": "", "isBase64Encoded": False} | _body(request)),
    }


FORMS: dict[str, Callable[[HttpRequest], Event]] = {
    "http-api": to_http_api,
    "function-url": to_function_url,
    "rest-api": to_rest_api,
    "alb": to_alb,
}


@dataclass(frozen=True)
class HttpResponse:
    """What goes back over the wire."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def to_response(result: Any) -> HttpResponse:
    """A handler's result, of any form, as HTTP. Raises ValueError where AWS would answer a 5xx."""
    if not isinstance(result, dict) or not isinstance(result.get("statusCode"), int):
        raise ValueError(f"a result without statusCode: {str(result)[:200]}")
    single = [(key, str(value)) for key, value in (result.get("headers") or {}).items()]
    many = [
        (key, value)
        for key, values in (result.get("multiValueHeaders") or {}).items()
        for value in values
    ]
    cookies = [("Set-Cookie", cookie) for cookie in result.get("cookies") or []]
    text = result.get("body") or ""
    body = base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()
    return HttpResponse(result["statusCode"], [*single, *many, *cookies], body)


def _many(pairs: Headers) -> dict[str, list[str]]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many


def _body(request: HttpRequest) -> Event:
    """Text goes as it is, all else in base64: which it is, the content type alone decides."""
    if not request.body:
        return {"isBase64Encoded": False}
    media = request.header("content-type").partition(";")[0].strip().lower()
    if media.startswith("text/") or media in TEXT_TYPES:
        return {"body": request.body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
