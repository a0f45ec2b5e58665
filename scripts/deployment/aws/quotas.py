"""What the account lets a stack have, checked before the slow part of a deployment.

New accounts begin with small quotas: as few as ten concurrent executions of all functions together,
of which none can be reserved. AWS's documentation names no number; the account itself is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import boto3
from botocore.exceptions import ClientError

from scripts.deployment.aws.account import is_missing
from scripts.tool import ToolError

CONCURRENCY_QUOTA = "L-B99A9384"  # Lambda: concurrent executions, of a region
# Lambda refuses a reservation that leaves all other functions fewer: 100, or all of a small quota.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
MIN_UNRESERVED = 100
DEFAULT_QUOTA = 1000


@dataclass(frozen=True)
class Concurrency:
    """quota: of concurrent executions in the region. unreserved: what no function has reserved.
    own: what this stack's function has reserved already."""

    quota: int
    unreserved: int
    own: int

    @property
    def reservable(self) -> int:
        """What this stack's function may reserve at most."""
        return max(0, self.unreserved + self.own - min(MIN_UNRESERVED, self.quota))


def check_quotas(parameters: Mapping[str, str], function: str | None, region: str) -> list[str]:
    """What to know of the account's quotas, as warnings. function: of the stack, if it is there.

    Raises ToolError where the deployment would fail by them.
    """
    return judge(parameters, read_concurrency(function), region)


def judge(parameters: Mapping[str, str], concurrency: Concurrency, region: str) -> list[str]:
    """What these parameters meet in an account with this much concurrency: see check_quotas."""
    reserved = _whole(parameters, "MaxConcurrency")
    if reserved > concurrency.reservable:
        raise ToolError(
            f"MaxConcurrency={reserved} reserves more of Lambda's concurrency than this account "
            f"has in {region}: its quota is {concurrency.quota}, and "
            f"{_left(concurrency)}. Set MaxConcurrency=0 in samconfig.toml (the quota is the limit "
            "then, and ThrottleRate bounds the cost), or ask for more, which takes hours to days:\n"
            f"  {_request_line(_needed(reserved, concurrency), region)}"
        )
    burst = _whole(parameters, "ThrottleBurst")
    most = reserved or concurrency.unreserved
    if burst > most:
        limit = (
            f"MaxConcurrency is {reserved}"
            if reserved
            else (f"this account runs {most} at once in {region}")
        )
        return [
            f"ThrottleBurst={burst}, and {limit}: of a burst of slow calls, those above {most} get "
            "503 from the API. Set ThrottleBurst lower"
            + (
                ""
                if reserved
                else f", or ask for more:\n  {_request_line(max(DEFAULT_QUOTA, burst), region)}"
            )
        ]
    return []


def read_concurrency(function: str | None) -> Concurrency:
    client = boto3.client("lambda")
    limit = client.get_account_settings()["AccountLimit"]
    own = 0
    if function:
        try:
            answer = client.get_function_concurrency(FunctionName=function)
            own = answer.get("ReservedConcurrentExecutions") or 0
        except ClientError as error:
            if not is_missing(error):
                raise
    return Concurrency(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"], own)


def _left(concurrency: Concurrency) -> str:
    return (
        f"{concurrency.reservable} of it can be reserved"
        if concurrency.reservable
        else "none of it can be reserved"
    )


def _needed(reserved: int, concurrency: Concurrency) -> int:
    """A quota under which `reserved` can be reserved beside what other functions have."""
    others = concurrency.quota - concurrency.unreserved - concurrency.own
    return max(DEFAULT_QUOTA, others + reserved + MIN_UNRESERVED)


def _request_line(value: int, region: str) -> str:
    return (
        "aws service-quotas request-service-quota-increase --service-code lambda "
        f"--quota-code {CONCURRENCY_QUOTA} --desired-value {value} --region {region}"
    )


def _whole(parameters: Mapping[str, str], name: str) -> int:
    value = parameters.get(name) or "0"
    if not value.isdigit():
        raise ToolError(f"samconfig.toml: {name}={value!r} is no whole number")
    return int(value)
