"""A release: a version behind an alias, to which requests move while it is watched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.monitor.canary.settings import CanarySettings
from tests.support.paths import ROOT
from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type, only
from tests.template.conftest import IMAGE, Translate, lint
from tests.template.policies import allowed, statements
from tests.template.rollout import of_rollout

ROLLOUTS = (
    "AllAtOnce",
    "Canary10Percent5Minutes",
    "Canary10Percent10Minutes",
    "Canary10Percent15Minutes",
    "Canary10Percent30Minutes",
    "Linear10PercentEvery1Minute",
)
KNOWN = {  # what CloudFormation puts in place of references
    "DetectFunction": "icebox-prod-DetectFunction-Qm9",
    "s3://${PredictionBucket}": "s3://bucket",
    "AWS::StackName": "icebox-prod",
}
ALARMS = {"NewVersionErrorsAlarm", "NewVersionSlowAlarm", "CanaryBehaviourAlarm"}


def stack(translate: Translate, **parameters: str) -> Resources:
    return cloudformation.resources(translate(**parameters), parameters)


@pytest.fixture(scope="module")
def shifting(translate: Translate) -> Resources:
    return stack(translate, Rollout="Canary10Percent5Minutes")


def version_of(resources: Resources) -> str:
    """The logical name of the function's version: another one is another version."""
    [name] = of_type(resources, "AWS::Lambda::Version")
    return name


def test_requests_go_to_the_alias(shifting: Resources) -> None:
    alias = only(shifting, "AWS::Lambda::Alias")
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version_of(shifting), "Version"]}
    assert shifting["ApiMayInvoke"]["Properties"]["FunctionName"] == {
        "Ref": "DetectFunctionAliaslive"
    }


def test_a_release_has_a_version_of_its_own(translate: Translate) -> None:
    one, other = (stack(translate, Release=name) for name in ("000007", "000008"))
    assert version_of(one) != version_of(other)
    # Lambda publishes nothing where nothing of the function differs from the last version
    described = [each["DetectFunction"]["Properties"]["Description"] for each in (one, other)]
    assert described[0] != described[1]
    assert version_of(stack(translate, Release="000007")) == version_of(one)


def test_without_a_release_another_image_is_another_version(
    translate: Translate, written: dict[str, Any]
) -> None:
    assert written["Parameters"]["Release"]["Default"] == ""
    pushed = cloudformation.resources(translate(image=f"{IMAGE}1"), {})
    assert version_of(pushed) != version_of(stack(translate))
    # the reason for the parameter Release: SAM does not look at parameters' values
    keyed = stack(translate, ApiKeySha256="0" * 64)
    assert version_of(keyed) == version_of(stack(translate))


def test_release_names_are_told_apart_by_all_of_their_letters(written: dict[str, Any]) -> None:
    pattern = written["Parameters"]["Release"]["AllowedPattern"]
    assert re.fullmatch(pattern, "0123456789")
    assert not re.fullmatch(pattern, "01234567890")  # SAM cuts a name after ten


