"""Does an invocation's work after its response is sent, before Lambda freezes the environment.

This is an internal extension: a thread of the function that registers with the Lambda Extensions
API during INIT. Lambda keeps the environment running, and sends it no other request, until the
thread asks for its next event. The response is sent when the runtime client of this process asks
for its next event in turn, which a wrapper around that method tells. Where there is no such client,
the invocation's context tells it: the client holds it in the frame that posts the response, so it
is collected just after the post, and the callback of a weak reference to it is called.

Time is the monotonic clock's. Lambda tells a deadline by the wall clock, which is read once, when
an invocation begins, and believed only where it makes sense.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import queue
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handler.extensions_api import NAME, exit_with_error, next_event, register

RESPONSE_SENT_TIMEOUT_S = 1.0  # without the client's word, work begins at last then
WORK_BEFORE_END_S = 1.0  # work begins at last then, be the response sent or not
UNKNOWN_LEFT_S = 1.0  # of an invocation whose deadline a wrong clock hides
MAX_TIMEOUT_S = 900.0  # of any Lambda function: a deadline later than that is a wrong clock's

Work = Callable[[float], None]  # called with the seconds left in the invocation


@dataclass(frozen=True)
class _Finished:
    """The handler has returned or raised, and left this work."""

    request_id: str
    work: Work | None


@dataclass(frozen=True)
class _Sent:
    """The response of a request has left, or there is nothing to wait for."""

    request_id: str


class AfterResponse:
    """Does each invocation's work after its response; elsewhere, before the handler returns."""

    def __init__(self) -> None:
        # SimpleQueue.put may run in a garbage collection.
        self._events: queue.SimpleQueue[_Finished | _Sent] = queue.SimpleQueue()
        self._listening = False
        self._client = _RuntimeClient()
        self._deadlines = _Deadlines()
        self._lock = threading.Lock()
        self._abandoned = ""  # the last request that the listener does not wait for any more

    @classmethod
    def start(
        cls, runtime_api: str | None, *, before_exit: Callable[[], None] = lambda: None
    ) -> AfterResponse:
        """Register with the Extensions API at `runtime_api` (host:port), None outside Lambda.

        Call it during INIT. Where registration fails, work is done before the handler returns.
        Where the API is lost later, the process ends after the next response, since Lambda would
        wait for the extension in every invocation; before_exit: called then, work may be in
        progress.
        """
        self = cls()
        if runtime_api is None:
            return self
        try:
            identifier = register(runtime_api)
        except Exception as error:  # slower responses, but no lost record
            _log(f"no work after the response, it is done before: {type(error).__name__}: {error}")
            return self
        self._listening = True

        def end_process() -> None:
            before_exit()
            exit_with_error(runtime_api, identifier)

        def on_poll(request_id: str) -> None:
            self._events.put(_Sent(request_id))
            if not self._listening:
                end_process()

        self._client.watch(on_poll)
        threading.Thread(
            target=self._listen, args=(runtime_api, identifier, end_process), name=NAME, daemon=True
        ).start()
        return self

    def finish(self, context: Any, work: Work | None) -> None:
        """Hand over an invocation's work, None for none. The last call of each invocation.

        context: the object that the runtime passed to the handler; nobody else should keep it.
        """
        if not self._listening:
            _do(work, _remaining_s(context))
            return
        request_id = context.aws_request_id
        with self._lock:
            is_abandoned = request_id == self._abandoned
            if not is_abandoned:
                self._events.put(_Finished(request_id, work))
        if is_abandoned:
            _do(work, _remaining_s(context))
        elif self._client.is_watched:
            pass  # it tells; a second word would be taken for the same request's next try
        elif work is None:
            self._events.put(_Sent(request_id))
        else:
            weakref.finalize(context, self._events.put, _Sent(request_id))
        if not self._listening:  # lost meanwhile: whoever takes an entry does its work
            self._drain(_remaining_s(context))

    def _listen(self, runtime_api: str, identifier: str, end_process: Callable[[], None]) -> None:
        served = ""
        try:
            while True:
                event = next_event(runtime_api, identifier)
                left_s = self._deadlines.left_s(event["deadlineMs"] / 1000 - time.time())
                served = event["requestId"]
                self._serve(served, left_s)
        except Exception as error:
            self._listening = False
            _log(f"the Extensions API is lost, work is done before the response: {error}")
            self._drain(RESPONSE_SENT_TIMEOUT_S)
            if self._client.answered not in ("", served):  # Lambda waits for this thread already
                end_process()

    def _drain(self, remaining_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, _Finished):
                    _do(event.work, remaining_s)

    def _serve(self, request_id: str, left_s: float | None) -> None:
        """Wait for the end of one invocation; do its work, and what an earlier one left behind.

        left_s: until the invocation's deadline, None where the clock makes it unknown.
        """
        deadline = None if left_s is None else time.monotonic() + left_s
        works: list[Work] = []
        while True:
            try:
                event = self._events.get(timeout=self._patience_s(deadline, bool(works)))
            except queue.Empty:
                if works or self._abandon(request_id):
                    break
                continue
            if isinstance(event, _Finished):
                if event.work is not None:
                    works.append(event.work)
            elif event.request_id == request_id:
                break
        for work in works:
            _do(work, UNKNOWN_LEFT_S if deadline is None else deadline - time.monotonic())

    def _patience_s(self, deadline: float | None, has_work: bool) -> float | None:
        """How long to wait for the next event of an invocation, None for as long as it takes."""
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not has_work:  # at the deadline Lambda ends the process; a wrong clock must not lose it
            return None if self._client.is_watched else left_s
        if left_s is None:
            return RESPONSE_SENT_TIMEOUT_S
        left_s = max(0.0, left_s - WORK_BEFORE_END_S)
        return left_s if self._client.is_watched else min(left_s, RESPONSE_SENT_TIMEOUT_S)

    def _abandon(self, request_id: str) -> bool:
        """Note that nobody waits for a request any more; False if its work came just now."""
        with self._lock:
            if not self._events.empty():
                return False
            self._abandoned = request_id
            return True


