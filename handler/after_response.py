"""Work of an invocation in; done after its response has left, before Lambda freezes all.

This is an internal extension: a thread of the function that registers with the Lambda Extensions
API during INIT. Lambda keeps the environment running, and sends it no other request, until the
thread asks for its next event. When the response has left: the runtime client holds the
invocation's context in the frame that posts the response, so the context dies, and a weak
reference's callback is called, just after the post and before the runtime's next poll.
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
LEAVE_S = 1.0  # where somebody keeps the context, work begins this long after the handler's end

Work = Callable[[float], None]  # is given the seconds left in the invocation


@dataclass(frozen=True)
class _Ended:
    """An invocation whose handler has returned or raised."""

    request_id: str
    work: Work | None
    # Gets an entry when the response has. A queue: a collector may call its put anywhere.
    # anywhere.
    left: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)


class AfterResponse:
    """Does each invocation's work after its response; without Lambda, before returning."""

    def __init__(self) -> None:
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._listening = False

    @classmethod
    def start(cls, runtime_api: str | None) -> AfterResponse:
        """Register with the Extensions API at `runtime_api` (host:port), None outside Lambda.

        To be called during INIT. Where it fails the function does its work before it returns.
        """
        self = cls()
        if runtime_api is None:
            return self
        try:
            identifier = _register(runtime_api)
        except Exception as error:  # of no concern to a client: slower answers, no lost record
            _log(f"no work after the response, it is done before: {type(error).__name__}: {error}")
            return self
        self._listening = True
        threading.Thread(
            target=self._listen, args=(runtime_api, identifier), name=NAME, daemon=True
        ).start()
        return self

    def finish(self, context: Any, work: Work | None) -> None:
        """Hand over an invocation's work, None for none. To be called once in each, and last.

        context: the very object that the runtime passed to the handler; nobody else may keep it.
        """
        if not self._listening:
            _do(work, _remaining_s(context))
            return
        ended = _Ended(context.aws_request_id, work)
        if work is not None:
            weakref.finalize(context, ended.left.put, None)
        self._ended.put(ended)
        if not self._listening:  # lost in between: whoever takes an entry does its work
            self._drain(_remaining_s(context))

    def _listen(self, runtime_api: str, identifier: str) -> None:
        try:
            while True:
                event = _next(runtime_api, identifier)
                self._serve(event["requestId"], event["deadlineMs"] / 1000)
        except Exception as error:
            self._listening = False
            _log(f"the Extensions API is lost, work is done before the response: {error}")
            self._drain(LEAVE_S)

    def _drain(self, remaining_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _do(self._ended.get_nowait().work, remaining_s)

    def _serve(self, request_id: str, deadline: float) -> None:
        """Wait for the end of one invocation; do its work, and any left behind by one before it."""
        while (remaining := deadline - time.time()) > 0:
            try:
                ended = self._ended.get(timeout=remaining)
            except queue.Empty:
                return  # the invocation has timed out, and the environment ends with it
            if ended.work is not None:
                with contextlib.suppress(queue.Empty):
                    ended.left.get(timeout=LEAVE_S)
                _do(ended.work, deadline - time.time())
            if ended.request_id == request_id:
                return


def _remaining_s(context: Any) -> float:
    """What is left of the invocation; without end outside Lambda, where contexts need not tell."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return tell() / 1000 if tell else math.inf


def _do(work: Work | None, remaining_s: float) -> None:
    if work is None:
        return
    try:
        work(remaining_s)
    except Exception:  # the answer is made: a bug here must neither change it nor end the thread
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
    """Wait for the next invocation; on a new connection, as one kept over a freeze may be dead."""
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
