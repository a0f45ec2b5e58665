"""AWS's list prices of us-east-1, once, with where each was read and when.

Nothing here looks them up. Free tiers are left out: they belong to an account, not to a function.
A GB is 10^9 bytes for traffic and storage, 2^30 for Lambda's memory. `PRICES` is the table that
docs/capacity.md shows; all tools of the repository that reckon dollars take them from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MILLION, GB = 1_000_000, 1e9
CHECKED = "2026-11-29"
REGION = "us-east-1"
# How a price was read. Nobody asked AWS itself: its pages were read as stored copies.
ON_PAGE = "a worked example on AWS's page"
IN_LIST = "AWS's price list of 2026-09, as public repositories transcribe it"
BY_OTHERS = "others' pages of 2026 that quote AWS's"
UNCONFIRMED = "not confirmed"
LAMBDA = "aws.amazon.com/lambda/pricing"
API = "aws.amazon.com/api-gateway/pricing"
S3 = "aws.amazon.com/s3/pricing"
CLOUDWATCH = "aws.amazon.com/cloudwatch/pricing"
FIREHOSE = "aws.amazon.com/firehose/pricing"
ECR = "aws.amazon.com/ecr/pricing"
TRANSFER = "aws.amazon.com/ec2/pricing/on-demand"
ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True)
class Price:
    """dollars: for `per` units. page: of AWS. how: the price was read, one of the words above."""

    name: str
    dollars: float
    per: float
    unit: str
    page: str
    how: str

    @property
    def each(self) -> float:
        """Dollars for one unit."""
        return self.dollars / self.per


REQUEST = Price("Lambda, requests", 0.20, MILLION, "requests", LAMBDA, ON_PAGE)
# up to how many GB-seconds of a month each price holds, for all functions of one architecture
DURATION_TIERS = {
    "x86_64": (
        (6e9, Price("Lambda, time, x86", 16.6667, MILLION, "GB-s", LAMBDA, ON_PAGE)),
        (15e9, Price("above 6 billion GB-s", 15.00, MILLION, "GB-s", LAMBDA, IN_LIST)),
        (math.inf, Price("above 15 billion GB-s", 13.3334, MILLION, "GB-s", LAMBDA, IN_LIST)),
    ),
    "arm64": (
        (7.5e9, Price("Lambda, time, arm64", 13.3334, MILLION, "GB-s", LAMBDA, IN_LIST)),
        (18.75e9, Price("above 7.5 billion GB-s", 12.0001, MILLION, "GB-s", LAMBDA, IN_LIST)),
        (math.inf, Price("above 18.75 billion GB-s", 10.6667, MILLION, "GB-s", LAMBDA, IN_LIST)),
    ),
}
PROVISIONED = {
    "x86_64": Price("provisioned concurrency, x86", 4.1667, MILLION, "GB-s", LAMBDA, ON_PAGE),
    "arm64": Price("provisioned concurrency, arm64", 3.3334, MILLION, "GB-s", LAMBDA, IN_LIST),
}
PROVISIONED_DURATION = {
    "x86_64": Price("time in it, x86", 9.7222, MILLION, "GB-s", LAMBDA, ON_PAGE),
    "arm64": Price("time in it, arm64", 7.7778, MILLION, "GB-s", LAMBDA, IN_LIST),
}
SNAPSTART_CACHE = Price("SnapStart, cache", 1.5046, MILLION, "GB-s", LAMBDA, ON_PAGE)
SNAPSTART_RESTORE = Price("SnapStart, restores", 139.7998, MILLION, "GB", LAMBDA, ON_PAGE)
API_REQUEST = Price("HTTP API, requests", 1.00, MILLION, "requests", API, IN_LIST)
PUT = Price("S3, PUT and LIST", 5.00, MILLION, "requests", S3, IN_LIST)
GET = Price("S3, GET", 0.40, MILLION, "requests", S3, IN_LIST)
S3_STORAGE = Price("S3, storage", 0.023, 1, "GB a month", S3, IN_LIST)
LOGS = Price("CloudWatch Logs, ingestion", 0.50, 1, "GB", CLOUDWATCH, IN_LIST)
METRIC = Price("CloudWatch, own metrics", 0.30, 1, "metric a month", CLOUDWATCH, BY_OTHERS)
ALARM = Price("CloudWatch, alarms", 0.10, 1, "alarm a month", CLOUDWATCH, IN_LIST)
DASHBOARD = Price("CloudWatch, dashboards", 3.00, 1, "dashboard a month", CLOUDWATCH, BY_OTHERS)
FIREHOSE_PUT = Price("Firehose, direct PUT", 0.029, 1, "GB", FIREHOSE, BY_OTHERS)
CONVERSION = Price("Firehose, into Parquet", 0.018, 1, "GB", FIREHOSE, UNCONFIRMED)
PARTITIONING = Price("Firehose, partitions", 0.020, 1, "GB", FIREHOSE, UNCONFIRMED)
ECR_STORAGE = Price("ECR, storage", 0.10, 1, "GB a month", ECR, BY_OTHERS)
DATA_OUT = Price("transfer to the internet", 0.09, 1, "GB", TRANSFER, IN_LIST)

API_STEP_BYTES = 512 * 1024  # an HTTP API counts a larger request as several
FIREHOSE_STEP_BYTES = 5 * 1024  # each record is rounded up to
LOG_EVENT_BYTES = 26  # that CloudWatch adds to each line
LIST_KEYS = 1000  # of one LIST
MIN_CACHE_S = 3 * 3600  # that a SnapStart version is billed for at least
PROVISIONED_STEP_S = 300  # provisioned concurrency is billed by five minutes

PRICES = (
    REQUEST,
    *(price for tiers in DURATION_TIERS.values() for _, price in tiers),
    *PROVISIONED.values(),
    *PROVISIONED_DURATION.values(),
    SNAPSTART_CACHE,
    SNAPSTART_RESTORE,
    API_REQUEST,
    PUT,
    GET,
    S3_STORAGE,
    LOGS,
    METRIC,
    ALARM,
    DASHBOARD,
    FIREHOSE_PUT,
    CONVERSION,
    PARTITIONING,
    ECR_STORAGE,
    DATA_OUT,
)


def first_tier(architecture: str) -> Price:
    """Of Lambda's time, for up to billions of GB-seconds a month."""
    return DURATION_TIERS[architecture][0][1]


def format_prices() -> str:
    """The table in Markdown."""
    lines = ["| what | $ | for | AWS's page | read in |", "| --- | ---: | --- | --- | --- |"]
    for price in PRICES:
        many = {1: "a ", MILLION: "a million "}[price.per]
        lines.append(
            f"| {price.name} | {price.dollars:g} | {many}{price.unit} | "
            f"[{price.page}](https://{price.page}) | {price.how} |"
        )
    return "\n".join(lines)
