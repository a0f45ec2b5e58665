"""The durations that a run has without others: measured by scripts.bench.cost, but for one."""

from __future__ import annotations

from pathlib import Path

from scripts.bench.capacity.function import Durations
from scripts.bench.cost.report import read_report
from scripts.tool import ToolError

# ms, p50 and p99: as docs/capacity.md measured them, rounded, for a run without its file
ANSWER, AFTER, INIT = "90,130", "30,40", "500,700"
PLACING = "200,500"  # assumed: AWS tells no figure


def measured_durations(path: Path, memory_mb: int) -> tuple[Durations, Durations, Durations]:
    """Of answers, of what follows them with the PUT of a record, and of INIT. Where the clock was
    not to be trusted, answers have the log-normal distribution of what the CPU time says."""
    report = read_report(path)
    sizes = report.sizes
    [size] = [each for each in sizes if each.memory_mb == memory_mb] or [None]
    if size is None:
        known = ", ".join(str(each.memory_mb) for each in sizes)
        raise ToolError(f"{path} has no {memory_mb} MB; --memory: one of {known}")
    put_ms = report.assumed.put_ms
    # INIT has a whole vCPU at each size
    init = Durations.of_sample([each.init_ms for each in sizes])
    if size.by_clock:
        pairs = list(zip(size.measured.answer, size.measured.billed, strict=True))
        after = [max(0.0, billed - answer) + put_ms for answer, billed in pairs]
        return Durations.of_sample([pair[0] for pair in pairs]), Durations.of_sample(after), init
    answer = Durations(size.p50, size.p99)
    after_ms = max(0.0, size.mean_ms - 1000 * answer.mean_s()) + put_ms
    return answer, Durations(after_ms, after_ms), init
