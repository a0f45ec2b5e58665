"""The forms of event that Lambda is invoked with, and the result that each expects.

API Gateway's HTTP API and function URLs send payload 2.0, REST APIs payload 1.0, and Application
Load Balancers a form of their own. A direct invoke (`aws lambda invoke`, Step Functions) carries a
picture without HTTP around it: it is read as a POST to the native API, and gets that answer's JSON.
Scheduled events keep an environment warm. The forms differ in this module only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

from handler import base64_codec
from handler.http.request import Request, Response
from handler.problems import BadRequest, BodyTooLarge, well_formed

Event = Mapping[str, Any]
# Lambda takes a result of 6,291,556 bytes and a load balancer one of 1 MB, both after base64: the
# bytes of a body that fits with room to spare.
MAX_RESPONSE_BYTES, MAX_ALB_RESPONSE_BYTES = 4_500_000, 700_000
API_KEY = "api_key"  # a query parameter, where Roboflow's clients send their key
DIRECT_PATH = "/v1/detect"
PICTURES = ("image", "images", "s3_uri", "upload_id")  # members that name a direct invoke's picture
# EventBridge's rules and its scheduler; the values that the latter fills in by itself
_SCHEDULED = {"detail-type": "Scheduled Event"}
WARM = {"warm": True}
_DEFAULT_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws")


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the header names gzip, or all, and not with a weight of nothing."""
    weights = {}
    for item in accept_encoding.lower().split(","):
        name, _, weight = item.replace(" ", "").partition(";q=")
        weights[name] = weight.strip("0.") != "" if weight else True
    return weights.get("gzip", weights.get("*", False))


def is_scheduled(event: object) -> bool:
    return (
        isinstance(event, Mapping)
        and _SCHEDULED.items()
        <= {name: value for name, value in event.items() if isinstance(value, str)}.items()
    )


def read_event(event: object, *, max_body_bytes: int) -> Request:
    """The request of an event. Raises ValueError where it is none of the forms."""
    if not isinstance(event, Mapping):
        raise _unknown(event)
    if _is_direct(event):
        return _direct_request(event, max_body_bytes)
    context = _mapping(event.get("requestContext"))
    query = _query(event)
    if _is_payload_2(event):
        method = _mapping(context.get("http")).get("method")
    else:
        method = event.get("httpMethod")
    if not isinstance(method, str):
        raise _unknown(event)
    # A REST API's context has the stage, its `path` has not.
    path = _text(event.get("rawPath")) or _text(context.get("path")) or _text(event.get("path"))
    headers = _headers(event)
    return Request(
        method=method.upper(),
        path=_without_last_slash(path),
        route_path=_route_path(event),
        has_base_path=_has_base_path(event),
        query=tuple(pair for pair in query if pair[0] != API_KEY),
        headers=headers,
        # A REST API passes base64 on as text, unless its BinaryMediaTypes say otherwise.
        takes_gzip=not _is_rest(event) and accepts_gzip(headers.get("accept-encoding", "")),
        read_body=partial(_body, event, max_body_bytes),
        max_response_bytes=MAX_ALB_RESPONSE_BYTES if _is_alb(event) else MAX_RESPONSE_BYTES,
        api_key=next((value for name, value in query if name == API_KEY), ""),
        principal=_principal(event),
    )


def write_result(response: Response, event: Event) -> Any:
    """The result that answers an event of its form; a body of bytes goes in base64.

    The runtime sends it as UTF-8, so nothing in it may be half a surrogate pair.
    """
    if _is_direct(event):
        text = response.body if isinstance(response.body, str) else response.body.decode()
        return json.loads(well_formed(text))
    headers = {**response.headers, "Content-Type": response.media_type}
    headers = {name: well_formed(value) for name, value in headers.items()}
    body, is_base64 = response.body, False
    if isinstance(body, bytes):
        body, is_base64 = base64_codec.encode(body), True
    result = {
        "statusCode": response.status, "body": well_formed(body), "isBase64Encoded": is_base64
    }  # fmt: skip
    if _is_payload_2(event):
        return {**result, "headers": headers, "cookies": []}
    if _is_alb(event) and not event.get("multiValueHeaders"):
        return {**result, "headers": headers}
    return {**result, "multiValueHeaders": {name: [value] for name, value in headers.items()}}


def _unknown(event: object) -> ValueError:
    if isinstance(event, Mapping):
        what = f"the fields {sorted(map(str, event))}"[:300]
    else:
        what = {"NoneType": "null", "list": "a list", "str": "a text"}.get(
            type(event).__name__, repr(event)[:60]
        )
    return ValueError(
        "this is no HTTP event; expected one of API Gateway, a function URL or an ALB, as those in "
        'events/, {"image": "<base64>"} or {"s3_uri": "s3://…"} with parameters beside it, or a '
        f"scheduled event, not {what}"
    )


def _is_direct(event: Event) -> bool:
    is_http = "requestContext" in event or "httpMethod" in event or _is_payload_2(event)
    return not is_http and any(name in event for name in PICTURES)


