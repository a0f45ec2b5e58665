"""Service Quotas, as an account has them. `--new-account` gives the small ones of a new account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.rehearsal.account import AwsError

CONCURRENT_EXECUTIONS = "L-B99A9384"  # Lambda's "Concurrent executions"
DEFAULT, NEW_ACCOUNT = 1000, 10


def operations(concurrent_executions: int) -> dict[str, Callable[[dict[str, Any]], Any]]:
    def quota(value: int) -> dict[str, Any]:
        return {
            "Quota": {
                "ServiceCode": "lambda",
                "QuotaCode": CONCURRENT_EXECUTIONS,
                "QuotaName": "Concurrent executions",
                "Value": float(value),
                "Adjustable": True,
            }
        }

    def asked_for(asked: dict[str, Any], value: int) -> dict[str, Any]:
        if (asked["ServiceCode"], asked["QuotaCode"]) != ("lambda", CONCURRENT_EXECUTIONS):
            raise AwsError(
                "NoSuchResourceException", f"the stand-in has no quota {asked['QuotaCode']}"
            )
        return quota(value)

    return {
        "GetServiceQuota": lambda asked: asked_for(asked, concurrent_executions),
        "GetAWSDefaultServiceQuota": lambda asked: asked_for(asked, DEFAULT),
        "ListRequestedServiceQuotaChangeHistoryByQuota": lambda _: {"RequestedQuotas": []},
    }
