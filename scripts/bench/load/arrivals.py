"""When requests come: times that are fixed before the first one is sent.

A client that waits for each answer sends least where the server is slowest, and so leaves out the
latencies that its users would see: coordinated omission, as Gil Tene calls it ("How NOT to Measure
Latency"). An open loop sends by the clock, whatever became of the requests before.
"""

from __future__ import annotations

import random

FORMS = ("poisson", "constant")


def arrival_times(form: str, rate: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the start, ascending, below `seconds`.

    form: `poisson` for many clients that know nothing of each other, whose gaps are exponential;
    `constant` for equal gaps. rate: requests a second on average. seed: of the gaps; `constant` has
    no chance in it.
    """
    if form == "constant":
        return [number / rate for number in range(int(rate * seconds))]
    chance = random.Random(seed)
    times: list[float] = []
    now = chance.expovariate(rate)
    while now < seconds:
        times.append(now)
        now += chance.expovariate(rate)
    return times