def _direct_request(event: Event, max_body_bytes: int) -> Request:
    """A POST of the members that name a picture; the others are its query's parameters. null, which
    a state machine passes on for what it has not, is left out."""
    members = {name: value for name, value in event.items() if value is not None}
    picture = {name: value for name, value in members.items() if name in PICTURES}
    body = json.dumps(picture or {"image": None})
    query = [
        (str(name), each if isinstance(each, str) else json.dumps(each))
        for name, value in members.items()
        if name not in picture
        for each in (value if isinstance(value, list) else [value])
    ]
    return Request(
        method="POST",
        path=DIRECT_PATH,
        route_path=DIRECT_PATH,
        query=tuple(query),
        headers={"content-type": "application/json"},
        read_body=partial(_body, {"body": body}, max_body_bytes),
        max_response_bytes=MAX_RESPONSE_BYTES,
        is_direct=True,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_payload_2(event: Event) -> bool:
    return bool(event.get("version") == "2.0")


def _is_alb(event: Event) -> bool:
    return not _is_payload_2(event) and "elb" in _mapping(event.get("requestContext"))


def _is_rest(event: Event) -> bool:
    return not _is_payload_2(event) and not _is_alb(event)


def _route_path(event: Event) -> str:
    if not _is_payload_2(event):
        return _without_last_slash(_rest_path(event))
    path = _text(event.get("rawPath")) or "/"
    stage = _mapping(event.get("requestContext")).get("stage")
    if stage and stage != "$default" and f"{path}/".startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    return _without_last_slash(path)


def _rest_path(event: Event) -> str:
    """The path without the base path of a custom domain: what the API's own resource matched."""
    path, resource = _text(event.get("path")), _text(event.get("resource"))
    if not resource or _is_alb(event):
        return path
    if resource == "/":
        return "/"
    matched = resource
    for name, value in _mapping(event.get("pathParameters")).items():
        matched = matched.replace(f"{{{name}+}}", str(value)).replace(f"{{{name}}}", str(value))
    without_slash = path.rstrip("/")
    matched = matched.rstrip("/")
    for own in (matched, quote(matched, errors="replace")):  # decoded once, or not
        if own and without_slash.endswith(own):
            return own
    return path


def _has_base_path(event: Event) -> bool:
    """Whether the path may begin with a base path: on a domain of the owner's, where payload 2.0
    has no resource that would tell it apart."""
    domain = _text(_mapping(event.get("requestContext")).get("domainName"))
    return _is_payload_2(event) and bool(domain) and not domain.endswith(_DEFAULT_DOMAINS)


def _without_last_slash(path: str | None) -> str:
    return (path or "").rstrip("/") or "/"


def _query(event: Event) -> list[tuple[str, str]]:
    if "rawQueryString" in event:  # payload 2.0 joins repeated parameters by commas elsewhere
        text = _text(event["rawQueryString"])
        return parse_qsl(text, keep_blank_values=True, errors="replace")
    many = _mapping(event.get("multiValueQueryStringParameters"))
    one = _mapping(event.get("queryStringParameters"))
    pairs = [(name, str(value)) for name, values in many.items() for value in _list(values)]
    pairs += [(name, str(value)) for name, value in one.items() if name not in many]
    if _is_alb(event):  # it does not decode
        return [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return pairs


def _headers(event: Event) -> dict[str, str]:
    many = {
        name.lower(): ",".join(map(str, _list(values)))
        for name, values in _mapping(event.get("multiValueHeaders")).items()
    }
    one = {
        name.lower(): str(value)
        for name, value in _mapping(event.get("headers")).items()
        if value is not None
    }
    return one | many


def _principal(event: Event) -> str:
    """Identity from API Gateway's authorizer. Clients cannot write an event's context."""
    context = _mapping(event.get("requestContext"))
    authorizer = _mapping(context.get("authorizer"))
    claims = _mapping(_mapping(authorizer.get("jwt")).get("claims"))
    if claims:
        return " ".join(str(claims.get(name, "")) for name in ("iss", "sub", "client_id"))
    iam = _mapping(authorizer.get("iam"))
    identity = _mapping(context.get("identity"))  # of a REST API
    return _text(iam.get("userArn")) or _text(identity.get("userArn"))


def _body(event: Event, max_bytes: int) -> bytes:
    """The body's bytes. Raises BadRequest, BodyTooLarge."""
    text = event.get("body") or ""
    if not isinstance(text, str):
        raise BadRequest("the event's body is no text; expected a text, in base64 for bytes")
    if event.get("isBase64Encoded"):
        _check_size(len(text) * 3 // 4 - text[-2:].count("="), max_bytes)
        try:
            return base64_codec.decode(text)
        except ValueError as error:
            raise BadRequest(f"the event says its body is base64, it is not ({error})") from None
    # A client's \ud800 makes half a surrogate pair of text: bytes all the same.
    body = text.encode(errors="surrogatepass")
    _check_size(len(body), max_bytes)
    return body


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BodyTooLarge(f"the body has {size:,} bytes, at most {max_bytes:,} are read")
