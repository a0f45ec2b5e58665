"""A first call of a deployed function: it detects, it is healthy, and it lets nobody in keyless.

The calls are made as Lambda's invokes, past the API, with the client context that marks a
rehearsal: they leave no record, no picture and no metric. What API Gateway does before the function
is not seen by them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts.deployment.aws.stack import ALIAS
from scripts.local.http_event import HttpRequest, to_http_api
from scripts.paths import SAMPLE
from scripts.tool import ToolError

REHEARSAL = {"custom": {"icebox": "rehearsal"}}
# A cold start of a new image and its first prediction; Lambda itself ends a call after 20 s.
READ_S = 90
WAKE_S, POLL_S = 300.0, 3.0
_ASLEEP = ("Pending", "Inactive")


class SmokeError(ToolError):
    """The function does not answer as it must; the text says to which call, and how."""


@dataclass(frozen=True)
class SmokeResult:
    """version: that answered. count: of objects on the sample picture. ms: of the whole call."""

    version: str
    count: int
    ms: float
    is_keyed: bool

    def __str__(self) -> str:
        return (
            f"version {self.version} answers: {self.count} objects on the sample picture in "
            f"{self.ms:.0f} ms, healthy"
            + (", 401 without a key" if self.is_keyed else ", no key asked for by the function")
        )


def smoke(function: str, qualifier: str = ALIAS, *, model: str, is_keyed: bool) -> SmokeResult:
    """Call a version or an alias.

    model: name and version of the one that must answer, such as "microalgae 1.0.0": an image may
    have another. is_keyed: whether the function itself must ask for a key. Raises SmokeError where
    it does not answer as it must.
    """
    began = time.monotonic()
    version, answer = _invoke(function, qualifier, sample_event(), "the sample picture")
    ms = (time.monotonic() - began) * 1000
    count = answer.get("count") if isinstance(answer, dict) else None
    if not isinstance(count, int):
        raise SmokeError(f"the sample picture got no prediction but {_short(answer)}")
    answering = _model_of(answer)
    if answering != model:
        raise SmokeError(
            f"the model that answers is {answering}, not {model}: the image has another bundle. "
            "Perhaps another build on this machine gave its image the same name meanwhile; deploy "
            "again"
        )
    status, body = _http(function, qualifier, HttpRequest("GET", "/health"), "GET /health")
    if status != 200:
        raise SmokeError(f"GET /health answers {status}: {_short(body)}")
    status, body = _http(function, qualifier, _keyless_request(), "a call without a key")
    if is_keyed and status != 401:
        raise SmokeError(
            f"a call without a key must be refused by 401, and answers {status}: {_short(body)}. "
            "The API may be open to everybody: look at ApiKeySha256 and AllowAnonymous"
        )
    if not is_keyed and status >= 500:
        raise SmokeError(f"POST /v1/detect answers {status}: {_short(body)}")
    return SmokeResult(version, count, ms, is_keyed)


def wake(function: str, version: str, say: Callable[[str], None] = print) -> None:
    """Wait until a version that was idle for weeks can be called again.

    Lambda takes the resources of an idle version away (state Inactive); a call brings them back,
    and fails itself. Raises SmokeError where that takes too long.
    """
    client = boto3.client("lambda")
    deadline = time.monotonic() + WAKE_S
    told = False
    while True:
        state = client.get_function_configuration(FunctionName=function, Qualifier=version).get(
            "State", "Active"
        )
        if state not in _ASLEEP:
            return
        if not told:
            told = True
            say(f"  version {version} was idle for weeks; Lambda makes it ready again, in a minute")
        if time.monotonic() > deadline:
            raise SmokeError(f"version {version} is {state} after {WAKE_S / 60:.0f} minutes")
        if state == "Inactive":
            with contextlib.suppress(ClientError):  # as it must: the call asks for the resources
                _client().invoke(
                    FunctionName=function,
                    Qualifier=version,
                    Payload=json.dumps(to_http_api(HttpRequest("GET", "/health"))),
                )
        time.sleep(POLL_S)


def sample_event() -> dict[str, str]:
    """A direct invoke's event with the sample picture."""
    return {"image": base64.b64encode(SAMPLE.read_bytes()).decode()}


def client_context() -> str:
    """The client context of a rehearsal, as Lambda's API takes it."""
    return base64.b64encode(json.dumps(REHEARSAL).encode()).decode()


def _model_of(answer: object) -> str:
    model = answer.get("model") if isinstance(answer, dict) else None
    return f"{model.get('name')} {model.get('version')}" if isinstance(model, dict) else "unknown"


def _keyless_request() -> HttpRequest:
    return HttpRequest("POST", "/v1/detect", (("content-type", "image/jpeg"),), SAMPLE.read_bytes())


def _http(function: str, qualifier: str, request: HttpRequest, what: str) -> tuple[int, object]:
    """The status and body that an HTTP event gets."""
    _, answer = _invoke(function, qualifier, to_http_api(request), what)
    if not (isinstance(answer, dict) and isinstance(answer.get("statusCode"), int)):
        raise SmokeError(f"{what} got no HTTP response but {_short(answer)}")
    return answer["statusCode"], answer.get("body")


def _invoke(
    function: str, qualifier: str, event: Mapping[str, Any], what: str
) -> tuple[str, object]:
    """The version that answered, and its answer."""
    try:
        response = _client().invoke(
            FunctionName=function,
            Qualifier=qualifier,
            ClientContext=client_context(),
            LogType="Tail",
            Payload=json.dumps(event),
        )
        payload = response["Payload"].read()
    except (ClientError, BotoCoreError) as error:
        raise SmokeError(f"{what}: the function cannot be called: {error}") from None
    if response.get("FunctionError"):
        raise SmokeError(f"{what}: the function fails: {_explain_failure(response, payload)}")
    try:
        return response.get("ExecutedVersion", qualifier), json.loads(payload)
    except ValueError:
        raise SmokeError(f"{what} got no JSON but {_short(payload)}") from None


def _explain_failure(response: Mapping[str, Any], payload: bytes) -> str:
    try:
        error = json.loads(payload)
        said = f"{error.get('errorType', '')}: {error.get('errorMessage', '')}".strip(": ")
    except (ValueError, AttributeError):
        said = payload[:300].decode(errors="replace")
    if "LogResult" in response:
        tail = base64.b64decode(response["LogResult"]).decode(errors="replace").strip()
        if tail:
            said += "\n  the end of its log:\n" + "\n".join(
                f"    {line[:300]}" for line in tail.splitlines()[-12:]
            )
    return said or "without a word"


def _short(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:300] + ("…" if len(text) > 300 else "")


def _client() -> Any:
    # No second try: a call that timed out here may still run there.
    return boto3.client(
        "lambda", config=Config(read_timeout=READ_S, retries={"total_max_attempts": 1})
    )
