"""Call the handler as Lambda's runtime does: by its dotted name, with one JSON event at a time."""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HANDLER = "handler.app.lambda_handler"
MAX_PAYLOAD_BYTES = 6_291_556  # Lambda's limit for an event, and for a response
TIMEOUT_S = 30.0


class EventTooLargeError(Exception):
    """An event of more bytes than Lambda accepts."""


class ResponseTooLargeError(Exception):
    """A response of more bytes than Lambda returns."""


@dataclass(frozen=True)
class Context:
    """The context object that the runtime passes to a handler."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = "icebox"
    function_version: str = "$LATEST"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:icebox"
    memory_limit_in_mb: str = "1769"
    deadline_s: float = field(default_factory=lambda: time.time() + TIMEOUT_S)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline_s - time.time()) * 1000))


class DeferredWork:
    """What an invocation leaves to be done once its response is sent.

    It takes the place of the handler's AfterResponse, which defers only in Lambda: without its
    Extensions API the work is done before the handler returns.
    """

    def __init__(self) -> None:
        self._works: list[Callable[[float], None]] = []

    def finish(self, context: Context, work: Callable[[float], None] | None) -> None:
        """Keep an invocation's work, None for none."""
        if work is not None:
            self._works.append(work)

    def do(self) -> None:
        """Do what was kept, and print what it raises."""
        while self._works:
            try:
                self._works.pop(0)(TIMEOUT_S)
            except Exception:
                traceback.print_exc()


@dataclass(frozen=True)
class Function:
    """A handler that takes one event at a time, like an execution environment.

    deferred: work that waits until `do_deferred` or, at last, the next event.
    """

    handler: Callable[[dict[str, Any], Any], Any]
    deferred: DeferredWork = field(default_factory=DeferredWork)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: dict[str, Any], context: Context | None = None) -> Any:
        """Invoke the handler. Event and result pass through JSON, as in Lambda.

        Raises EventTooLargeError, ResponseTooLargeError, and what the handler raises.
        """
        event, length = _through_json(event)
        if length > MAX_PAYLOAD_BYTES:
            raise EventTooLargeError(
                f"the event has {length:,} bytes, Lambda takes {MAX_PAYLOAD_BYTES:,}"
            )
        with self._lock:
            self.deferred.do()
            result, length = _through_json(self.handler(event, context or Context()))
        if length > MAX_PAYLOAD_BYTES:
            raise ResponseTooLargeError(
                f"the response has {length:,} bytes, Lambda returns {MAX_PAYLOAD_BYTES:,}"
            )
        return result

    def do_deferred(self) -> None:
        """Do the work of earlier events, once the event in progress is answered."""
        with self._lock:
            self.deferred.do()


def _through_json(value: Any) -> tuple[Any, int]:
    """The value as it comes out of JSON, and the length of that. Raises what json does.

    A body in base64 is not written: JSON escapes nothing in it, which takes 5 ms a megabyte to see.
    """
    body = value.get("body") if isinstance(value, dict) and value.get("isBase64Encoded") else None
    if not isinstance(body, str):
        text = json.dumps(value)
        return json.loads(text), len(text)
    text = json.dumps(value | {"body": ""})
    return json.loads(text) | {"body": body}, len(text) + len(body)


def load_function(name: str = HANDLER, *, defers_work: bool = False) -> Function:
    """Import the handler by its dotted name: the INIT phase. Raises what the import raises.

    defers_work: whether the caller sends each response and then calls `do_deferred`.
    """
    module_name, _, attribute = name.rpartition(".")
    module: Any = importlib.import_module(module_name)
    function = Function(getattr(module, attribute))
    if defers_work:
        module.after_response = function.deferred
    return function


def set_default_prediction_log(folder: Path) -> None:
    """Write prediction records under `folder`, unless PREDICTION_LOG is already set."""
    os.environ.setdefault("PREDICTION_LOG", folder.resolve().as_uri())
