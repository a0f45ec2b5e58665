"""Call the handler as Lambda's runtime does: by its dotted name, with one JSON event at a time."""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
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


@dataclass(frozen=True)
class Function:
    """A handler that takes one event at a time, like an execution environment."""

    handler: Callable[[dict[str, Any], Any], Any]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: dict[str, Any], context: Context | None = None) -> Any:
        """Invoke the handler. Event and result pass through JSON, as in Lambda.

        Raises EventTooLargeError, ResponseTooLargeError, and what the handler raises.
        """
        payload = json.dumps(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise EventTooLargeError(
                f"the event has {len(payload):,} bytes, Lambda takes {MAX_PAYLOAD_BYTES:,}"
            )
        with self._lock:
            result = json.dumps(self.handler(json.loads(payload), context or Context()))
        if len(result) > MAX_PAYLOAD_BYTES:
            raise ResponseTooLargeError(
                f"the response has {len(result):,} bytes, Lambda returns {MAX_PAYLOAD_BYTES:,}"
            )
        return json.loads(result)


def load_function(name: str = HANDLER) -> Function:
    """Import the handler by its dotted name: the INIT phase. Raises what the import raises."""
    module, _, attribute = name.rpartition(".")
    return Function(getattr(importlib.import_module(module), attribute))


def set_default_prediction_log(folder: Path) -> None:
    """Write prediction records under `folder`, unless PREDICTION_LOG is already set."""
    os.environ.setdefault("PREDICTION_LOG", folder.resolve().as_uri())
