"""How the stand-in's CodeDeploy moves an alias, with functions that are plain Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from scripts.monitor.canary.deployment import read_deployment
from scripts.rehearsal.account import AwsError
from scripts.rehearsal.code_deploy import CodeDeploy, Group, Shift, steps
from scripts.rehearsal.containers import Image, Outcome
from scripts.rehearsal.functions import Alias, Function, Functions, Version
from scripts.rehearsal.metrics import Clock, Metrics

FAST = Clock(speed=60_000)  # a minute in a millisecond
CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
ERRORS = {
    "AlarmName": "errors",
    "StateValue": "OK",
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Dimensions": [
        {"Name": "FunctionName", "Value": "detect"},
        {"Name": "Resource", "Value": "detect:live"},
        {"Name": "ExecutedVersion", "Value": "2"},
    ],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


class Cloudwatch:
    def __init__(self) -> None:
        self.states: list[str] = []

    def describe_alarms(self, **asked: Any) -> Any:
        return {"MetricAlarms": [ERRORS] if "errors" in asked["AlarmNames"] else []}

    def set_alarm_state(self, **asked: Any) -> None:
        self.states.append(asked["StateValue"])


class World:
    """An alias `live` at version 1, which is moved to version 2. says: what the hooks say."""

    def __init__(self, folder: Path, config: str = CANARY, says: str | None = "Succeeded") -> None:
        versions = {n: Version(n, {}, Image("x"), datetime.now(UTC)) for n in ("1", "2")}
        self.functions = Functions("eu-central-1", None, lambda: "", print, print)  # type: ignore[arg-type]
        self.alias = Alias("1")
        made = {
            "detect": Function("detect", versions, aliases={"live": self.alias}),
            "canary": Function("canary", {"$LATEST": versions["1"]}),
        }
        self.functions._functions.update(made)
        self.metrics = Metrics(FAST)
        self.cloudwatch = Cloudwatch()
        self.each_minute: Callable[[], None] = lambda: None
        self.seen: list[tuple[str, dict[str, float]]] = []  # the alias in each minute
        self.hooks: list[str] = []  # the alias's version when a hook ran
        self.says = says
        self.functions.invoke = self._hook  # type: ignore[method-assign]
        self.deploy = CodeDeploy(
            self.functions, self.metrics, FAST, self._minute, lambda: self.cloudwatch
        )
        self.deploy.groups["app"] = {}
        self.deploy.put_group("app", "group", Group(config, ("errors",), EVENTS))
        self.api = self.deploy.operations()

    def shift(self) -> None:
        names = ("app", "group", "detect", "live", "1", "2", "canary", "canary", "stack")
        self.deploy.shift(Shift(*names))

    def status(self) -> str:
        (name,) = self.api["ListDeployments"]({"applicationName": "app"})["deployments"]
        info = self.api["GetDeployment"]({"deploymentId": name})["deploymentInfo"]
        return str(info["status"])

    def _minute(self, _: int) -> None:
        self.seen.append((self.alias.version, dict(self.alias.weights)))
        self.each_minute()

    def _hook(self, _: str, __: str | None, payload: bytes, ___: str | None = None) -> Any:
        event = json.loads(payload)
        self.hooks.append(self.alias.version)
        if self.says:
            self.api["PutLifecycleEventHookExecutionStatus"](
                {
                    "deploymentId": event["DeploymentId"],
                    "lifecycleEventHookExecutionId": event["LifecycleEventHookExecutionId"],
                    "status": self.says,
                }
            )
        return "1", Outcome(b"{}", None, 0.01)


def test_a_canary_gets_a_tenth_for_five_minutes_between_two_hooks(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.shift()
    assert world.hooks == ["1", "2"]
    assert world.seen == [("1", {"2": 0.1})] * 5
    assert (world.alias.version, world.alias.weights) == ("2", {})
    assert world.status() == "Succeeded"


def test_a_hook_can_ask_which_version_is_released(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = boto3.client("codedeploy", "eu-central-1")  # for its model of the answer
    shape = client.meta.service_model.operation_model("GetDeployment").output_shape
    asked: list[str | None] = []

    def ask(_: str, __: str | None, payload: bytes, ___: str | None = None) -> Any:
        deployment = json.loads(payload)["DeploymentId"]
        answer = world.api["GetDeployment"]({"deploymentId": deployment})
        members = shape.members["deploymentInfo"].members["revision"].members
        said = answer["deploymentInfo"]["revision"]
        assert said.keys() <= members.keys()
        assert said["revisionType"] in members["revisionType"].enum
        assert said["appSpecContent"].keys() <= members["appSpecContent"].members.keys()
        asker = SimpleNamespace(get_deployment=lambda **asked: answer)
        asked.append(read_deployment(asker, deployment, "detect", "live").target)
        return world._hook(_, __, payload, ___)

    world.functions.invoke = ask  # type: ignore[method-assign]
    world.shift()
    assert asked == ["2", "2"]


def test_steps() -> None:
    linear = steps("CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
    assert linear == [(share / 100, 1) for share in range(10, 100, 10)]
    assert steps("CodeDeployDefault.LambdaAllAtOnce") == []
    with pytest.raises(AwsError, match="No deployment configuration"):
        steps("CodeDeployDefault.LambdaCanary")


@pytest.mark.parametrize("says", ["Failed", None])
def test_a_hook_that_fails_or_says_nothing_moves_no_request(
    tmp_path: Path, says: str | None
) -> None:
    world = World(tmp_path, says=says)
    with pytest.raises(AwsError, match="BeforeAllowTraffic"):
        world.shift()
    assert world.seen == [] and world.alias.version == "1"
    assert world.status() == "Failed"


def test_errors_of_the_new_version_ring_its_alarm_and_take_requests_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.each_minute = lambda: world.metrics.invoked(
        "detect", "2", "live", Outcome(b"", "Unhandled", 0.1)
    )
    with pytest.raises(AwsError, match="alarms have been activated: errors"):
        world.shift()
    assert len(world.seen) == 1
    assert (world.alias.version, world.alias.weights) == ("1", {})
    assert world.cloudwatch.states == ["ALARM"]


def test_errors_of_the_old_version_ring_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.each_minute = lambda: world.metrics.invoked(
        "detect", "1", "live", Outcome(b"", "Unhandled", 0.1)
    )
    world.shift()
    assert world.alias.version == "2"


def test_a_deployment_that_is_stopped_goes_back(tmp_path: Path) -> None:
    world = World(tmp_path)

    def stop() -> None:
        (name,) = world.api["ListDeployments"]({})["deployments"]
        world.api["StopDeployment"]({"deploymentId": name, "autoRollbackEnabled": True})

    world.each_minute = stop
    with pytest.raises(AwsError, match="StopDeployment"):
        world.shift()
    assert (world.alias.version, world.alias.weights) == ("1", {})
    assert world.status() == "Stopped"


def test_metrics_out_of_log_lines() -> None:
    metrics = Metrics(FAST)
    line = json.dumps(
        {
            "_aws": {
                "Timestamp": 1,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Icebox",
                        "Dimensions": [["stack"]],
                        "Metrics": [{"Name": "CanaryBehaviour"}],
                    }
                ],
            },
            "stack": "icebox-prod",
            "CanaryBehaviour": 1,
        }
    )
    metrics.logged("a line")
    metrics.logged(f"2026-11-29 {line}")
    key = ("Icebox", "CanaryBehaviour", frozenset({("stack", "icebox-prod")}))
    assert metrics.statistic(*key, "Maximum", 0, FAST.now()) == 1
    assert metrics.statistic(*key[:2], frozenset(), "Maximum", 0, FAST.now()) is None


def test_a_percentile_is_of_the_values_themselves() -> None:
    metrics = Metrics(FAST)
    for value in range(1, 11):
        metrics.put("N", "M", {}, value)
    assert metrics.statistic("N", "M", frozenset(), "p90", 0, FAST.now()) == 9


def test_an_alarm_that_rings_already_lets_nothing_begin(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.metrics._clock = Clock(speed=1.0)  # its minute lasts until the deployment looks
    world.metrics.invoked("detect", "2", "live", Outcome(b"", "Unhandled", 0.1))
    with pytest.raises(AwsError, match="alarms have been activated"):
        world.shift()
    assert world.hooks == [] and world.seen == []
