"""The monitor's part of the stack: nothing by default, else exactly as narrow as it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.monitor.cloud import metrics
from scripts.monitor.cloud.settings import WINDOW, MonitorSettings
from scripts.records.window import parse_window
from tests.support.monitor_results import make_changed
from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type, only
from tests.template.policies import allowed, statements
from tests.template.rollout import of_rollout

ON = {"EnableMonitor": "true"}
NOW = datetime(2026, 11, 29, 1, 15, tzinfo=UTC)
ACCOUNT = {
    "PredictionBucket": "bucket",
    "AlarmTopic": "arn:aws:sns:eu-central-1:123456789012:topic",
    "AWS::StackName": "icebox-dev",
}


@pytest.fixture(scope="module")
def watched(translated: dict[str, Any]) -> Resources:
    return cloudformation.resources(translated, ON)


def in_bucket(*prefixes: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": f"${{PredictionBucket.Arn}}/{prefix}/*"} for prefix in prefixes]


class ReadVariables(dict[str, str]):
    """Environment variables, with the names of those that were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def deployed(variables: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables as the function would see them."""
    seen = {}
    for name, value in variables.items():
        if isinstance(value, dict) and "Ref" in value:
            value = ACCOUNT[value["Ref"]]
        elif isinstance(value, dict):
            value = re.sub(r"\$\{([^}]+)\}", lambda found: ACCOUNT[found[1]], value["Fn::Sub"])
        seen[name] = value
    return seen


def test_without_it_the_stack_has_nothing_of_it(translated: dict[str, Any]) -> None:
    made = cloudformation.resources(translated, {})
    kinds = {resource["Type"].split("::")[1] for resource in made.values()}
    assert kinds == {
        "ApiGatewayV2",
        "CloudWatch",
        "CodeDeploy",
        "IAM",
        "Lambda",
        "Logs",
        "S3",
        "SQS",
    }
    assert of_type(made, "AWS::Lambda::Function").keys() == {"DetectFunction", "CanaryFunction"}
    with_it = cloudformation.resources(translated, ON)
    # what was there is as it was, but that a release's watch has a topic now
    assert without_canary(made).items() <= with_it.items()


def without_canary(made: Resources) -> Resources:
    return {
        name: each for name, each in made.items() if name not in ("CanaryFunction", "CanaryRole")
    }


def test_it_runs_by_the_schedule_once_and_long_enough(watched: Resources) -> None:
    function = of_type(watched, "AWS::Lambda::Function")["MonitorFunction"]
    assert function["PackageType"] == "Image"
    assert function["Timeout"] == 900
    assert function["MemorySize"] == "2048"
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    rule = only(watched, "AWS::Events::Rule")
    assert rule["ScheduleExpression"] == "cron(15 1 * * ? *)"
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["MonitorFunction", "Arn"]}
    invoking = watched["MonitorFunctionEventInvokeConfig"]["Properties"]
    assert invoking["MaximumRetryAttempts"] == 0
    assert "ReservedConcurrentExecutions" not in function


def test_one_at_a_time_where_concurrency_is_reserved(translated: dict[str, Any]) -> None:
    made = cloudformation.resources(translated, {**ON, "MaxConcurrency": "5"})
    function = of_type(made, "AWS::Lambda::Function")["MonitorFunction"]
    assert function["ReservedConcurrentExecutions"] == 1


def test_settings_have_the_monitors_names_and_defaults(watched: Resources) -> None:
    function = of_type(watched, "AWS::Lambda::Function")["MonitorFunction"]
    variables = deployed(function["Environment"]["Variables"])
    env = ReadVariables(variables)
    settings = MonitorSettings.from_env(env)
    assert {name for name in env.names if not name.startswith("AWS_")} == variables.keys()
    assert settings.source == "s3://bucket"
    assert settings.topic == ACCOUNT["AlarmTopic"]
    assert settings.stack == "icebox-dev"
    plain = MonitorSettings.from_env({"MONITOR_SOURCE": "s3://bucket"})
    assert (settings.window, settings.reference) == (plain.window, plain.reference)
    assert (settings.log_level, settings.window) == (plain.log_level, WINDOW)


@pytest.mark.parametrize("window", ["7d", "24h", "1d", "30d"])
def test_windows_that_may_be_deployed_can_be_read(written: dict[str, Any], window: str) -> None:
    pattern = written["Parameters"]["MonitorWindow"]["AllowedPattern"]
    assert re.fullmatch(pattern, window)
    assert parse_window(window, NOW).end == NOW


@pytest.mark.parametrize("window", ["", "7", "0d", "7d..8d", "2026-11-01..2026-11-08", "1 d"])
def test_windows_that_do_not_move_are_refused(written: dict[str, Any], window: str) -> None:
    pattern = written["Parameters"]["MonitorWindow"]["AllowedPattern"]
    assert not re.fullmatch(pattern, window)


def test_its_role_reads_compacts_and_reports_and_no_more(watched: Resources) -> None:
    role = watched["MonitorRole"]["Properties"]
    assert allowed(role) == {
        "logs:CreateLogStream": [{"Fn::GetAtt": "MonitorLogGroup.Arn"}],
        "logs:PutLogEvents": [{"Fn::GetAtt": "MonitorLogGroup.Arn"}],
        "s3:ListBucket": [{"Fn::GetAtt": "PredictionBucket.Arn"}],
        "s3:GetObject": in_bucket(
            "predictions", "compacted", "feedback", "captures", "reports", "references"
        ),
        "s3:PutObject": in_bucket("compacted", "reports"),
        "s3:DeleteObject": in_bucket("predictions", "compacted"),
        "sns:Publish": [{"Ref": "AlarmTopic"}],
        "sqs:SendMessage": [{"Fn::GetAtt": "FailedEvents.Arn"}],
    }
    (listing,) = (each for each in statements(role) if each["Action"] == "s3:ListBucket")
    # IfExists: else S3 answers 403 for a missing object, and a first run would fail
    assert "gradio/*" not in listing["Condition"]["StringLikeIfExists"]["s3:prefix"]


def test_every_alarm_but_the_monitors_own_goes_to_the_topic(watched: Resources) -> None:
    alarms = of_type(watched, "AWS::CloudWatch::Alarm")
    rolling_back = of_rollout(watched)
    actions = {
        name: alarm.get("AlarmActions")
        for name, alarm in alarms.items()
        if name not in rolling_back
    }
    # of a change the monitor itself sends a message, which says more
    assert actions.pop("DriftAlarm") is None
    assert actions.keys() == {
        "DetectErrorsAlarm",
        "DetectThrottlesAlarm",
        "RecordsNotStoredAlarm",
        "MonitorErrorsAlarm",
        "MonitorHeartbeatAlarm",
    }
    assert all(each == [{"Ref": "AlarmTopic"}] for each in actions.values())
    assert alarms["MonitorHeartbeatAlarm"]["TreatMissingData"] == "breaching"
    policy = only(watched, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    services = [each["Principal"] for each in policy if each["Effect"] == "Allow"]
    assert services == [{"Service": "cloudwatch.amazonaws.com"}]


def test_alarms_look_at_metrics_that_are_written(watched: Resources) -> None:
    line = json.loads(metrics.run_metrics("icebox-dev", 1, 0, NOW))
    (written,) = line["_aws"]["CloudWatchMetrics"]
    heartbeat = of_type(watched, "AWS::CloudWatch::Alarm")["MonitorHeartbeatAlarm"]
    assert heartbeat["Namespace"] == written["Namespace"]
    assert heartbeat["MetricName"] in {metric["Name"] for metric in written["Metrics"]}
    assert [[each["Name"] for each in heartbeat["Dimensions"]]] == written["Dimensions"]
    drift = of_type(watched, "AWS::CloudWatch::Alarm")["DriftAlarm"]
    line = json.loads(metrics.result_metrics(make_changed(), "icebox-dev", NOW))
    assert [each["Name"] for each in drift["Dimensions"]] in [
        dimensions
        for written in line["_aws"]["CloudWatchMetrics"]
        if drift["MetricName"] in {metric["Name"] for metric in written["Metrics"]}
        for dimensions in written["Dimensions"]
    ]


def test_mail_is_sent_only_to_an_address(translated: dict[str, Any], watched: Resources) -> None:
    assert not of_type(watched, "AWS::SNS::Subscription")
    given = {**ON, "AlarmEmail": "lab@example.org"}
    mail = only(cloudformation.resources(translated, given), "AWS::SNS::Subscription")
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "lab@example.org")
    # a release's watch has messages, too
    unwatched = cloudformation.resources(translated, {"AlarmEmail": "lab@example.org"})
    assert only(unwatched, "AWS::SNS::Subscription")["Endpoint"] == "lab@example.org"


def test_what_it_writes_expires(translated: dict[str, Any]) -> None:
    bucket = cloudformation.resources(translated, {"PredictionRetentionDays": "30"})
    rules = bucket["PredictionBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    # also without the function: `scripts/run monitor compact` may have written them
    assert days["compacted/"] == days["reports/"] == days["predictions/"] == "30"
    groups = of_type(cloudformation.resources(translated, ON), "AWS::Logs::LogGroup")
    assert groups["MonitorLogGroup"]["RetentionInDays"] == "30"
