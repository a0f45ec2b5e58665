"""CodeDeploy for Lambda: moves an alias to a new version by steps, between two hooks, under alarms.

After "Deployments on an AWS Lambda compute platform" of AWS's CodeDeploy User Guide: the hook
BeforeAllowTraffic, then the shift, then AfterAllowTraffic; a hook says Succeeded or Failed by
PutLifecycleEventHookExecutionStatus. Where a hook fails, an alarm rings or somebody stops it, all
requests go back to the old version. Minutes are as long as the stand-in's clock says, and at the
end of each the scheduled rules fire.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.rehearsal.account import AwsError, token
from scripts.rehearsal.functions import Functions
from scripts.rehearsal.metrics import Clock, Metrics

CANARY = re.compile(r"CodeDeployDefault\.LambdaCanary(\d+)Percent(\d+)Minutes")
LINEAR = re.compile(r"CodeDeployDefault\.LambdaLinear(\d+)PercentEvery(\d+)Minutes?")
ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """A deployment group. rolls_back_on: events such as DEPLOYMENT_STOP_ON_ALARM."""

    config: str
    alarms: tuple[str, ...]
    rolls_back_on: tuple[str, ...]


@dataclass(frozen=True)
class Shift:
    """An alias to be moved. hooks: names of functions, None for none."""

    application: str
    group: str
    function: str
    alias: str
    old: str
    new: str
    before_hook: str | None
    after_hook: str | None
    stack: str


@dataclass
class Deployment:
    id: str
    shift: Shift
    config: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "Created"
    completed: datetime | None = None
    error: tuple[str, str] | None = None
    events: list[tuple[str, str]] = field(default_factory=list)  # lifecycle event, status
    hooks: dict[str, str] = field(default_factory=dict)  # execution id: status
    stop: threading.Event = field(default_factory=threading.Event)
    rolls_back_when_stopped: bool = False


class _StoppedError(Exception):
    """A deployment does not go on. event: for which a group may roll back; code: of AWS's."""

    def __init__(self, event: str, code: str, message: str) -> None:
        super().__init__(message)
        self.event = event
        self.code = code


