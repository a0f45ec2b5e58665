"""HTTP APIs: requests to /api/STACK/... as API Gateway hands them to a stack's function.

The API's definition says which alias is invoked. As in AWS, a request is answered 500 where the
function does not permit API Gateway to invoke just that alias, fails, or answers with no response.
Not shown: authorizers (IAM, JWT), CORS, throttling and access logs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from scripts.local.http_event import HttpRequest, to_http_api, to_response
from scripts.rehearsal.account import AwsError, token
from scripts.rehearsal.functions import Functions
from scripts.rehearsal.server import API_PREFIX

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
FUNCTION = re.compile(r"function:([^:/]+)(?::([^/]+))?/invocations")
MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class HttpApi:
    """definition: OpenAPI with API Gateway's extensions."""

    id: str
    stack: str
    definition: Mapping[str, Any]


class HttpApis:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._apis: dict[str, HttpApi] = {}
        self.statuses: list[int] = []  # of all answers, for who counts them
        self._lock = threading.Lock()

    def put(self, api: HttpApi) -> None:
        self._apis[api.id] = api

    def remove(self, name: str) -> None:
        self._apis.pop(name, None)

    def all(self) -> list[HttpApi]:
        return [*self._apis.values()]

    def answer(self, environ: dict[str, Any]) -> Response:
        response = self._answer(environ)
        with self._lock:
            self.statuses.append(response.status_code)
        return response

    def _answer(self, environ: dict[str, Any]) -> Response:
        request = Request(environ)
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path
        stack, slash, rest = target[len(API_PREFIX) :].partition("/")
        api = next((each for each in self._apis.values() if each.stack == stack), None)
        if api is None:
            return _say(404, f"no stack {stack} has an API")
        body = request.get_data()
        if len(body) > MAX_BODY_BYTES:
            return _say(413, "Request Entity Too Large")
        path = f"{slash or '/'}{rest}".partition("?")[0]
        operation = find_operation(api.definition, request.method, path)
        if operation is None:
            return _say(404, "Not Found")
        if operation.get("security"):
            if "Authorization" not in request.headers:
                return _say(401, "Unauthorized")
            return _say(501, "the stand-in checks no tokens and no signatures of an authorizer")
        event = to_http_api(
            HttpRequest(
                request.method,
                f"{slash or '/'}{rest}",
                [*request.headers],
                body,
                id=token(15),
            )
        )
        return self._invoke(operation[INTEGRATION]["uri"], event)

    def _invoke(self, uri: str, event: Any) -> Response:
        found = FUNCTION.search(uri)
        if not found:
            return _say(500, "Internal Server Error")
        name, qualifier = found[1], found[2]
        try:
            if not self._functions.may_invoke(name, qualifier, "apigateway.amazonaws.com"):
                return _say(500, "Internal Server Error")  # as AWS says it
            _, outcome = self._functions.invoke(name, qualifier, json.dumps(event).encode())
        except AwsError:
            return _say(500, "Internal Server Error")
        if outcome.function_error:
            return _say(500, "Internal Server Error")
        try:
            answered = to_response(json.loads(outcome.payload))
        except ValueError:
            return _say(500, "Internal Server Error")
        headers = [
            pair for pair in answered.headers if pair[0].lower() not in ("content-length", "date")
        ]
        return Response(answered.body, answered.status, headers)


def find_operation(definition: Mapping[str, Any], method: str, path: str) -> Any:
    """The operation for a request: of its path, else of a path with {proxy+}, else $default."""
    paths = definition["paths"]
    greedy = [key for key in paths if key.endswith("{proxy+}") and path.startswith(key[:-8])]
    for key in [path, *sorted(greedy, key=len, reverse=True), "$default", "/$default"]:
        operations = paths.get(key) or {}
        operation = operations.get(method.lower()) or operations.get(ANY)
        if operation:
            return operation
    return None


def _say(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, content_type="application/json")


def operations(apis: HttpApis, region: str) -> dict[str, Any]:
    """API Gateway's operations, as far as tools ask."""

    def describe(api: HttpApi) -> dict[str, Any]:
        host = f"https://{api.id}.execute-api.{region}.amazonaws.com"
        return {"ApiId": api.id, "ApiEndpoint": host, "Name": api.stack, "ProtocolType": "HTTP"}

    def get_api(asked: Mapping[str, Any]) -> Any:
        found = next((api for api in apis.all() if api.id == asked["ApiId"]), None)
        if not found:
            raise AwsError("NotFoundException", f"Invalid API identifier {asked['ApiId']}")
        return describe(found)

    return {"GetApi": get_api, "GetApis": lambda _: {"Items": [*map(describe, apis.all())]}}
