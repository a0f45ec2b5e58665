"""Reckon what a stack costs a month, by what it is made of.

    scripts/run monthly_cost --ms 150 --record-bytes 2500

The prices are those of scripts.bench.cost.prices, without free tiers. `--ms` is what Lambda bills
for a picture, with the write of its record: take the mean of your own, which is CloudWatch's metric
Duration.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.cost import prices
from scripts.bench.cost.bill import LOG_BYTES, LOG_EVENTS, MEMORY_MB, compute_cost, log_cost
from scripts.bench.cost.prices import GB, MILLION

MONITOR_MB, MONITOR_MS, RUNS = 2048, 60_000, 30  # of the scheduled function, in a month
VOLUMES = (1_000, MILLION)


@dataclass(frozen=True)
class Usage:
    """Of one picture: ms that Lambda bills, bytes of a record in S3, of the log, of an answer. Of
    the stack: GB of images, days that records are kept, alarms and metrics."""

    ms: float = 150
    record_bytes: int = 2_500
    log_bytes: int = LOG_BYTES
    answer_bytes: int = 5_000
    image_gb: float = 0.5
    days: int = 365
    alarms: int = 12
    metrics: int = 10


@dataclass(frozen=True)
class Item:
    """One line of the bill. a_picture: dollars for each; a_month: dollars for having it at all."""

    name: str
    how: str
    a_picture: float
    a_month: float = 0.0
    is_optional: bool = False

    def cost(self, pictures: int) -> float:
        return self.a_picture * pictures + self.a_month


def items(usage: Usage) -> list[Item]:
    stored_gb = usage.record_bytes / GB * usage.days / 30.4  # once a year's records lie there
    monitor = RUNS * compute_cost(MONITOR_MS, MONITOR_MB)
    duration, put, get = prices.first_tier("x86_64"), prices.PUT, prices.GET
    return [
        Item(
            "Lambda, time",
            f"{usage.ms:g} ms × {MEMORY_MB / 1024:.2f} GB × ${duration.dollars:.2f} a million GB-s",
            compute_cost(usage.ms, MEMORY_MB),
        ),
        Item("Lambda, calls", f"{_rate(prices.REQUEST)} a million", prices.REQUEST.each),
        Item("HTTP API", f"{_rate(prices.API_REQUEST)} a million", prices.API_REQUEST.each),
        Item("S3, writes", f"one PUT a record, ${put.dollars:g} a million", put.each),
        Item(
            "S3, storage",
            f"{usage.record_bytes:,} bytes a record, {usage.days} days, "
            f"${prices.S3_STORAGE.dollars:g} a GB",
            stored_gb * prices.S3_STORAGE.each,
        ),
        Item(
            "logs",
            f"{usage.log_bytes:,} bytes in {LOG_EVENTS} lines a call, {_rate(prices.LOGS)} a GB",
            log_cost(usage.log_bytes, LOG_EVENTS),
        ),
        Item(
            "data out",
            f"{usage.answer_bytes:,} bytes an answer, {_rate(prices.DATA_OUT)} a GB",
            usage.answer_bytes / GB * prices.DATA_OUT.each,
        ),
        Item(
            "images in ECR", f"{usage.image_gb:g} GB, {_rate(prices.ECR_STORAGE)} a GB", 0,
            usage.image_gb * prices.ECR_STORAGE.each,
        ),
        Item(
            "own metrics",
            f"{usage.metrics} of them, {_rate(prices.METRIC)} each, less where hours have no call",
            0,
            usage.metrics * prices.METRIC.each,
        ),
        Item(
            "alarms",
            f"{usage.alarms} of them, {_rate(prices.ALARM)} each; a dashboard "
            f"${prices.DASHBOARD.dollars:g}",
            0,
            usage.alarms * prices.ALARM.each + prices.DASHBOARD.each,
            is_optional=True,
        ),
        Item(
            "monitor",
            f"a minute a day with 2 GB, and a GET of each record, {_rate(get)} a million",
            get.each,
            monitor,
            is_optional=True,
        ),
    ]  # fmt: skip


def format_items(bill: Sequence[Item]) -> str:
    """A table in Markdown."""
    lines = [
        "| what | how it is reckoned | " + " | ".join(f"{n:,} pictures" for n in VOLUMES) + " |",
        "| --- | --- | " + " | ".join("---:" for _ in VOLUMES) + " |",
    ]
    for item in bill:
        costs = " | ".join(_dollars(item.cost(pictures)) for pictures in VOLUMES)
        name = f"{item.name} (optional)" if item.is_optional else item.name
        lines.append(f"| {name} | {item.how} | {costs} |")
    for name, chosen in (
        ("**without what is optional**", [item for item in bill if not item.is_optional]),
        ("**all**", bill),
    ):
        sums = (sum(item.cost(pictures) for item in chosen) for pictures in VOLUMES)
        lines.append(f"| {name} | | {' | '.join(f'**{_dollars(each)}**' for each in sums)} |")
    return "\n".join(lines)


def _rate(price: prices.Price) -> str:
    return f"${price.dollars:.2f}"


def _dollars(value: float) -> str:
    return f"${value:.2f}" if value >= 0.005 else "under 1 cent" if value else "$0"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run monthly_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Usage()
    for name, kind in (
        ("ms", float), ("record-bytes", int), ("log-bytes", int), ("answer-bytes", int),
        ("image-gb", float), ("days", int), ("alarms", int), ("metrics", int),
    ):  # fmt: skip
        value = getattr(usual, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"({value:g})")
    arguments = parser.parse_args(argv)
    if min(vars(arguments).values()) < 0:
        parser.error("expected numbers of at least 0")
    print(format_items(items(Usage(**vars(arguments)))))


if __name__ == "__main__":
    main()
