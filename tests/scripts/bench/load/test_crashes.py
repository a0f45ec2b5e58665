"""What is said of a burst of crashes: who failed, and when it was as before."""

from __future__ import annotations

import pytest

from scripts.bench.load.crashes import summarize_crash
from scripts.bench.load.gateway import DIED, DIED_ANSWERED
from scripts.bench.load.generator import Answer

KILLED_AT = 10.0


def answers(slow_until: float) -> list[Answer]:
    """Ten a second for 30 s: 50 ms each, 400 ms after the kill for a while."""
    made = []
    for number in range(300):
        arrival = number / 10
        slow = KILLED_AT <= arrival < slow_until
        made.append(Answer("raw", arrival, 0.0, arrival + (0.4 if slow else 0.05), 200, True))
    return made


def fail(answer: Answer, status: int, outcome: str) -> Answer:
    return Answer(answer.kind, answer.arrival, 0.0, answer.end, status, False, outcome=outcome)


def test_recovery_is_from_the_kill_until_latency_is_as_before() -> None:
    crash = summarize_crash(answers(13.0), 10, 30, KILLED_AT, 2)
    assert (crash.before_p50, crash.before_p90) == (pytest.approx(50), pytest.approx(50))
    # By steps of 0.25 s: from 12.75 on, the window's two slow ones are no more than 10 % of it.
    assert crash.recovery_s == 2.75
    assert crash.worst == pytest.approx(400)
    assert summarize_crash(answers(10.0), 10, 30, KILLED_AT, 2).recovery_s == 0
    assert summarize_crash(answers(30.0), 10, 30, KILLED_AT, 2).recovery_s is None


def test_failures_are_told_apart_and_delay_recovery() -> None:
    made = answers(10.0)
    made[99] = fail(made[99], 500, DIED)  # came at 9.9 and was in work at 10
    made[99] = Answer("raw", 9.96, 0.0, 10.001, 500, False, outcome=DIED)
    made[101] = fail(made[101], 500, DIED_ANSWERED)
    made[102] = fail(made[102], 429, "throttled")
    made[110] = fail(made[110], 500, "not started")
    made[50] = fail(made[50], 429, "throttled")
    crash = summarize_crash(made, 10, 30, KILLED_AT, 2)
    assert (crash.in_flight, crash.after_answer, crash.throttled, crash.others) == (1, 1, 1, 1)
    assert crash.failed_before == 1
    assert crash.recovery_s == 1.25  # the failure at 11.0 is in no window from 11.25 on


def test_nothing_before_means_no_recovery() -> None:
    crash = summarize_crash([], 10, 30, KILLED_AT, 0)
    assert crash.recovery_s is None and crash.requests == 0
