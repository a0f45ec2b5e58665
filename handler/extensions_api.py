"""The Lambda Extensions API, as an internal extension of this function uses it."""

from __future__ import annotations

import json
import os
import sys
from http.client import HTTPConnection
from typing import Any

API = "/2020-01-01/extension"
NAME = "icebox-after-response"
REGISTER_S = 2.0


def exit_with_error(runtime_api: str, identifier: str) -> None:
    """Tell Lambda that the extension has failed, and end the process: Lambda makes a new
    environment."""
    headers = {
        "Lambda-Extension-Identifier": identifier,
        "Lambda-Extension-Function-Error-Type": "Extension.ApiLost",
    }
    try:
        _request(runtime_api, "POST", "/exit/error", None, headers, timeout_s=REGISTER_S)
    finally:
        sys.stdout.flush()
        os._exit(1)


def register(runtime_api: str) -> str:
    """Register for every invocation; the extension's identifier. Raises OSError."""
    status, headers, body = _request(
        runtime_api,
        "POST",
        "/register",
        json.dumps({"events": ["INVOKE"]}),
        {"Lambda-Extension-Name": NAME},
        timeout_s=REGISTER_S,
    )
    identifier: str | None = headers.get("Lambda-Extension-Identifier")
    if status != 200 or not identifier:
        raise OSError(f"the Extensions API answered {status} {body[:200]!r}")
    return identifier


def next_event(runtime_api: str, identifier: str) -> dict[str, Any]:
    """Wait for the next invocation. Raises OSError."""
    headers = {"Lambda-Extension-Identifier": identifier}
    status, _, body = _request(runtime_api, "GET", "/event/next", None, headers, timeout_s=None)
    if status != 200:
        raise OSError(f"answered {status} {body[:200]!r}")
    event: dict[str, Any] = json.loads(body)
    return event


def _request(
    runtime_api: str,
    method: str,
    path: str,
    body: str | None,
    headers: dict[str, str],
    *,
    timeout_s: float | None,
) -> tuple[int, Any, bytes]:
    """Status, headers and body, on a new connection: a freeze may have ended a kept one."""
    connection = HTTPConnection(runtime_api, timeout=timeout_s)
    try:
        connection.request(method, API + path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
