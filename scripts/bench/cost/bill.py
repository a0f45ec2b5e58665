"""What Lambda, the HTTP API, records and logs take for a number of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scripts.bench.cost import prices
from scripts.bench.cost.prices import GB, MILLION

MEMORY_MB = 1769  # of the function in the template
# docs/records.md tells of these
RECORD_JSON_BYTES, RECORD_GZIP_BYTES, BATCH = 10_000, 2_500, 100
# Measured of a request: its line 283, metrics 901, Lambda's three lines 266, the API's about 250.
LOG_BYTES, LOG_EVENTS = 1_700, 6
JOURNAL_LINE_BYTES = 105  # around a record in base64
PRINTED = "logs"  # the delivery of records without a place for them: each is a line of the log


@dataclass(frozen=True)
class DeliveryCost:
    """Dollars for a million records: to write them, and to read them once for compaction."""

    delivery: str
    write: float
    read: float

    @property
    def total(self) -> float:
        return self.write + self.read


@dataclass(frozen=True)
class Cost:
    """Dollars for a million pictures, without storage and transfer. records: to write them. logs:
    of all else."""

    compute: float
    requests: float
    api: float
    records: float
    logs: float

    @property
    def total(self) -> float:
        return self.compute + self.requests + self.api + self.records + self.logs


def duration_cost(gb_seconds: float, architecture: str = "x86_64") -> float:
    """Dollars of Lambda's time in one month, by its tiers."""
    dollars, below = 0.0, 0.0
    for up_to, price in prices.DURATION_TIERS[architecture]:
        dollars += max(0.0, min(gb_seconds, up_to) - below) * price.each
        below = up_to
    return dollars


def compute_cost(ms: float, memory_mb: float, architecture: str = "x86_64") -> float:
    """Dollars of an invocation that is billed `ms`, in the first tier."""
    return ms / 1000 * memory_mb / 1024 * prices.first_tier(architecture).each


def api_cost(request_bytes: int) -> float:
    """Dollars of a request to the HTTP API."""
    return prices.API_REQUEST.each * max(1, math.ceil(request_bytes / prices.API_STEP_BYTES))


def log_cost(size: float, events: int) -> float:
    """Dollars to take in `events` lines of `size` bytes together."""
    return (size + events * prices.LOG_EVENT_BYTES) / GB * prices.LOGS.each


def delivery_costs(json_bytes: int, gzip_bytes: int, batch: int) -> list[DeliveryCost]:
    """Of all ways to deliver. json_bytes, gzip_bytes: of a record. batch: records in an object."""
    objects = math.ceil(MILLION / batch)
    journal_line = 4 * math.ceil(gzip_bytes / 3) + JOURNAL_LINE_BYTES
    # the last of a batch does not wait
    journal = (MILLION - objects) * log_cost(journal_line, 1)
    steps = math.ceil(json_bytes / prices.FIREHOSE_STEP_BYTES)
    streamed_gb = MILLION * prices.FIREHOSE_STEP_BYTES * steps / GB
    a_gb = prices.FIREHOSE_PUT.each + prices.CONVERSION.each + prices.PARTITIONING.each
    return [
        DeliveryCost("s3", MILLION * prices.PUT.each, _read(MILLION)),
        DeliveryCost("batch", objects * prices.PUT.each + journal, _read(objects)),
        DeliveryCost("batch-unjournaled", objects * prices.PUT.each, _read(objects)),
        # It writes Parquet by the hundreds of megabytes, so that nothing needs to be compacted.
        DeliveryCost("firehose", streamed_gb * a_gb, 0.0),
    ]


def delivery_cost(delivery: str) -> DeliveryCost:
    """Of records as docs/records.md has them, in full batches, or PRINTED."""
    if delivery == PRINTED:
        return DeliveryCost(PRINTED, MILLION * log_cost(RECORD_JSON_BYTES, 1), 0.0)
    costs = delivery_costs(RECORD_JSON_BYTES, RECORD_GZIP_BYTES, BATCH)
    return next(cost for cost in costs if cost.delivery == delivery)


def bill(
    billed_ms: float,
    request_bytes: int,
    memory_mb: float = MEMORY_MB,
    architecture: str = "x86_64",
    delivery: str = "s3",
) -> Cost:
    """Of a million pictures. billed_ms: of one, with what is done after the response, on
    average. request_bytes: of its body."""
    return Cost(
        compute=MILLION * compute_cost(billed_ms, memory_mb, architecture),
        requests=MILLION * prices.REQUEST.each,
        api=MILLION * api_cost(request_bytes),
        records=delivery_cost(delivery).write,
        logs=MILLION * log_cost(LOG_BYTES, LOG_EVENTS),
    )


def _read(objects: int) -> float:
    return objects * prices.GET.each + math.ceil(objects / prices.LIST_KEYS) * prices.PUT.each
