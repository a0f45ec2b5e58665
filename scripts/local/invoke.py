"""An event in, the handler's result out, called as the runtime does: by name, one at a time."""

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
MAX_PAYLOAD_BYTES = 6_291_556  # Lambda's, each way
TIMEOUT_S = 30.0


class EventTooLargeError(Exception):
    """A request of more bytes than Lambda takes."""


class AnswerTooLargeError(Exception):
    """An answer of more bytes than Lambda carries."""


@dataclass(frozen=True)
class Context:
    """What the runtime tells a handler of its invocation."""

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
    """A handler that takes one event at a time, as an execution environment does."""

    handler: Callable[[dict[str, Any], Any], Any]
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: dict[str, Any], context: Context | None = None) -> Any:
        """Invoke. Raises EventTooLargeError, AnswerTooLargeError, and what the handler raises."""
        payload = json.dumps(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise EventTooLargeError(
                f"the event has {len(payload):,} bytes, Lambda takes {MAX_PAYLOAD_BYTES:,}"
            )
        with self._busy:
            result = json.dumps(self.handler(json.loads(payload), context or Context()))
        if len(result) > MAX_PAYLOAD_BYTES:
            raise AnswerTooLargeError(
                f"the answer has {len(result):,} bytes, Lambda carries {MAX_PAYLOAD_BYTES:,}"
            )
        return json.loads(result)


def load(name: str = HANDLER) -> Function:
    """Find the handler by its dotted name; this is the INIT phase. Raises what INIT raises."""
    module, _, function = name.rpartition(".")
    return Function(getattr(importlib.import_module(module), function))


def log_to_folder(folder: Path) -> None:
    """Let predictions be recorded under a folder, unless the caller's environment says where."""
    os.environ.setdefault("PREDICTION_LOG", folder.resolve().as_uri())
