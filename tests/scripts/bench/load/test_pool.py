"""The pool hands environments out as Lambda does, with a fake program for each environment."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.bench.load.environment import Environment, EnvironmentDiedError
from scripts.bench.load.pool import MAX_STARTS_IN_VAIN, Pool, ThrottledError
from scripts.tool import ToolError
from tests.scripts.bench.load.pools import fake_pool, payload


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_free_environment_is_used_again_and_a_new_one_is_a_cold_start(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 2) as pool:
        first, second = pool.invoke(payload()), pool.invoke(payload())
        assert (first.init_ms, second.init_ms) == (12.5, None)
        assert first.id != second.id and len(first.id) == 36
        assert len(pool.pids()) == pool.counts.started == 1
        assert (pool.counts.invocations, pool.counts.init_ms) == (2, [12.5])
        [pid] = pool.pids()
    assert not is_alive(pid)


def test_at_the_limit_a_request_is_throttled(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 2, FAKE_SECONDS="1") as pool, ThreadPoolExecutor(3) as threads:
        tries = [threads.submit(pool.invoke, payload()) for _ in range(3)]
        errors = [each.exception() for each in tries]
        assert sum(isinstance(error, ThrottledError) for error in errors) == 1
        assert sum(error is None for error in errors) == 2
        assert (pool.counts.started, pool.counts.throttled) == (2, 1)


def test_or_it_waits_for_its_turn(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1, wait_s=30, FAKE_SECONDS="0.1") as pool:
        with ThreadPoolExecutor(4) as threads:
            done = list(threads.map(pool.invoke, [payload()] * 4))
        ends = sorted((each.started, each.freed) for each in done)
        # one after the other, though they came at once
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))
        assert (pool.counts.started, pool.counts.throttled) == (1, 0)
        pool.wait_s = 0.05
        with ThreadPoolExecutor(2) as threads:
            tries = [threads.submit(pool.invoke, payload()) for _ in range(2)]
            assert sum(isinstance(each.exception(), ThrottledError) for each in tries) == 1


def test_an_environment_that_dies_with_its_request_is_replaced(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1) as pool:
        pool.invoke(payload())
        [dead] = pool.pids()
        with pytest.raises(EnvironmentDiedError) as before:
            pool.invoke(payload("die"))
        assert not before.value.is_answered and len(before.value.id) == 36
        assert pool.invoke(payload()).init_ms == 12.5  # a cold start
        with pytest.raises(EnvironmentDiedError) as after:
            pool.invoke(payload("die late"))
        assert after.value.is_answered
        pool.invoke(payload())
        assert dead not in pool.pids() and not is_alive(dead)
        assert (pool.counts.started, pool.counts.died) == (3, 2)


def test_one_that_dies_idle_costs_no_request(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 2) as pool:
        pool.invoke(payload())
        assert pool.kill(2) == 1
        assert pool.invoke(payload()).init_ms == 12.5
        assert (pool.counts.started, pool.counts.died) == (2, 1)


def test_who_waits_is_served_by_the_replacement(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1, wait_s=30, FAKE_SECONDS="0.3") as pool:
        with ThreadPoolExecutor(2) as threads:
            tries = [threads.submit(pool.invoke, payload("die")) for _ in range(2)]
            assert all(isinstance(each.exception(), EnvironmentDiedError) for each in tries)
        assert pool.counts.died == 2


def test_what_is_held_back_is_between_answered_and_freed(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1, FAKE_SECONDS="0.1", FAKE_HOLD_S="0.3") as pool:
        invoked = pool.invoke(payload())
    assert invoked.answered - invoked.started >= 0.1
    assert invoked.freed - invoked.answered >= 0.2  # the line took its time to be read


def test_a_program_that_does_not_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    def start(number: int) -> Environment:
        says = [sys.executable, "-c", "raise SystemExit('no such model')"]
        return Environment(lambda *_: says, {}, tmp_path / f"{number}.log")

    pool = Pool(start, 1)
    for _ in range(MAX_STARTS_IN_VAIN):
        assert pool.broken is None
        with pytest.raises(ToolError, match="does not start; it said: no such model"):
            pool.invoke(payload())
    assert pool.broken and pool.pids() == []
    pool.end()


def test_an_end_ends_busy_environments_and_who_waits(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1, wait_s=60, FAKE_SECONDS="60") as pool:
        with ThreadPoolExecutor(2) as threads:
            tries = [threads.submit(pool.invoke, payload()) for _ in range(2)]
            taken = threading.Event()
            while not (pool.counts.started and pool.pids()):
                taken.wait(0.02)
            [pid] = pool.pids()
            taken.wait(0.2)
            pool.end()
            assert {type(each.exception()) for each in tries} <= {
                EnvironmentDiedError,
                ThrottledError,
            }
        assert not is_alive(pid)
        with pytest.raises(ThrottledError):
            pool.invoke(payload())


def test_a_kill_is_sigkill(tmp_path: Path) -> None:
    environment = None

    def start(number: int) -> Environment:
        nonlocal environment
        from tests.scripts.bench.load.pools import command

        environment = Environment(command, {"PATH": os.environ["PATH"]}, tmp_path / "log")
        return environment

    pool = Pool(start, 1)
    pool.invoke(payload())
    pool.kill(1)
    assert environment is not None
    environment.end()
    assert environment._process.returncode == -signal.SIGKILL
    pool.end()
