"""Does an invocation's work after its response is sent, before Lambda freezes the environment.

This is an internal extension: a thread of the function that registers with the Lambda Extensions
API during INIT. Lambda keeps the environment running, and sends it no other request, until the
thread asks for its next event. The response is sent when the runtime client of this process asks
for its next event in turn, which a wrapper around that method tells. Where there is no such client,
the invocation's context tells it: the client holds it in the frame that posts the response, so it
is collected just after the post, and the callback of a weak reference to it is called.

Once it has registered, Lambda waits for the thread in every invocation, to its timeout. So a thread
that cannot go on, whatever it met, takes the environment with it, once no response is pending:
Lambda makes a new one. Work is done before the response only where nothing was registered, and in
the invocation that meets the loss.

With SnapStart the thread's first question is in the snapshot, and so is the connection on which it
waits. Lambda answers it there after a restore. Where that connection turns out to have ended, the
thread asks again; where Lambda refuses a second question while it believes that the first one
waits, the thread serves the first invocation without having heard of it, and asks then.

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

from handler.extensions_api import NAME, RefusedError, exit_with_error, next_event, register

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
        self._end_process: Callable[[], None] | None = None  # None where nothing is registered
        self._client = _RuntimeClient()
        self._deadlines = _Deadlines()
        self._lock = threading.Lock()
        self._abandoned = ""  # the last request that the listener does not wait for any more
        self._answered = ""  # the last request whose response has left

    @classmethod
    def start(
        cls,
        runtime_api: str | None,
        *,
        before_exit: Callable[[], None] = lambda: None,
        is_snap_start: bool = False,
    ) -> AfterResponse:
        """Register with the Extensions API at `runtime_api` (host:port), None outside Lambda.

        Call it during INIT. Where registration is refused, work is done before the handler returns.
        Where the API or the thread is lost later, the process ends after the next response;
        before_exit: called then, work may be in progress. is_snap_start: whether a snapshot is
        taken of this environment. Raises OSError where Lambda may wait for
        an extension that cannot answer: such an INIT must fail.
        """
        self = cls()
        if runtime_api is None:
            return self
        try:
            identifier = register(runtime_api)
        except RefusedError as error:  # slower responses, but no lost record
            _log(f"no work after the response, it is done before: {error}")
            return self
        except Exception as error:
            raise OSError(
                "the Extensions API has perhaps registered this extension, which then is waited "
                f"for, and did not say so: {type(error).__name__}: {error}"
            ) from None

        def end_process() -> None:
            try:
                before_exit()
            finally:
                exit_with_error(runtime_api, identifier)

        self._listening, self._end_process = True, end_process
        self._client.watch(self._on_sent)
        threading.Thread(
            target=self._listen,
            args=(runtime_api, identifier, is_snap_start),
            name=NAME,
            daemon=True,
        ).start()
        return self

    def _on_sent(self, request_id: str) -> None:
        """The response of a request has left, and the main thread does nothing more for it."""
        self._events.put(_Sent(request_id))
        self._on_answered(request_id)

    def _on_answered(self, request_id: str) -> None:
        self._answered = request_id
        # The listener, as it ends, sets the one and then looks at the other: one of both sees it.
        if self._end_process and not self._listening:
            self._end_process()

    def finish(self, context: Any, work: Work | None) -> None:
        """Hand over an invocation's work, None for none. The last call of each invocation.

        context: the object that the runtime passed to the handler; nobody else should keep it.
        """
        if not self._listening:
            _do(work, _remaining_s(context))
            if self._end_process and not self._client.is_watched:
                _when_freed(context, self._on_answered, context.aws_request_id)
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
            _when_freed(context, self._on_answered, request_id)
        else:
            _when_freed(context, self._on_sent, request_id)
        if not self._listening:  # lost meanwhile: whoever takes an entry does its work
            self._drain(_remaining_s(context))

    def _listen(self, runtime_api: str, identifier: str, is_snap_start: bool) -> None:
        """Serve one invocation after another; what cannot be served ends the process."""
        served, is_serving = "", False
        try:
            while True:
                if is_snap_start and not served:
                    event = _first_event(runtime_api, identifier)
                else:
                    event = next_event(runtime_api, identifier)
                if event is None:
                    served = self._serve(None, None)  # asking then is that invocation's end
                    continue
                served, is_serving = event["requestId"], True
                left_s = self._deadlines.left_s(event["deadlineMs"] / 1000 - time.time())
                self._serve(served, left_s)
                is_serving = False
        except BaseException as error:  # SystemExit ends a thread without a word
            self._listening = False
            try:
                reason = f"{type(error).__name__}: {error}"
                _log(f"the extension is lost, and the process will end: {reason}")
                self._drain(RESPONSE_SENT_TIMEOUT_S)
            finally:
                # Does Lambda wait for this thread, and for nothing else? It does for the question
                # that was due, or for the end of an invocation that the thread has not heard of.
                is_due = is_serving or isinstance(error, RefusedError)
                is_alone = self._answered == served if is_due else self._answered != served
                if self._end_process and is_alone:  # else the next response ends the process
                    self._end_process()

    def _drain(self, remaining_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, _Finished):
                    _do(event.work, remaining_s)

    def _serve(self, request_id: str | None, left_s: float | None) -> str:
        """Wait for the end of one invocation; do its work, and what an earlier one left behind.

        request_id: None for the first one that ends. left_s: until the invocation's deadline, None
        where it is unknown. Returns the id of the request that ended last.
        """
        deadline = None if left_s is None else time.monotonic() + left_s
        works: list[Work] = []
        ended = request_id or ""
        while True:
            try:
                event = self._events.get(timeout=self._patience_s(deadline, bool(works)))
            except queue.Empty:
                if works or self._abandon(ended):
                    break
                continue
            if isinstance(event, _Finished):
                if event.work is not None:
                    works.append(event.work)
                ended = request_id or event.request_id
            elif event.request_id and request_id in (None, event.request_id):
                ended = event.request_id
                break
        for work in works:
            left_s = UNKNOWN_LEFT_S if deadline is None else deadline - time.monotonic()
            try:
                _do(work, left_s)
            except BaseException:  # a library's SystemExit would end the thread
                _log(traceback.format_exc())
        return ended

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


def _first_event(runtime_api: str, identifier: str) -> dict[str, Any] | None:
    """The first event of an environment with SnapStart; None where it was not told to this thread,
    though Lambda believes so. Raises what next_event raises."""
    try:
        return next_event(runtime_api, identifier)
    except ConnectionError as error:
        _log(f"the extension asks again, its connection has not outlived the snapshot: {error}")
    try:
        return next_event(runtime_api, identifier)
    except RefusedError:
        return None


class _RuntimeClient:
    """AWS's runtime client in this process, if there is one: tells when it asks for an event."""

    def __init__(self) -> None:
        self.is_watched = False  # True once it has asked

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
            self.is_watched = True
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


def _when_freed(context: Any, tell: Callable[[str], None], request_id: str) -> None:
    """Call `tell` once nothing holds the context any more."""
    weakref.finalize(context, tell, request_id).atexit = False


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