class CodeDeploy:
    def __init__(
        self,
        functions: Functions,
        metrics: Metrics,
        clock: Clock,
        fire_schedules: Callable[[int], None],
        cloudwatch: Callable[[], Any],
    ) -> None:
        """fire_schedules: called with the number of each minute that ends."""
        self._functions = functions
        self._metrics = metrics
        self._clock = clock
        self._fire_schedules = fire_schedules
        self._cloudwatch = cloudwatch
        self.groups: dict[str, dict[str, Group]] = {}  # by application
        self._deployments: dict[str, Deployment] = {}

    def put_group(self, application: str, name: str, group: Group) -> None:
        if application not in self.groups:
            raise AwsError("ApplicationDoesNotExistException", f"no application {application}")
        steps(group.config)
        self.groups[application][name] = group

    def shift(self, shift: Shift) -> None:
        """Run a deployment to its end. Raises AwsError where it does not succeed."""
        group = self.groups.get(shift.application, {}).get(shift.group)
        if group is None:
            raise AwsError("DeploymentGroupDoesNotExistException", f"no group {shift.group}")
        deployment = Deployment(f"d-{token(9)}", shift, group.config)
        self._deployments[deployment.id] = deployment
        deployment.status = "InProgress"
        try:
            self._check_alarms(group)
            self._hook(deployment, "BeforeAllowTraffic", shift.before_hook)
            self._move(deployment, group)
            self._hook(deployment, "AfterAllowTraffic", shift.after_hook)
            self._check_alarms(group)
        except _StoppedError as error:
            deployment.status = "Stopped" if error.event != "DEPLOYMENT_FAILURE" else "Failed"
            deployment.error = (error.code, str(error))
            if error.event in group.rolls_back_on or deployment.rolls_back_when_stopped:
                self._set(shift, shift.old, {})
            deployment.completed = datetime.now(UTC)
            raise AwsError(
                error.code, f"CodeDeploy deployment {deployment.id} has not succeeded: {error}"
            ) from None
        deployment.status, deployment.completed = "Succeeded", datetime.now(UTC)

    def stop_of_stack(self, name: str) -> None:
        """Stop, and take back, what a stack's update has under way."""
        for deployment in self._deployments.values():
            if deployment.shift.stack == name and not deployment.completed:
                deployment.rolls_back_when_stopped = True
                deployment.stop.set()

    def _move(self, deployment: Deployment, group: Group) -> None:
        shift = deployment.shift
        deployment.events.append(("AllowTraffic", "InProgress"))
        for share, minutes in steps(group.config):
            self._set(shift, shift.old, {shift.new: share})
            for _ in range(minutes):
                self._minute(deployment, group)
        self._set(shift, shift.new, {})
        deployment.events[-1] = ("AllowTraffic", "Succeeded")

    def _minute(self, deployment: Deployment, group: Group) -> None:
        """A minute, in parts, so that it can be stopped; then schedules, then alarms."""
        for _ in range(12):
            self._clock.sleep(5)
            if deployment.stop.is_set():
                raise _StoppedError(
                    "DEPLOYMENT_STOP_ON_REQUEST", "MANUAL_STOP", "it was stopped by StopDeployment"
                )
        self._fire_schedules(1)
        self._check_alarms(group)

    def _check_alarms(self, group: Group) -> None:
        if not group.alarms:
            return
        cloudwatch = self._cloudwatch()
        found = cloudwatch.describe_alarms(AlarmNames=list(group.alarms))["MetricAlarms"]
        for alarm in found:
            try:
                rings = self._metrics.is_ringing(alarm)
            except ValueError as error:
                raise _StoppedError("DEPLOYMENT_STOP_ON_ALARM", "ALARM_ISSUE", str(error)) from None
            state = "ALARM" if rings else "OK"
            if alarm["StateValue"] != state:
                cloudwatch.set_alarm_state(
                    AlarmName=alarm["AlarmName"],
                    StateValue=state,
                    StateReason="the stand-in says so",
                )
            if rings:
                raise _StoppedError(
                    "DEPLOYMENT_STOP_ON_ALARM",
                    "ALARM_ACTIVE",
                    f"One or more alarms have been activated: {alarm['AlarmName']}",
                )

    def _hook(self, deployment: Deployment, event: str, function: str | None) -> None:
        """The function is invoked and says the hook's status through the API. In AWS a hook that
        says nothing fails after an hour; here, when the function has ended."""
        if not function:
            return
        execution = str(uuid.uuid4())
        deployment.hooks[execution] = "Pending"
        deployment.events.append((event, "InProgress"))
        said = {"DeploymentId": deployment.id, "LifecycleEventHookExecutionId": execution}
        try:
            name, qualifier = self._functions.split(function)
            _, outcome = self._functions.invoke(name, qualifier, json.dumps(said).encode())
            why = outcome.payload[:500].decode(errors="replace") if outcome.function_error else ""
        except AwsError as error:
            why = error.message
        status = deployment.hooks[execution]
        deployment.events[-1] = (event, "Succeeded" if status == "Succeeded" else "Failed")
        if status != "Succeeded":
            reason = why or f"its status is {status}"
            raise _StoppedError(
                "DEPLOYMENT_FAILURE",
                "HOOK_EXECUTION_FAILURE",
                f"the lifecycle event hook {event} ({function}) failed: {reason}",
            )

    def _set(self, shift: Shift, version: str, weights: Mapping[str, float]) -> None:
        alias = self._functions.find(shift.function).aliases[shift.alias]
        alias.version, alias.weights = version, dict(weights)

    def operations(self) -> dict[str, Callable[[Parameters], Any]]:
        def put_status(asked: Parameters) -> Any:
            deployment = self._find(asked["deploymentId"])
            execution = asked["lifecycleEventHookExecutionId"]
            if deployment.hooks.get(execution) != "Pending":
                raise AwsError(
                    "LifecycleEventAlreadyCompletedException", f"no pending hook {execution}"
                )
            deployment.hooks[execution] = asked["status"]
            return {"lifecycleEventHookExecutionId": execution}

        def stop(asked: Parameters) -> Any:
            deployment = self._find(asked["deploymentId"])
            if deployment.completed:
                raise AwsError(
                    "DeploymentAlreadyCompletedException", f"{deployment.id} has completed"
                )
            deployment.rolls_back_when_stopped = bool(asked.get("autoRollbackEnabled"))
            deployment.stop.set()
            return {"status": "Pending", "statusMessage": "it is being stopped"}

        def listed(asked: Parameters) -> Any:
            found = [
                each.id
                for each in self._deployments.values()
                if asked.get("applicationName") in (None, each.shift.application)
                and asked.get("deploymentGroupName") in (None, each.shift.group)
                and each.status in (asked.get("includeOnlyStatuses") or [each.status])
            ]
            return {"deployments": found[::-1]}

        def target(deployment: Deployment) -> dict[str, Any]:
            events = [
                {"lifecycleEventName": name, "status": status} for name, status in deployment.events
            ]
            said = {"deploymentId": deployment.id, "lifecycleEvents": events}
            return {"deploymentTargetType": "LambdaTarget", "lambdaTarget": said}

        def get_group(asked: Parameters) -> Any:
            application, name = asked["applicationName"], asked["deploymentGroupName"]
            group = self.groups.get(application, {}).get(name)
            if group is None:
                raise AwsError("DeploymentGroupDoesNotExistException", f"no group {name}")
            alarms = [{"name": each} for each in group.alarms]
            return {
                "deploymentGroupInfo": {
                    "applicationName": application,
                    "deploymentGroupName": name,
                    "deploymentConfigName": group.config,
                    "alarmConfiguration": {"enabled": bool(alarms), "alarms": alarms},
                    "computePlatform": "Lambda",
                }
            }

        return {
            "PutLifecycleEventHookExecutionStatus": put_status,
            "StopDeployment": stop,
            "ListDeployments": listed,
            "GetDeployment": lambda asked: {
                "deploymentInfo": self._describe(self._find(asked["deploymentId"]))
            },
            "BatchGetDeployments": lambda asked: {
                "deploymentsInfo": [self._describe(self._find(n)) for n in asked["deploymentIds"]]
            },
            "ListDeploymentTargets": lambda asked: {"targetIds": [asked["deploymentId"]]},
            "GetDeploymentTarget": lambda asked: {
                "deploymentTarget": target(self._find(asked["deploymentId"]))
            },
            "BatchGetDeploymentTargets": lambda asked: {
                "deploymentTargets": [target(self._find(asked["deploymentId"]))]
            },
            "ListApplications": lambda _: {"applications": [*self.groups]},
            "ListDeploymentGroups": lambda asked: {
                "applicationName": asked["applicationName"],
                "deploymentGroups": [*self.groups.get(asked["applicationName"], {})],
            },
            "GetDeploymentGroup": get_group,
        }

    def _find(self, name: str) -> Deployment:
        if name not in self._deployments:
            raise AwsError("DeploymentDoesNotExistException", f"no deployment {name}")
        return self._deployments[name]

    def _describe(self, deployment: Deployment) -> dict[str, Any]:
        said: dict[str, Any] = {
            "applicationName": deployment.shift.application,
            "deploymentGroupName": deployment.shift.group,
            "deploymentConfigName": deployment.config,
            "deploymentId": deployment.id,
            "status": deployment.status,
            "createTime": deployment.created,
            "creator": "user",
            "computePlatform": "Lambda",
            "revision": revision(deployment.shift),
        }
        if deployment.completed:
            said["completeTime"] = deployment.completed
        if deployment.error:
            code, message = deployment.error
            said["errorInformation"] = {"code": code, "message": message}
        return said


