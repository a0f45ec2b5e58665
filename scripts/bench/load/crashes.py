"""What a burst of crashes does: requests that fail, and the time until latency is as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.load.figures import has_lagged, percentile, summarize_latency
from scripts.bench.load.gateway import DIED, DIED_ANSWERED
from scripts.bench.load.generator import Answer

SETTLE_S = 1.0  # at the beginning of a run, of no use as what was before
WINDOW_S, STEP_S = 2.0, 0.25
RECOVERED = 1.2  # times the latency before


@dataclass(frozen=True)
class Crash:
    """A burst of kills in a steady load.

    killed: environments at once. in_flight: requests that failed with their environment, before
    their answer; after_answer: whose caller Lambda would have answered already. throttled: 429s
    after the kill. others: what else failed after the kill. failed_before: whatever failed before
    it. before_p50, before_p90: ms before the kill. worst: the slowest answer after it, ms.
    recovery_s: until p50 and p90 of a window of WINDOW_S are within 20 % of those before and
    nothing in it fails; None where that did not come. lag_ms: the generator's, at p99.
    """

    killed: int
    rate: float
    requests: int
    in_flight: int
    after_answer: int
    throttled: int
    others: int
    failed_before: int
    cold: int
    before_p50: float
    before_p90: float
    worst: float
    recovery_s: float | None
    lag_ms: float

    @property
    def is_flagged(self) -> bool:
        return has_lagged(self.lag_ms, self.before_p50)


def summarize_crash(
    answers: Sequence[Answer], rate: float, seconds: float, killed_at: float, killed: int
) -> Crash:
    """killed_at: seconds from the start of the run. Answers are those of the whole run."""
    before = [each for each in answers if each.arrival >= SETTLE_S and each.end < killed_at]
    after = [each for each in answers if each.end >= killed_at]
    usual = summarize_latency([each.latency for each in before if each.is_expected])
    p50, p90 = (usual.p50, usual.p90) if usual else (0.0, 0.0)
    failures = [each for each in after if not each.is_expected]
    in_flight = sum(each.outcome == DIED for each in failures)
    after_answer = sum(each.outcome == DIED_ANSWERED for each in failures)
    throttled = sum(each.status == 429 for each in failures)
    return Crash(
        killed=killed,
        rate=rate,
        requests=len(answers),
        in_flight=in_flight,
        after_answer=after_answer,
        throttled=throttled,
        others=len(failures) - in_flight - after_answer - throttled,
        failed_before=sum(not each.is_expected for each in answers if each.end < killed_at),
        cold=sum(each.is_cold for each in after),
        before_p50=p50,
        before_p90=p90,
        worst=max((1000 * each.latency for each in after if each.is_expected), default=0.0),
        recovery_s=_recovery_s(answers, seconds, killed_at, p50, p90),
        lag_ms=percentile([1000 * each.lag for each in answers] or [0.0], 0.99),
    )


def _recovery_s(
    answers: Sequence[Answer], seconds: float, killed_at: float, p50: float, p90: float
) -> float | None:
    """Seconds from the kill to the start of the first window, by arrivals, that is as before."""
    start = killed_at
    while start + WINDOW_S <= seconds:
        window = [each for each in answers if start <= each.arrival < start + WINDOW_S]
        latency = summarize_latency([each.latency for each in window if each.is_expected])
        if (
            latency
            and all(each.is_expected for each in window)
            and latency.p50 <= RECOVERED * p50
            and latency.p90 <= RECOVERED * p90
        ):
            return start - killed_at
        start += STEP_S
    return None
