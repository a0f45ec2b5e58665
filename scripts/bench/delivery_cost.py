"""Reckon what the delivery of a million prediction records costs, by each way there.

    scripts/run delivery_cost --json-bytes 10000 --gzip-bytes 2500 --batch 100

The prices are those of scripts.bench.cost.prices. What Lambda bills for the time of a write, and
the storage, are not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scripts.bench.cost.bill import (
    BATCH,
    RECORD_GZIP_BYTES,
    RECORD_JSON_BYTES,
    DeliveryCost,
    delivery_costs,
)


def format_costs(costs: Sequence[DeliveryCost]) -> str:
    lines = [f"{'$ per million':<20}{'write':>8}{'read':>8}{'total':>8}"]
    lines += [f"{c.delivery:<20}{c.write:>8.2f}{c.read:>8.2f}{c.total:>8.2f}" for c in costs]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run delivery_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, default, what in (
        ("--json-bytes", RECORD_JSON_BYTES, "of a record"),
        ("--gzip-bytes", RECORD_GZIP_BYTES, "of a record"),
        ("--batch", BATCH, "records an object"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"{what} (%(default)s)")
    arguments = parser.parse_args(argv)
    if min(vars(arguments).values()) < 1:
        parser.error("expected numbers of at least 1")
    print(format_costs(delivery_costs(**vars(arguments))))


if __name__ == "__main__":
    main()