def revision(shift: Shift) -> dict[str, Any]:
    """What is released, as a RevisionLocation: an AppSpec file as JSON, its keys in capitals as in
    the examples of AWS's User Guide, "Add an AppSpec file for an AWS Lambda deployment"."""
    properties = {
        "Name": shift.function,
        "Alias": shift.alias,
        "CurrentVersion": shift.old,
        "TargetVersion": shift.new,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    hooks = [("BeforeAllowTraffic", shift.before_hook), ("AfterAllowTraffic", shift.after_hook)]
    spec = {
        "version": 0.0,
        "Resources": [{shift.function: resource}],
        "Hooks": [{event: function} for event, function in hooks if function],
    }
    content = json.dumps(spec)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {
        "revisionType": "AppSpecContent",
        "appSpecContent": {"content": content, "sha256": digest},
    }


def steps(config: str) -> list[tuple[float, int]]:
    """Shares of requests that the new version gets before it gets all, and for how many minutes."""
    if config == ALL_AT_ONCE:
        return []
    if found := CANARY.fullmatch(config):
        return [(int(found[1]) / 100, int(found[2]))]
    if found := LINEAR.fullmatch(config):
        percent, minutes = int(found[1]), int(found[2])
        return [(share / 100, minutes) for share in range(percent, 100, percent)]
    raise AwsError(
        "DeploymentConfigDoesNotExistException",
        f"No deployment configuration found for name: {config}",
    )