class _RuntimeClient:
    """AWS's runtime client in this process, if there is one: tells when it asks for an event."""

    def __init__(self) -> None:
        self.is_watched = False  # True once it has asked
        self.answered = ""  # the last request whose response has left

    def watch(self, on_poll: Callable[[str], None]) -> None:
        """Call `on_poll` with the request that was answered, whenever the client asks for one."""
        module = sys.modules.get("awslambdaric.lambda_runtime_client")
        client = getattr(module, "LambdaRuntimeClient", None)
        wait_next = getattr(client, "wait_next_invocation", None)
        if not callable(wait_next):
            return
        taken = ""

        @functools.wraps(wait_next)
        def wait_next_invocation(*args: Any, **kwargs: Any) -> Any:
            nonlocal taken
            self.is_watched, self.answered = True, taken
            on_poll(taken)
            request = wait_next(*args, **kwargs)
            taken = str(getattr(request, "invoke_id", ""))
            return request

        with contextlib.suppress(AttributeError, TypeError):
            client.wait_next_invocation = wait_next_invocation  # type: ignore[union-attr]


class _Deadlines:
    """What is left of an invocation, though the clock may jump between invocations."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=10)

    def left_s(self, by_the_clock: float) -> float | None:
        """The least of the last invocations; None while the clock has made sense in none.

        A function's timeout is the same in all, so what the clock adds to it is wrong. What it
        takes off may be a late start of the thread.
        """
        if 0 < by_the_clock <= MAX_TIMEOUT_S:
            self._recent.append(by_the_clock)
        return min(self._recent, default=None)


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


def _log(message: str) -> None:
    sys.stdout.write(json.dumps({"level": "ERROR", "message": message}) + "\n")
    sys.stdout.flush()