def test_old_versions_stay_to_go_back_to(shifting: Resources) -> None:
    assert shifting[version_of(shifting)]["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_codedeploy_moves_the_alias(translate: Translate, rollout: str) -> None:
    made = stack(translate, Rollout=rollout)
    group = only(made, "AWS::CodeDeploy::DeploymentGroup")
    assert group["DeploymentConfigName"] == {
        "Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": rollout}]
    } or (group["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{rollout}")
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": "RolloutRole.Arn"}
    assert of_rollout(made) == ALARMS <= made.keys()
    policy = made["DetectFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert policy["BeforeAllowTrafficHook"] == {"Ref": "CanaryFunction"}
    assert policy["AfterAllowTrafficHook"] == {"Ref": "CanaryFunction"}
    watched = of_type(made, "AWS::Events::Rule")
    assert bool(watched) == (rollout != "AllAtOnce")


def test_rollouts_that_may_be_chosen_are_tested(written: dict[str, Any]) -> None:
    assert set(written["Parameters"]["Rollout"]["AllowedValues"]) == set(ROLLOUTS)


@pytest.mark.parametrize("rollout", ["AllAtOnce", "Canary10Percent5Minutes"])
def test_without_rollouts_cloudformation_moves_the_alias_alone(
    translate: Translate, rollout: str
) -> None:
    made = stack(translate, EnableRollout="false", Rollout=rollout, Release="000007")
    assert "UpdatePolicy" not in made["DetectFunctionAliaslive"]
    assert not [each for each in made.values() if "CodeDeploy" in each["Type"]]
    assert not [each for each in made.values() if "Events" in each["Type"]]
    assert of_type(made, "AWS::Lambda::Function").keys() == {"DetectFunction"}
    assert of_type(made, "AWS::IAM::Role").keys() == {"DetectRole"}
    assert not ALARMS & made.keys()
    assert "CanaryLogGroup" in made  # says why the last release was rolled back
    # as with it: to switch rollouts off publishes no version
    assert version_of(made) == version_of(stack(translate, Release="000007"))


def test_the_stack_without_rollouts_is_in_order(translate: Translate, tmp_path: Path) -> None:
    lint(translate(EnableRollout="false"), tmp_path)


def test_alarms_look_at_the_new_version_alone(shifting: Resources) -> None:
    new_version = {"Fn::GetAtt": [version_of(shifting), "Version"]}
    for name, expected in {
        # the combination that Lambda's documentation names for an alias of two versions
        "NewVersionErrorsAlarm": {
            "FunctionName": {"Ref": "DetectFunction"},
            "Resource": {"Fn::Sub": "${DetectFunction}:live"},
            "ExecutedVersion": new_version,
        },
        # the function's own metric, without what comes after the answer
        "NewVersionSlowAlarm": {
            "stage": "dev",
            "function_name": {"Ref": "DetectFunction"},
            "function_version": new_version,
        },
    }.items():
        alarm = shifting[name]["Properties"]
        assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == expected
        assert alarm["TreatMissingData"] == "notBreaching"  # no request is no fault
    assert shifting["NewVersionSlowAlarm"]["Properties"]["ExtendedStatistic"] == "p90"
    behaviour = shifting["CanaryBehaviourAlarm"]["Properties"]
    assert (behaviour["Namespace"], behaviour["MetricName"]) == ("Icebox", "CanaryBehaviour")
    assert behaviour["Dimensions"] == [{"Name": "stack", "Value": {"Ref": "AWS::StackName"}}]


def test_the_canary_knows_what_it_watches(shifting: Resources, translate: Translate) -> None:
    function = shifting["CanaryFunction"]["Properties"]
    assert function["ImageConfig"] == {
        "Command": ["scripts.monitor.canary.function.lambda_handler"]
    }
    assert function["Timeout"] == 900
    variables = function["Environment"]["Variables"]
    given = {
        name: value if isinstance(value, str) else KNOWN.get(str(next(iter(value.values()))), "8")
        for name, value in variables.items()
    }
    settings = CanarySettings.from_env(given)
    assert (settings.version, settings.is_keyed, settings.source) == ("8", False, "s3://bucket")
    assert variables == {
        "CANARY_FUNCTION": {"Ref": "DetectFunction"},
        "CANARY_ALIAS": "live",
        "CANARY_VERSION": {"Fn::GetAtt": [version_of(shifting), "Version"]},
        "CANARY_SOURCE": {"Fn::Sub": "s3://${PredictionBucket}"},
        "CANARY_STACK": {"Ref": "AWS::StackName"},
        "CANARY_TOPIC": "",
        "CANARY_EXPECTED_CHANGE": "",
        "CANARY_KEYED": "false",
        "LOG_LEVEL": "INFO",
    }
    told = stack(
        translate, ApiKeySha256="0" * 64, AlarmEmail="lab@example.org", ExpectedChange="new labels"
    )
    variables = told["CanaryFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["CANARY_KEYED"] == "true"
    assert variables["CANARY_TOPIC"] == {"Ref": "AlarmTopic"}
    assert variables["CANARY_EXPECTED_CHANGE"] == "new labels"
    assert allowed(told["CanaryRole"]["Properties"])["sns:Publish"] == [{"Ref": "AlarmTopic"}]


def test_the_canary_lists_records_and_pictures_only(shifting: Resources) -> None:
    role = shifting["CanaryRole"]["Properties"]
    (listing,) = (each for each in statements(role) if each["Action"] == "s3:ListBucket")
    assert listing["Condition"]["StringLikeIfExists"] == {
        "s3:prefix": ["predictions/*", "captures/*", "compacted/*"]
    }


def test_the_watch_runs_each_minute(shifting: Resources) -> None:
    rule = shifting["CanarySchedule"]["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": "CanaryFunction.Arn"}
    permission = shifting["CanaryScheduleMayInvoke"]["Properties"]
    assert permission["SourceArn"] == {"Fn::GetAtt": "CanarySchedule.Arn"}
    invoking = shifting["CanaryFunctionEventInvokeConfig"]["Properties"]
    assert invoking["MaximumRetryAttempts"] == 0


def test_its_image_is_the_monitors(written: dict[str, Any]) -> None:
    canary, monitor = (
        {**written["Resources"][name]["Metadata"], "checkov": None}
        for name in ("CanaryFunction", "MonitorFunction")
    )
    assert canary == monitor
    assert "FROM ${BASE_IMAGE} AS monitor" in (ROOT / "Dockerfile").read_text()
