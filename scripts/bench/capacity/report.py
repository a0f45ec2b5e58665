"""What simulated runs say, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scripts.bench.capacity.figures import Figures
from scripts.bench.capacity.function import Durations, Scenario
from scripts.bench.page import wrap

HEADING = (
    "| load and rules | requests | highest rate | p50, ms | p99, ms | worst, ms | cold starts "
    "| throttled | busy, mean | busy, most | environments | $ a million |"
)


def format_runs(runs: Sequence[tuple[Scenario, Figures]]) -> str:
    """A table in Markdown, and the durations behind it."""
    lines = [HEADING, "| --- |" + " ---: |" * (HEADING.count("|") - 2)]
    for scenario, figures in runs:
        lines.append(
            f"| {scenario.name} | {figures.requests:,} | {figures.top_rate:,.0f}/s "
            f"| {_ms(figures.p50)} | {_ms(figures.p99)} | {_ms(figures.worst)} "
            f"| {_share(figures.cold)} | {_share(figures.failed)} "
            f"| {figures.concurrency:,.1f} | {figures.peak:,} "
            f"| {figures.started + scenario.rules.provisioned:,} "
            f"| {figures.dollars_a_million:.2f} |"
        )
    function = runs[0][0].function
    lines += [
        "",
        wrap(
            f"Milliseconds, p50 and p99: answer {_pair(function.answer)}; after it "
            f"{_pair(function.after)}; INIT {_pair(function.init)}; before INIT, assumed, "
            f"{_pair(function.placing)}. {function.memory_mb} MB, {function.architecture}."
        ),
    ]
    return "\n".join(lines)


def format_figures(figures: Figures, scenario: Scenario) -> str:
    """One run in full, for a terminal."""
    by_concurrency, by_scaling, by_rate = figures.tries_throttled
    dollars = figures.dollars
    parts = {
        "Lambda's time": dollars.compute,
        "provisioned": dollars.ready,
        "SnapStart": dollars.snapshots,
        "requests": dollars.requests,
        "HTTP API": dollars.api,
        "records": dollars.records,
        "logs": dollars.logs,
    }
    bill = ", ".join(f"{name} {value:.2f}" for name, value in parts.items() if value)
    return "\n".join(
        [
            format_runs([(scenario, figures)]),
            "",
            f"tries that were throttled: {by_concurrency:,} by the concurrency limit of "
            f"{scenario.rules.limit:,}, {by_scaling:,} by the scaling rate, {by_rate:,} by the "
            f"quota of requests",
            f"$ {dollars.total:.2f} for {figures.seconds:,.0f} s: {bill}",
        ]
    )


def to_json(runs: Sequence[tuple[Scenario, Figures]]) -> str:
    document = [
        {"scenario": asdict(scenario), "figures": _plain(asdict(figures))}
        for scenario, figures in runs
    ]
    return json.dumps(document, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _ms(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def _share(value: float) -> str:
    return "0" if value == 0 else "<0.01 %" if value < 1e-4 else f"{value:.2%}".replace("%", " %")


def _pair(durations: Durations) -> str:
    return f"{durations.p50:.0f}, {durations.p99:.0f}"
