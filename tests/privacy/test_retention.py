"""What is stored expires, and access logs name nobody: read out of the template."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.template import cloudformation

RESOURCES = cloudformation.load()["Resources"]
# All prefixes that the function, the monitor, Firehose, Athena and the tools write below.
WRITTEN = {
    "predictions/", "compacted/", "feedback/", "captures/", "firehose-errors/", "reports/",
    "athena/", "forgotten/",
}  # fmt: skip


def rules_of(bucket: str) -> list[dict[str, Any]]:
    properties = RESOURCES[bucket]["Properties"]
    rules: list[dict[str, Any]] = properties["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    return rules


def test_everything_of_a_prediction_expires() -> None:
    expiring = {rule.get("Prefix"): rule for rule in rules_of("PredictionBucket")}
    for prefix in WRITTEN:
        assert "ExpirationInDays" in expiring[prefix], prefix
    # old versions, too, whatever they are of
    assert expiring[None]["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 30
    captures = expiring["captures/"]
    assert captures["ExpirationInDays"] == {"Ref": "CaptureRetentionDays"}
    assert captures["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 1


def test_marks_of_what_was_forgotten_outlive_every_log_that_could_bring_it_back() -> None:
    (rule,) = [rule for rule in rules_of("PredictionBucket") if rule.get("Prefix") == "forgotten/"]
    days = cloudformation.load()["Parameters"]["LogRetentionDays"]["AllowedValues"]
    assert rule["ExpirationInDays"] > max(days)


def test_uploads_are_gone_after_a_day() -> None:
    (rule,) = [rule for rule in rules_of("UploadBucket") if "Prefix" not in rule]
    assert rule["ExpirationInDays"] == 1


def test_access_logs_name_nobody() -> None:
    (api,) = [each for each in RESOURCES.values() if each["Type"] == "AWS::Serverless::HttpApi"]
    text = api["Properties"]["AccessLogSettings"]["Format"]
    variables = set(re.findall(r"\$context\.([A-Za-z.]+)", json.dumps(text)))
    named = {each for each in variables if re.search("identity|authorizer|query|header", each)}
    assert variables and not named
