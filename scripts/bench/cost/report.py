"""What each memory size costs, as a table, a plot and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.bench.cost.prices import ARCHITECTURES, CHECKED, REGION
from scripts.bench.cost.sizes import (
    DELIVERIES,
    NEAR,
    TIMEOUT_MS,
    VCPU_MB,
    Assumptions,
    Measured,
    Size,
    cost_of,
    judge,
    recommend,
    vcpus,
)
from scripts.bench.load.machine import MAX_OTHERS
from scripts.bench.page import drawing, to_svg, wrap
from scripts.tool import ToolError

COLOURS = {"x86_64": "#1d3557", "arm64": "#2a7f9e"}


@dataclass(frozen=True)
class Report:
    """picture: name of the file that was measured. target: p50 and p99, ms. why: nothing held the
    function to a memory size; empty where containers did."""

    picture: str
    measured: tuple[Measured, ...]
    target: tuple[float, float]
    assumed: Assumptions
    why: str = ""

    @property
    def sizes(self) -> list[Size]:
        return judge(self.measured)

    @property
    def recommended(self) -> Size | None:
        return recommend(self.sizes, self.target, self.assumed)


def format_report(report: Report) -> str:
    """Markdown: two tables, and what is to be known of them."""
    sizes, chosen = report.sizes, report.recommended
    lines = [
        "| MB | vCPU | p50, ms | p99, ms | billed, ms | CPU, ms | INIT, ms | resident, MB | |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for size in sizes:
        lines.append(
            f"| {size.memory_mb:,} | {vcpus(size.memory_mb):.2f} | {size.p50:.0f} | {size.p99:.0f} "
            f"| {size.mean_ms:.0f} | {size.measured.cpu:.0f} | {size.init_ms:.0f} "
            f"| {size.measured.peak_mb:.0f} | {_remark(size, report, chosen)} |"
        )
    names = [f"{each}, {way}" for each in ARCHITECTURES for way in DELIVERIES]
    lines += [
        "",
        f"| $ a million, MB | {' | '.join(names)} | of it Lambda's time, x86 |",
        f"| ---: |{' ---: |' * (len(names) + 1)}",
    ]
    for size in sizes:
        costs = [
            cost_of(size, each, way, report.assumed) for each in ARCHITECTURES for way in DELIVERIES
        ]
        cells = " | ".join(f"{cost.total:.2f}" for cost in costs)
        lines.append(f"| {size.memory_mb:,} | {cells} | {costs[0].compute:.2f} |")
    return "\n".join([*lines, "", *map(wrap, _notes(report))])


def _remark(size: Size, report: Report, chosen: Size | None) -> str:
    if size.measured.fits is False:
        return "**too small**: the largest pictures end it"
    if size.is_slow:
        return f"**too slow**: the largest picture takes above {TIMEOUT_MS / 1000:g} s"
    if chosen and size.memory_mb == chosen.memory_mb:
        return "**recommended**"
    if size.p50 > report.target[0] or size.p99 > report.target[1]:
        return "slower than the target"
    if chosen and size.memory_mb > chosen.memory_mb:
        return "dearer"
    return "within the target"


def _notes(report: Report) -> Iterator[str]:
    chosen, assumed = report.recommended, report.assumed
    p50, p99 = report.target
    if chosen:
        yield (
            f"Recommended: **{chosen.memory_mb} MB**: of the sizes that keep p50 within {p50:g} ms "
            f"and p99 within {p99:g} ms and answer the largest pictures, the fastest that costs at "
            f"most {NEAR:.0%} more than the cheapest."
        )
    else:
        yield f"No size keeps p50 within {p50:g} ms and p99 within {p99:g} ms: ask for less."
    yield ""
    others = max(each.others for each in report.measured)
    if report.why:
        how = (
            f"{report.why}: one measurement without limits; times are its CPU time divided by the "
            f"vCPUs, and nothing tried whether the largest pictures fit"
        )
    elif others > MAX_OTHERS:
        how = (
            f"each size in a container with its CPU and memory, but NOT CLEAN: other processes "
            f"took {others:.1f} cores; so times are CPU time divided by the vCPUs, not by the clock"
        )
    else:
        how = "each size in a container with its CPU and memory, by the clock"
    runs = len(report.measured[0].answer)
    largest = [each.largest_ms for each in report.measured if each.largest_ms]
    yield (
        f"Measured with {report.picture}: {how}; {runs} invocations a size. The slowest of the "
        + (
            f"largest pictures takes {max(largest) / 1000:.1f} s of CPU."
            if largest
            else "largest pictures was not measured."
        )
    )
    yield (
        f"Assumed: a PUT of a record takes {assumed.put_ms:g} ms, {assumed.cold_share:.1%} of the "
        f"requests are cold starts, a request has {assumed.request_bytes:,} bytes, and arm64 takes "
        f"{assumed.arm_time:g} times as long as x86. List prices of {REGION}, {CHECKED}; one vCPU "
        f"is {VCPU_MB} MB; without storage, transfer and free tiers."
    )


def draw_report(report: Report) -> bytes:
    """Dollars against p50, a point a memory size, as SVG."""
    sizes, chosen = report.sizes, report.recommended
    with drawing() as pyplot:
        figure, axis = pyplot.subplots(figsize=(7.2, 4.6), layout="constrained")
        for architecture in ARCHITECTURES:
            factor = report.assumed.arm_time if architecture == "arm64" else 1.0
            points = [
                (size.p50 * factor, cost_of(size, architecture, "s3", report.assumed).total)
                for size in sizes
            ]
            x, y = zip(*points, strict=True)
            name = architecture if architecture == "x86_64" else "arm64, time assumed"
            axis.plot(x, y, "-", color=COLOURS[architecture], linewidth=1, label=name)
            for size, (p50, total) in zip(sizes, points, strict=True):
                axis.plot(
                    p50, total, "o", markersize=5, color=COLOURS[architecture],
                    markerfacecolor=COLOURS[architecture] if size.is_possible else "white",
                )  # fmt: skip
                if architecture == "x86_64":
                    axis.annotate(
                        f"{size.memory_mb}", (p50, total), (4, 5), textcoords="offset points"
                    )
                if chosen and size.memory_mb == chosen.memory_mb:
                    mark = "recommended" if architecture == "x86_64" else None
                    axis.plot(
                        p50, total, "o", markersize=13, markerfacecolor="none", color="#b3541e",
                        label=mark,
                    )  # fmt: skip
        axis.axvline(report.target[0], color="0.6", linestyle="--", linewidth=1)
        axis.annotate(
            "target of p50", (report.target[0], 0.02), (3, 0), textcoords="offset points",
            xycoords=("data", "axes fraction"), color="0.4",
        )  # fmt: skip
        axis.set_xlim(left=0)
        axis.set_xlabel("p50 of a warm answer, ms")
        axis.set_ylabel("$ a million pictures, an S3 object a record")
        axis.set_title("memory sizes in MB; hollow: cannot answer the largest pictures", fontsize=9)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
        return to_svg(figure)


def to_json(report: Report) -> str:
    document = asdict(report)
    document["recommended_mb"] = report.recommended and report.recommended.memory_mb
    return json.dumps(document, indent=1) + "\n"


def read_report(path: Path) -> Report:
    """What `to_json` wrote. Raises ToolError."""
    try:
        document = json.loads(path.read_text())
        measured = tuple(
            Measured(**{**each, "answer": tuple(each["answer"]), "billed": tuple(each["billed"])})
            for each in document["measured"]
        )
        if not measured:
            raise ValueError("it has no memory sizes")
        return Report(
            picture=document["picture"],
            measured=measured,
            target=tuple(document["target"]),
            assumed=Assumptions(**document["assumed"]),
            why=document["why"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{path} is no cost.json of this tool: {error}") from None
