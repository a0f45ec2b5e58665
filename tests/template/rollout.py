"""What the stack has for the sake of its rollouts."""

from __future__ import annotations

from tests.template.cloudformation import Resources, only


def of_rollout(resources: Resources) -> set[str]:
    """The names of the alarms that roll a deployment back."""
    group = only(resources, "AWS::CodeDeploy::DeploymentGroup")
    return {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
