"""checkov, which knows what goes wrong in stacks, finds nothing but what the template excuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import CHECKOV
from tests.template import cloudformation
from tests.template.conftest import Translate

EVERYTHING = {
    # without a key of one's own, checkov would have one for logs, topic and queue
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d",
    "EnableMonitor": "true",
    "EnableAlarms": "true",
    "EnableAthena": "true",
    "PredictionDelivery": "firehose",
    "Rollout": "Canary10Percent5Minutes",
    "WarmSchedule": "rate(1 day)",
    "MaxConcurrency": "5",
    "AlarmEmail": "lab@example.org",
    "ReadableBuckets": "a,b",
    "CaptureRate": "0.1",
}


@pytest.mark.needs_checkov
def test_checkov_finds_nothing_that_is_not_excused(translate: Translate, tmp_path: Path) -> None:
    translated = translate(**EVERYTHING)
    made = cloudformation.resources(translated, EVERYTHING)
    stack = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}
    path = tmp_path / "stack.json"
    path.write_text(json.dumps(stack, indent=1))
    command = [CHECKOV, "--file", path, "--framework", "cloudformation", "--output", "json"]
    ran = subprocess.run(
        # --skip-download: else it asks a host of its maker's for what it calls guidelines
        [*command, "--skip-download", "--compact"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    report = json.loads(ran.stdout)["results"]
    found = [f"{check['check_id']} {check['resource']}" for check in report["failed_checks"]]
    assert not found
    assert len(report["passed_checks"]) > 60
    # an excuse that excuses nothing is taken away
    excused = {(check["check_id"], check["resource"]) for check in report["skipped_checks"]}
    assert excused == {
        (skip["id"], f"{resource['Type']}.{name}")
        for name, resource in made.items()
        if resource["Type"] != "AWS::Lambda::EventInvokeConfig"  # SAM copies the function's there
        for skip in skips(resource)
    }


def test_every_excuse_has_its_reason(written: dict[str, Any]) -> None:
    for resource in written["Resources"].values():
        for skip in skips(resource):
            assert len(skip["comment"]) > 30


def skips(resource: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    return found
