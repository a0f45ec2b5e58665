"""The request that a route answers, and its response: the same for every form of event."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_NONE: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """What a client sent.

    method: upper case. path: as the client sent it, its stage included. route_path: the same
    without the stage and a last slash; routes are matched by it. path_params: by the names in the
    route's template. query: (name, value) pairs, decoded, without an api_key. headers: by lower-
    case names. read_body: returns the body's bytes; raises BadRequest, BodyTooLarge.
    max_response_bytes: of the response's body. api_key: of the query, empty for none. principal:
    identity from API Gateway's authorizer (a JWT's issuer and subject, IAM's ARN), empty for none.
    caller: who sends the request, as `auth` says. takes_gzip: whether the client does, and the
    event's form passes bytes on. has_base_path: whether route_path may begin with a custom domain's
    base path. is_direct: invoked without HTTP, by whom IAM lets in.
    """

    method: str
    path: str
    route_path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    read_body: Callable[[], bytes]
    max_response_bytes: int
    api_key: str = ""
    principal: str = ""
    path_params: Mapping[str, str] = _NONE
    caller: str = ""
    has_base_path: bool = False
    is_direct: bool = False
    takes_gzip: bool = False

    def origin(self) -> str:
        """Scheme and host where the client found the API; empty where its headers do not say."""
        host, scheme = self.headers.get("host", ""), self.headers.get("x-forwarded-proto")
        if not re.fullmatch(_HOST, host):
            return ""
        return f"{'https' if scheme == 'https' else 'http'}://{host}"


class Response(NamedTuple):
    """What a client gets. body: bytes where it is no text. headers: without the Content-Type."""

    status: int
    media_type: str
    body: str | bytes
    headers: Mapping[str, str] = _NONE

    def with_headers(self, headers: Mapping[str, str]) -> Response:
        return self._replace(headers={**self.headers, **headers})


def json_response(body: Mapping[str, Any] | Sequence[Any], status: int = 200) -> Response:
    return Response(status, "application/json", json.dumps(body, ensure_ascii=False))
