"""What functions print: into files, into CloudWatch Logs, and as metrics where it is EMF."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.functions import Functions
from scripts.rehearsal.metrics import Metrics

FLUSH_S = 0.3


class FunctionLogs:
    """folder: has a file for each version, all its lines. Log groups get them within a second."""

    def __init__(self, folder: Path, metrics: Metrics, logs: Callable[[], Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._metrics = metrics
        self._logs = logs
        self._functions: Functions | None = None
        self._lines: queue.SimpleQueue[tuple[str, str, str, int]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        self._known: set[tuple[str, str]] = set()

    def start(self, functions: Functions) -> None:
        self._functions = functions
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5)

    def take(self, function: str, version: str, line: str) -> None:
        """A line of a version's environment."""
        self._metrics.logged(line)
        name = f"{function}-{version.replace('$', '')}.log"
        with (self.folder / name).open("a") as file:
            file.write(line + "\n")
        self._lines.put((function, version, line, int(time.time() * 1000)))

    def _deliver(self) -> None:
        while not self._stopped.wait(FLUSH_S):
            streams: dict[tuple[str, str], list[dict[str, Any]]] = {}
            while not self._lines.empty():
                function, version, line, at = self._lines.get()
                if line:
                    stream = (self._group(function), f"{time.strftime('%Y/%m/%d')}/[{version}]")
                    streams.setdefault(stream, []).append({"timestamp": at, "message": line})
            for (group, name), events in streams.items():
                with suppress(ClientError, BotoCoreError):  # a group that is gone takes no lines
                    self._put(group, name, events)

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        logs = self._logs()
        if (group, stream) not in self._known:
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self._known.add((group, stream))
        try:
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        except logs.exceptions.ResourceNotFoundException:
            self._known.discard((group, stream))
            raise

    def _group(self, function: str) -> str:
        default = f"/aws/lambda/{function}"
        if self._functions is None:
            return default
        try:
            latest = self._functions.find(function).versions["$LATEST"]
        except AwsError:
            return default
        return str((latest.configuration.get("LoggingConfig") or {}).get("LogGroup", default))
