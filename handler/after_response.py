"""Does an invocation's work after its response is sent, before Lambda freezes the environment.

This is an internal extension: a thread of the function that registers with the Lambda Extensions
API during INIT. Lambda keeps the environment running, and sends it no other request, until the
thread asks for its next event. The runtime client holds the invocation's context in the frame that
posts the response. So the context is collected just after the post, before the runtime's next poll,
and the callback of a weak reference to it says that the response is sent.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

API = "/2020-01-01/extension"
NAME = "icebox-after-response"
REGISTER_S = 2.0
RESPONSE_SENT_TIMEOUT_S = 1.0  # work begins at last then, where somebody keeps the context

Work = Callable[[float], None]  # called with the seconds left in the invocation


@dataclass(frozen=True)
class _FinishedInvocation:
    """An invocation whose handler has returned or raised."""

    request_id: str
    work: Work | None
    # Gets an entry when the response is sent. SimpleQueue.put may run in a garbage collection.
    response_sent: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)


class AfterResponse:
    """Does each invocation's work after its response; elsewhere, before the handler returns."""

    def __init__(self) -> None:
        self._finished: queue.SimpleQueue[_FinishedInvocation] = queue.SimpleQueue()
        self._listening = False

    @classmethod
    def start(cls, runtime_api: str | None) -> AfterResponse:
        """Register with the Extensions API at `runtime_api` (host:port), None outside Lambda.

        Call it during INIT. Where registration fails, work is done before the handler returns.
        """
        self = cls()
        if runtime_api is None:
            return self
        try:
            identifier = _register(runtime_api)
        except Exception as error:  # slower responses, but no lost record
            _log(f"no work after the response, it is done before: {type(error).__name__}: {error}")
            return self
        self._listening = True
        threading.Thread(
            target=self._listen, args=(runtime_api, identifier), name=NAME, daemon=True
        ).start()
        return self

    def finish(self, context: Any, work: Work | None) -> None:
        """Hand over an invocation's work, None for none. The last call of each invocation.

        context: the object that the runtime passed to the handler; nobody else may keep it.
        """
        if not self._listening:
            _do(work, _remaining_s(context))
            return
        finished = _FinishedInvocation(context.aws_request_id, work)
        if work is not None:
            weakref.finalize(context, finished.response_sent.put, None)
        self._finished.put(finished)
        if not self._listening:  # lost meanwhile: whoever takes an entry does its work
            self._drain(_remaining_s(context))

    def _listen(self, runtime_api: str, identifier: str) -> None:
        try:
            while True:
                event = _next(runtime_api, identifier)
                self._serve(event["requestId"], event["deadlineMs"] / 1000)
        except Exception as error:
            self._listening = False
            _log(f"the Extensions API is lost, work is done before the response: {error}")
            self._drain(RESPONSE_SENT_TIMEOUT_S)

    def _drain(self, remaining_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _do(self._finished.get_nowait().work, remaining_s)

    def _serve(self, request_id: str, deadline: float) -> None:
        """Wait for the end of one invocation; do its work, and what an earlier one left behind."""
        while (remaining := deadline - time.time()) > 0:
            try:
                finished = self._finished.get(timeout=remaining)
            except queue.Empty:
                return  # the invocation timed out, and the environment ends with it
            if finished.work is not None:
                with contextlib.suppress(queue.Empty):
                    finished.response_sent.get(timeout=RESPONSE_SENT_TIMEOUT_S)
                _do(finished.work, deadline - time.time())
            if finished.request_id == request_id:
                return


def _remaining_s(context: Any) -> float:
    """What is left of the invocation; infinite outside Lambda, where a context need not say."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return tell() / 1000 if tell else math.inf


def _do(work: Work | None, remaining_s: float) -> None:
    if work is None:
        return
    try:
        work(remaining_s)
    except Exception:  # a bug here must neither change the response nor end the thread
        _log(traceback.format_exc())


def _register(runtime_api: str) -> str:
    connection = HTTPConnection(runtime_api, timeout=REGISTER_S)
    try:
        connection.request(
            "POST",
            f"{API}/register",
            json.dumps({"events": ["INVOKE"]}),
            {"Lambda-Extension-Name": NAME},
        )
        response = connection.getresponse()
        body = response.read()
        identifier = response.getheader("Lambda-Extension-Identifier")
    finally:
        connection.close()
    if response.status != 200 or not identifier:
        raise OSError(f"the Extensions API answered {response.status} {body[:200]!r}")
    return identifier


def _next(runtime_api: str, identifier: str) -> dict[str, Any]:
    """Wait for the next invocation, on a new connection: a freeze may have ended a kept one."""
    connection = HTTPConnection(runtime_api)
    try:
        connection.request(
            "GET", f"{API}/event/next", headers={"Lambda-Extension-Identifier": identifier}
        )
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"answered {response.status} {body[:200]!r}")
    event: dict[str, Any] = json.loads(body)
    return event


def _log(message: str) -> None:
    sys.stdout.write(json.dumps({"level": "ERROR", "message": message}) + "\n")
    sys.stdout.flush()
