"""Calls of one version of the function, as a rehearsal: they leave no record, picture or metric."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_EVENT_BYTES = 6_000_000  # Lambda's limit is 6 MiB
READ_S = 60.0  # the function's own timeout is 20 s, and an INIT comes before
# An environment that is being made, and concurrency that is taken: worth another try.
_RETRIED = ("TooManyRequestsException", "ResourceConflictException", "ResourceNotReadyException")
_PAUSES_S = (2.0, 5.0, 10.0)
_REHEARSAL = base64.b64encode(json.dumps({"custom": {"icebox": "rehearsal"}}).encode()).decode()
_LOG_LINES, _MAX_TEXT = 6, 1_000
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """status: of HTTP, of a direct invoke as HTTP would have it; None where there is none. body:
    the result. error: what Lambda says of a call that failed, in words, and the end of its log;
    empty for all others."""

    status: int | None
    body: Any
    error: str = ""


class Caller:
    """client: of Lambda."""

    def __init__(
        self, client: Any, function: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._function = function
        self._sleep = sleep

    def call(self, version: str, event: Mapping[str, Any]) -> Answer:
        """Invoke a version. What fails is an answer, too."""
        payload = json.dumps(event).encode()
        for pause_s in (*_PAUSES_S, None):
            try:
                response = self._client.invoke(
                    FunctionName=self._function,
                    Qualifier=version,
                    ClientContext=_REHEARSAL,
                    LogType="Tail",
                    Payload=payload,
                )
                result = response["Payload"].read()
                break
            except self._client.exceptions.ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code not in _RETRIED or pause_s is None:
                    return Answer(None, None, f"Lambda refuses the call: {error}"[:_MAX_TEXT])
                logger.warning("version %s: %s, another try in %.0f s", version, code, pause_s)
                self._sleep(pause_s)
            except _way_errors() as error:
                return Answer(None, None, f"there is no answer: {error}"[:_MAX_TEXT])
        if response.get("FunctionError"):
            return Answer(None, None, _describe(response, result))
        try:
            answer = json.loads(result)
        except ValueError:
            return Answer(None, None, f"the answer is no JSON: {result[:200]!r}")
        if isinstance(answer, dict):
            status = answer.get("statusCode", answer.get("status", 200))
            return Answer(status if isinstance(status, int) else None, answer)
        return Answer(None, answer)


def _way_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, HTTPClientError
    from urllib3.exceptions import HTTPError

    return (BotoCoreError, HTTPClientError, HTTPError)


def _describe(response: Mapping[str, Any], result: bytes) -> str:
    """What went wrong in the function: of an INIT that failed, too."""
    try:
        raw = json.loads(result)
        what = f"{raw.get('errorType', 'error')}: {raw.get('errorMessage', '')}"
    except (ValueError, AttributeError):
        what = result[:300].decode(errors="replace")
    log = base64.b64decode(response.get("LogResult") or "").decode(errors="replace")
    # A stack trace of the runtime stands behind the message, on one line.
    lines = [line[:300] for line in log.splitlines() if line.strip()][-_LOG_LINES:]
    told = f"{what[:_MAX_TEXT]}"
    return told + ("\n" + "\n".join(f"  log: {line}" for line in lines) if lines else "")
