"""What a small account lets a stack have, told before the slow part."""

from __future__ import annotations

import pytest

from scripts.deployment.aws.quotas import Concurrency, judge
from scripts.deployment.deploy import deploy
from scripts.tool import ToolError
from tests.support.cloud import FakeSam

NEW = Concurrency(quota=10, unreserved=10, own=0)
USUAL = Concurrency(quota=1000, unreserved=1000, own=0)
REQUEST = (
    "aws service-quotas request-service-quota-increase --service-code lambda --quota-code "
    "L-B99A9384 --desired-value 1000 --region eu-central-1"
)


def about(concurrency: Concurrency, reserved: int, burst: int = 0) -> list[str]:
    parameters = {"MaxConcurrency": str(reserved), "ThrottleBurst": str(burst)}
    return judge(parameters, concurrency, "eu-central-1")


def test_a_new_account_can_reserve_nothing() -> None:
    assert about(NEW, 0, burst=10) == []
    with pytest.raises(ToolError, match="quota is 10, and none of it can be reserved") as error:
        about(NEW, 1)
    assert REQUEST in str(error.value) and "MaxConcurrency=0" in str(error.value)


def test_a_hundred_stay_for_other_functions() -> None:
    """AWS Lambda Developer Guide: 100 are kept for functions without a reservation."""
    assert about(USUAL, 900) == []
    with pytest.raises(ToolError, match="900 of it can be reserved"):
        about(USUAL, 901)
    beside_others = Concurrency(quota=1000, unreserved=150, own=0)
    assert about(beside_others, 50) == []
    with pytest.raises(ToolError, match="--desired-value 1051"):
        about(beside_others, 101)
    assert about(Concurrency(quota=1000, unreserved=100, own=400), 400) == []


def test_a_burst_above_the_quota_is_warned_of() -> None:
    [warning] = about(NEW, 0, burst=40)
    assert "ThrottleBurst=40, and this account runs 10 at once" in warning and REQUEST in warning
    [warning] = about(USUAL, 20, burst=40)
    assert "MaxConcurrency is 20" in warning and "aws" not in warning


def test_a_number_is_a_number() -> None:
    with pytest.raises(ToolError, match="MaxConcurrency='many' is no whole number"):
        judge({"MaxConcurrency": "many"}, USUAL, "eu-central-1")


def test_it_is_asked_of_the_account_before_anything_is_made(fake_sam: FakeSam) -> None:
    with pytest.raises(ToolError, match="900 of it can be reserved"):
        deploy("dev", overrides={"MaxConcurrency": "950"})
    assert fake_sam.runs == []
