"""What was measured at each memory size, what it costs, and which size is the one to take."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.cost.bill import BATCH, PRINTED, Cost, bill
from scripts.bench.cost.prices import ARCHITECTURES
from scripts.bench.load.figures import percentile
from scripts.bench.load.machine import MAX_OTHERS

SIZES_MB = (512, 768, 1024, 1280, 1536, 1769, 2048, 3008)
VCPU_MB = 1769  # docs.aws.amazon.com/lambda, configuration-memory: one vCPU; others in proportion
DELIVERIES = ("s3", "batch", PRINTED)
TIMEOUT_MS = 20_000  # of the function in the template
NEAR = 0.05  # dearer than the cheapest: less than what is measured differs from run to run


def vcpus(memory_mb: float) -> float:
    """vCPUs, by which Lambda bounds the CPU time of a memory size."""
    return memory_mb / VCPU_MB


@dataclass(frozen=True)
class Measured:
    """One memory size; times in ms.

    answer: of warm invocations, until the runtime has handed over the answer. billed: of the same
    ones, with the work that follows it. cpu: CPU time of one, all processes. init, init_cpu: INIT,
    with a whole vCPU. peak_mb: resident at most, with the picture that was measured. fits: whether
    the largest pictures are answered within the memory, None where that was not tried. largest_ms:
    CPU time of the slowest of them, None where they were not answered, or fit into less. others:
    cores that other processes took meanwhile. is_limited: whether a container's limits held it to
    the size; else all is of a whole CPU.
    """

    memory_mb: int
    answer: tuple[float, ...]
    billed: tuple[float, ...]
    cpu: float
    init: float
    init_cpu: float
    peak_mb: float
    fits: bool | None
    largest_ms: float | None = None
    others: float = 0.0
    is_limited: bool = True


@dataclass(frozen=True)
class Assumptions:
    """What cannot be measured here. arm_time: times as long as on x86. put_ms: of a PUT to S3,
    which is waited for after the response. cold_share: of requests that are cold starts."""

    arm_time: float = 1.0
    put_ms: float = 25.0
    cold_share: float = 0.01
    request_bytes: int = 150_000


@dataclass(frozen=True)
class Size:
    """A memory size as it is told. p50, p99: ms until the answer, of x86; mean_ms: billed, without
    INIT and PUT; init_ms. by_clock: whether they are measured, or CPU time by the vCPUs. is_slow:
    whether the largest picture takes longer than the function may."""

    measured: Measured
    p50: float
    p99: float
    mean_ms: float
    init_ms: float
    by_clock: bool
    is_slow: bool

    @property
    def memory_mb(self) -> int:
        return self.measured.memory_mb

    @property
    def is_possible(self) -> bool:
        """Whether the largest picture is answered; one that was not tried counts as such."""
        return self.measured.fits is not False and not self.is_slow


def judge(measured: Sequence[Measured]) -> list[Size]:
    """Ascending by memory. Where the machine had other work, or nothing held the function to a
    size, times are CPU time divided by the vCPUs, of which one thread uses one at most."""
    is_clean = all(each.others <= MAX_OTHERS for each in measured)
    shape = [ms / statistics.fmean(each.billed) for each in measured for ms in each.answer]
    largest_ms = max((each.largest_ms or 0.0 for each in measured), default=0.0)
    sizes = []
    for each in sorted(measured, key=lambda each: each.memory_mb):
        by_clock = is_clean and each.is_limited
        stretch = max(1.0, 1 / vcpus(each.memory_mb))
        if by_clock:
            p50, p99 = percentile(each.answer, 0.5), percentile(each.answer, 0.99)
            mean_ms, init_ms = statistics.fmean(each.billed), each.init
        else:
            # others only add to CPU time, so the least is nearest; as many threads, as much of it
            alike = [other for other in measured if _threads(other) == _threads(each)]
            mean_ms = stretch * min(other.cpu for other in alike)
            init_ms = min(other.init_cpu for other in measured)
            p50, p99 = (mean_ms * percentile(shape, share) for share in (0.5, 0.99))
        is_slow = largest_ms * stretch > TIMEOUT_MS
        sizes.append(Size(each, p50, p99, mean_ms, init_ms, by_clock, is_slow))
    return sizes


def _threads(measured: Measured) -> int:
    """That the function gives ONNX Runtime: handler.settings has the rule."""
    return max(1, round(vcpus(measured.memory_mb)))


def cost_of(size: Size, architecture: str, delivery: str, assumed: Assumptions) -> Cost:
    """Dollars for a million pictures."""
    waited = {"s3": assumed.put_ms, "batch": assumed.put_ms / BATCH}.get(delivery, 0.0)
    factor = assumed.arm_time if architecture == "arm64" else 1.0
    billed_ms = factor * (size.mean_ms + assumed.cold_share * size.init_ms) + waited
    return bill(billed_ms, assumed.request_bytes, size.memory_mb, architecture, delivery)


def recommend(
    sizes: Sequence[Size], target: tuple[float, float], assumed: Assumptions
) -> Size | None:
    """Of those that answer the largest pictures and keep p50 and p99 within the target, ms: the
    fastest that costs hardly more than the cheapest, on x86 with an object a record. None where
    there is none. Below one vCPU a size costs about as much as any other: half the CPU takes twice
    as long."""
    p50, p99 = target
    within = {
        each: cost_of(each, ARCHITECTURES[0], DELIVERIES[0], assumed).total
        for each in sizes
        if each.is_possible and each.p50 <= p50 and each.p99 <= p99
    }
    cheapest = min(within.values(), default=0.0)
    near = [each for each, total in within.items() if total <= cheapest * (1 + NEAR)]
    return min(near, key=lambda each: (each.p50, each.memory_mb), default=None)
