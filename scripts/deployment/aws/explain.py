"""Why CloudFormation could not do what it was asked to, in plain words, and what helps."""

from __future__ import annotations

import re
from datetime import datetime

from scripts.deployment.aws.stack import Failure, failures

# What is in CloudFormation's reason, and what helps; the first that fits counts.
_ADVICE = (
    (
        r"UnreservedConcurrentExecution|decreases account's",
        "MaxConcurrency reserves more than the account may: set MaxConcurrency=0 in samconfig.toml",
    ),
    (
        r"during function initialization|SnapStart",
        "the function failed before its snapshot could be taken; its log group says why. "
        "SnapStart=None in samconfig.toml deploys it without a snapshot",
    ),
    (
        r"BeforeAllowTraffic|AfterAllowTraffic|lifecycle event|hook",
        "the new version failed its own test before or after it got traffic; the log of the canary "
        "function says which picture or call (docs/canary.md)",
    ),
    (
        r"alarm",
        "an alarm went off while the new version had a share of the traffic; CloudWatch's alarms "
        "of this stack say which (docs/alarms.md)",
    ),
    (
        r"stopped|StopDeployment",
        "the deployment was stopped, by scripts/rollback or in CodeDeploy's console",
    ),
    (
        r"A version for this Lambda function exists|Version already exists",
        "Lambda publishes no second version of the same image and settings; try again, since "
        "scripts/deploy removes versions that no release has",
    ),
    (
        r"not authorized|AccessDenied|is not allowed|UnauthorizedTaggingOperation",
        "whoever deploys lacks a permission; scripts/deploy-role.yaml lists all that are needed",
    ),
    (
        r"image manifest.*not supported|media type",
        "the image was built with attestations, which Lambda does not take: set "
        "BUILDX_NO_DEFAULT_ATTESTATIONS=1 and deploy again",
    ),
    (
        r"Source image .* does not exist|ECR image|RepositoryNotFound",
        "Lambda cannot read the image; is it in the repository of this account and region?",
    ),
    (
        r"already exists",
        "something of that name is left from an earlier stack; scripts/teardown names and removes "
        "what is left",
    ),
    (
        r"quota|limit|Rate exceeded|Throttling",
        "the account's quota is used up, or AWS is asked too often; try again, or ask for more in "
        "the console of Service Quotas",
    ),
    (
        r"did not stabilize|NotStabilized",
        "AWS did not finish in time; try again",
    ),
)


def explain_failures(stack_id: str, since: datetime) -> str:
    """The first thing that failed in a stack after `since`, and what helps; empty for nothing."""
    found = failures(stack_id, since)
    return explain(found[0]) if found else ""


def explain(failure: Failure) -> str:
    """A failure in plain words: which resource, what AWS says, and what helps."""
    verb = failure.status.removesuffix("_FAILED").lower()
    said = f"{failure.resource} ({failure.type}) could not be {verb}d: {failure.reason}"
    for pattern, advice in _ADVICE:
        if re.search(pattern, failure.reason, re.I):
            return f"{said}\nThat means: {advice}."
    return said
