"""The Lambda Extensions API, as an internal extension of this function uses it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from handler.http_client import HttpAnswer, receive, send

API = "/2020-01-01/extension"
NAME = "icebox-after-response"
REGISTER_S = 2.0


class RefusedError(OSError):
    """Lambda has not taken a request: it was not sent, or answered by an error. A registration has
    not happened; an extension that asked for its next event has not asked."""


def exit_with_error(runtime_api: str, identifier: str) -> None:
    """Tell Lambda that the extension has failed, and end the process: Lambda makes a new
    environment."""
    headers = {
        "Lambda-Extension-Identifier": identifier,
        "Lambda-Extension-Function-Error-Type": "Extension.ApiLost",
    }
    try:
        with contextlib.suppress(Exception):
            _request(runtime_api, "POST", "/exit/error", b"", headers, timeout_s=REGISTER_S)
        with contextlib.suppress(Exception):
            sys.stdout.flush()
    finally:
        os._exit(1)


def register(runtime_api: str) -> str:
    """Register for every invocation; the extension's identifier.

    Raises RefusedError; other errors where Lambda may have registered it nevertheless.
    """
    body = json.dumps({"events": ["INVOKE"]}).encode()
    headers = {"Lambda-Extension-Name": NAME}
    answer = _request(runtime_api, "POST", "/register", body, headers, timeout_s=REGISTER_S)
    identifier = answer.headers.get("lambda-extension-identifier")
    if not identifier:
        raise OSError(f"the Extensions API names no identifier: {answer.body[:200]!r}")
    return identifier


def next_event(runtime_api: str, identifier: str) -> dict[str, Any]:
    """Wait for the next invocation.

    Raises RefusedError, ConnectionError where the connection ends without an answer, and other
    errors once Lambda has been asked.
    """
    headers = {"Lambda-Extension-Identifier": identifier}
    answer = _request(runtime_api, "GET", "/event/next", b"", headers, timeout_s=None)
    event: dict[str, Any] = json.loads(answer.body)
    return event


def _request(
    runtime_api: str,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    timeout_s: float | None,
) -> HttpAnswer:
    """The answer, on a new connection: a freeze may have ended a kept one."""
    try:
        connection = send(runtime_api, method, API + path, headers, body, timeout_s=timeout_s)
    except (OSError, ValueError) as error:  # ValueError of an address that is none
        raise RefusedError(f"{type(error).__name__}: {error}") from None
    with connection:
        answer = receive(connection, timeout_s=timeout_s)
    if answer.status >= 300:
        raise RefusedError(f"{path} is answered {answer.status} {answer.body[:200]!r}")
    return answer
