"""HTTP requests as the events that Lambda gets, and a handler's results as HTTP responses.

An event has one of four forms: API Gateway HTTP API (payload 2.0), Lambda function URL (the same
payload), API Gateway REST API (payload 1.0) or Application Load Balancer. They are modelled on real
events, so that what works here works in the cloud.
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
    """A request as a client sends it. target: path and query, percent-encoded."""

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
        """The values of a header, joined by commas. name: in lower case."""
        return ",".join(value for key, value in self.headers if key.lower() == name)

    def joined_headers(self) -> dict[str, str]:
        """Values by lower-case name; those of a repeated header are joined by commas."""
        return {key.lower(): self.header(key.lower()) for key, _ in self.headers}


def to_http_api(request: HttpRequest) -> Event:
    """Payload 2.0 of an HTTP API with the default stage."""
    headers = request.joined_headers()
    cookies = headers.pop("cookie", "")
    parameters = _group_values(parse_qsl(request.query, keep_blank_values=True))
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
    if parameters:
        event["queryStringParameters"] = {
            name: ",".join(values) for name, values in parameters.items()
        }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    return event


def to_function_url(request: HttpRequest) -> Event:
    """Payload 2.0 of a function URL."""
    event = to_http_api(request)
    event["requestContext"] |= {"apiId": API, "domainName": URL_DOMAIN, "accountId": "anonymous"}
    return event


def to_rest_api(request: HttpRequest) -> Event:
    """Payload 1.0 of a REST API's proxy integration that has `*/*` as a binary media type."""
    parameters = _group_values(parse_qsl(request.query, keep_blank_values=True))
    return {
        "resource": "/{proxy+}",
        "path": request.path,
        "httpMethod": request.method,
        "headers": {key: request.header(key.lower()) for key, _ in request.headers} or None,
        "multiValueHeaders": _group_values(request.headers) or None,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
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
    """The event of a load balancer with single-value headers, which leaves the query encoded."""
    parameters = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    arn = f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/icebox/49e9d65c45c6791a"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": request.method,
        "path": request.path,
        "queryStringParameters": dict(parameters),
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
    """A response as a client gets it."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's first value, or None. name: in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def to_response(result: Any) -> HttpResponse:
    """A handler's result, of any form, as HTTP. Raises ValueError for a result that AWS answers
    with a 5xx."""
    if not isinstance(result, dict) or not isinstance(result.get("statusCode"), int):
        raise ValueError(f"a result without statusCode: {str(result)[:200]}")
    single_values = [(key, str(value)) for key, value in (result.get("headers") or {}).items()]
    multiple_values = [
        (key, value)
        for key, values in (result.get("multiValueHeaders") or {}).items()
        for value in values
    ]
    cookies = [("Set-Cookie", cookie) for cookie in result.get("cookies") or []]
    text = result.get("body") or ""
    body = base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()
    return HttpResponse(result["statusCode"], [*single_values, *multiple_values, *cookies], body)


def _group_values(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _body(request: HttpRequest) -> Event:
    """The body as text or base64. AWS decides by the content type alone."""
    if not request.body:
        return {"isBase64Encoded": False}
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in TEXT_TYPES:
        return {"body": request.body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
