"""The environments, handed out as Lambda does.

A request gets a free environment, the one that was used last; without a free one a new environment
is started for it, up to the limit, and beyond that the request is throttled. Lambda has no queue;
`wait_s` makes one, to see what a server with a queue does. An environment that died is replaced
when the next request needs one.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from scripts.bench.load.environment import Invoked
from scripts.tool import ToolError

MAX_STARTS_IN_VAIN = 3  # one after the other


class ThrottledError(Exception):
    """All environments are busy, and there may be no more of them."""


class RunningEnvironment(Protocol):
    """What the pool needs of an environment."""

    pid: int

    def is_alive(self) -> bool: ...

    def invoke(self, payload: bytes) -> Invoked: ...

    def kill(self) -> None: ...

    def end(self) -> None: ...


@dataclass
class PoolCounts:
    """What the pool did so far. busy_s: of all environments together, INIT included; init_ms: of
    each cold start."""

    invocations: int = 0
    started: int = 0
    died: int = 0
    throttled: int = 0
    busy_s: float = 0.0
    init_ms: list[float] = field(default_factory=list)


class Pool:
    """Up to `limit` environments. Every method may be called by several threads at once."""

    def __init__(
        self, start: Callable[[int], RunningEnvironment], limit: int, wait_s: float = 0.0
    ) -> None:
        """start: makes the environment of a number. wait_s: how long a request may wait for an
        environment at the limit."""
        self.counts = PoolCounts()
        self.broken: ToolError | None = None  # why no environment can be started any more
        self._start, self._limit, self.wait_s = start, limit, wait_s
        self._lock = threading.Lock()
        self._free: list[RunningEnvironment] = []
        self._all: list[RunningEnvironment] = []
        self._starting = 0
        self._waiting: deque[Future[RunningEnvironment | None]] = deque()
        self._in_vain = 0
        self._is_closed = False

    def invoke(self, payload: bytes) -> Invoked:
        """Raises ThrottledError, EnvironmentDiedError, and ToolError where no environment
        starts."""
        environment = self._take()
        try:
            invoked = environment.invoke(payload)
        finally:
            self._give_back(environment)
        with self._lock:
            self.counts.invocations += 1
            self.counts.busy_s += invoked.freed - invoked.started
            if invoked.init_ms is not None:
                self.counts.init_ms.append(invoked.init_ms)
        return invoked

    def pids(self) -> list[int]:
        """Of the environments that are alive, the oldest first."""
        with self._lock:
            return [each.pid for each in self._all if each.is_alive()]

    def kill(self, count: int) -> int:
        """Kill that many environments, the oldest first, busy or not. Returns how many."""
        with self._lock:
            victims = [each for each in self._all if each.is_alive()][:count]
        for victim in victims:
            victim.kill()
        return len(victims)

    def end(self) -> None:
        """End all environments, and let none start any more."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = list(self._waiting), deque()
            environments = list(self._all)
        for future in waiting:
            future.set_exception(ThrottledError())
        for environment in environments:
            environment.end()

    def _take(self) -> RunningEnvironment:
        with self._lock:
            if self._is_closed:
                raise ThrottledError
            self._bury()
            if self._free:
                return self._free.pop()
            if len(self._all) + self._starting < self._limit:
                self._starting += 1
                future = None
            elif self.wait_s > 0:
                future = Future[RunningEnvironment | None]()
                self._waiting.append(future)
            else:
                self.counts.throttled += 1
                raise ThrottledError
        if future is not None and (given := self._wait_for(future)) is not None:
            return given
        return self._start_one()

    def _wait_for(self, future: Future[RunningEnvironment | None]) -> RunningEnvironment | None:
        """The environment that is handed over; None for leave to start one."""
        with contextlib.suppress(TimeoutError):
            return future.result(self.wait_s)
        with self._lock:
            if future.done():  # just now
                return future.result()
            self._waiting.remove(future)
            self.counts.throttled += 1
        raise ThrottledError

    def _start_one(self) -> RunningEnvironment:
        """Start an environment in a place that is reserved by `_starting`."""
        try:
            with self._lock:
                self.counts.started += 1
                number = self.counts.started
            environment = self._start(number)
        except (ToolError, OSError) as error:
            with self._lock:
                self._starting -= 1
                self._in_vain += 1
                if self._in_vain >= MAX_STARTS_IN_VAIN:
                    self.broken = error if isinstance(error, ToolError) else ToolError(str(error))
                self._serve_waiting()
            raise
        with self._lock:
            self._starting -= 1
            self._in_vain = 0
            self._all.append(environment)
            is_late = self._is_closed
        if is_late:
            environment.end()
        return environment

    def _give_back(self, environment: RunningEnvironment) -> None:
        with self._lock:
            self._free.append(environment)
            self._bury()
            self._serve_waiting()

    def _bury(self) -> None:
        """Clear away the free environments that died. The lock is held."""
        for environment in [each for each in self._free if not each.is_alive()]:
            self._free.remove(environment)
            self._all.remove(environment)
            self.counts.died += 1
            environment.end()

    def _serve_waiting(self) -> None:
        """Hand free environments, and leave to start new ones, to who waits. The lock is held."""
        while self._waiting and self._free:
            self._waiting.popleft().set_result(self._free.pop())
        while self._waiting and len(self._all) + self._starting < self._limit:
            self._starting += 1
            self._waiting.popleft().set_result(None)
