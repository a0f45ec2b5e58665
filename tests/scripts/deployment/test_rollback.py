"""scripts/rollback against the stand-in for AWS: what serves at once, what the stack is then, which
keys count."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from scripts.deployment.aws.stack import deployed_version, read_stack, version_settings
from scripts.deployment.deploy import deploy
from scripts.deployment.releases import ReleaseStore, list_releases, read_file
from scripts.deployment.rollback import rollback
from scripts.deployment.table import show
from scripts.tool import ToolError
from tests.scripts.deployment.conftest import KEY
from tests.scripts.deployment.test_deploy import live, statuses
from tests.support.cloud import BROKEN, FakeSam, digest_of

NEW_KEY = "cd" * 32


def image() -> str:
    """The digest of the image that is live."""
    function, version = live()
    code = boto3.client("lambda").get_function(FunctionName=function, Qualifier=version)["Code"]
    return str(code["ResolvedImageUri"]).partition("@")[2]


def keys() -> str:
    function, version = live()
    return (version_settings(function, version) or {})["API_KEY_SHA256"]


def agrees() -> bool:
    """Whether CloudFormation takes the version that is live to be live."""
    stack = read_stack("icebox-dev")
    assert stack is not None
    return deployed_version(stack) == live()[1]


@pytest.fixture
def three(fake_sam: FakeSam) -> FakeSam:
    for number in (1, 2, 3):
        fake_sam.image = f"detect-{number}"
        deploy("dev")
    return fake_sam


def test_the_release_before_is_live_again_and_the_stack_agrees(
    three: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback("dev", reason="counts twice")
    assert image() == digest_of("detect-2") and agrees()
    assert statuses() == [
        (4, "released"), (3, "rolled back"), (2, "superseded"), (1, "superseded"),
    ]  # fmt: skip
    said = capsys.readouterr().out
    assert said.index("alias     version 2 answers") < said.index("stack     settled; version 4")
    assert "counts twice" in show("dev") and "live is release 4" in show("dev")
    # Further back, not forth again; then as far as it goes.
    rollback("dev")
    assert image() == digest_of("detect-1") and agrees()
    with pytest.raises(ToolError, match="no earlier release"):
        rollback("dev")
    three.image = "detect-4"
    assert deploy("dev").number == 6
    assert image() == digest_of("detect-4") and agrees()


def test_to_a_release_by_its_number(three: FakeSam) -> None:
    rollback("dev", to=1)
    assert image() == digest_of("detect-1") and agrees()
    rollback("dev", to=3)  # which was rolled back
    assert image() == digest_of("detect-3") and agrees()
    rollback("dev", to=live_number())
    assert statuses()[0] == (5, "released")
    with pytest.raises(ToolError, match="no release 9"):
        rollback("dev", to=9)


def test_the_alias_alone_then_the_stack(three: FakeSam) -> None:
    rollback("dev", alias_only=True)
    assert image() == digest_of("detect-2") and not agrees()
    assert "the stack takes version 3 to be live" in show("dev")
    with pytest.raises(ToolError, match="the alias was moved without the stack"):
        deploy("dev")
    rollback("dev")
    assert image() == digest_of("detect-2") and agrees()
    assert statuses()[:2] == [(4, "released"), (3, "rolled back")]


def test_a_revoked_key_does_not_come_back(
    fake_sam: FakeSam, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sbom.json").write_text("[1]")
    deploy("dev")
    (tmp_path / "sbom.json").write_text("[2]")
    fake_sam.image = "detect-2"
    deploy("dev", overrides={"ApiKeySha256": NEW_KEY})
    with pytest.raises(ToolError, match=f"1 keys that were removed since \\({KEY[:8]}\\)"):
        rollback("dev", alias_only=True)
    rollback("dev")
    # Release 1's image, with today's key, by a version of its own.
    assert (image(), keys(), live()[1]) == (digest_of("detect-1"), NEW_KEY, "3") and agrees()
    assert "alias     not moved" in capsys.readouterr().out
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.bucket is not None
    store = ReleaseStore(stack.bucket)
    assert json.loads(read_file(store, 3, "parameters.json"))["ApiKeySha256"] == NEW_KEY
    assert read_file(store, 3, "sbom.json") == b"[1]"
    assert statuses() == [(3, "released"), (2, "rolled back"), (1, "superseded")]


def test_no_open_door_comes_back(fake_sam: FakeSam) -> None:
    deploy("dev", overrides={"ApiKeySha256": "", "AllowAnonymous": "true"})
    fake_sam.image = "detect-2"
    deploy("dev")
    with pytest.raises(ToolError, match="it would let everybody in"):
        rollback("dev", alias_only=True)
    rollback("dev")
    assert (image(), keys()) == (digest_of("detect-1"), KEY)
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.parameters["AllowAnonymous"] == "false"


def test_old_keys_come_back_where_that_is_said(fake_sam: FakeSam) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    deploy("dev", overrides={"ApiKeySha256": NEW_KEY})
    rollback("dev", alias_only=True, with_old_keys=True)
    assert (image(), keys(), live()[1]) == (digest_of("detect-1"), KEY, "1")


def test_a_key_added_since_is_warned_of_and_works_again_soon(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    deploy("dev", overrides={"ApiKeySha256": f"{KEY},{NEW_KEY}"})
    rollback("dev")
    said = capsys.readouterr().out
    assert "1 keys are younger than version 1" in said and "alias     version 1 answers" in said
    assert keys() == f"{KEY},{NEW_KEY}"


def test_how_long_data_is_kept_does_not_go_back(fake_sam: FakeSam) -> None:
    deploy("dev", overrides={"PredictionRetentionDays": "30", "ThrottleRate": "1"})
    fake_sam.image = "detect-2"
    deploy("dev", overrides={"PredictionRetentionDays": "365", "ThrottleRate": "20"})
    rollback("dev")
    stack = read_stack("icebox-dev")
    assert stack is not None
    assert stack.parameters["PredictionRetentionDays"] == "365"
    assert stack.parameters["ThrottleRate"] == "1"
    assert stack.parameters["EnableRollout"] == "false"


def test_without_the_image_nothing_is_touched(three: FakeSam) -> None:
    three.registry.pushed = {name: {"detect-3": "detect-3"} for name in three.registry.pushed}
    with pytest.raises(ToolError, match="not in its repository any more"):
        rollback("dev")
    assert image() == digest_of("detect-3") and statuses()[0] == (3, "released")


def test_an_earlier_release_that_does_not_answer_either_is_not_put_live(
    fake_sam: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    deploy("dev")
    monkeypatch.setattr("tests.support.cloud.BROKEN", "detect-1")
    with pytest.raises(ToolError, match="No module named x"):
        rollback("dev")
    assert live()[1] == "2" and statuses()[0] == (2, "released")


def test_where_settling_fails_the_earlier_version_stays_live(
    three: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation takes its own belief back: the alias would lead to the bad version again."""

    def fail(*arguments: object, **options: object) -> None:
        function, _ = live()
        boto3.client("lambda").update_alias(FunctionName=function, Name="live", FunctionVersion="3")
        raise ToolError("the update of icebox-dev failed")

    with monkeypatch.context() as patch:
        patch.setattr("scripts.deployment.restore.update", fail)
        with pytest.raises(ToolError, match="update of icebox-dev failed"):
            rollback("dev")
    assert image() == digest_of("detect-2")
    assert "stack is not settled" in show("dev")
    rollback("dev")  # settles what is live
    assert image() == digest_of("detect-2") and agrees()
    assert "stack is not settled" not in show("dev")


def test_a_rollout_under_way_is_stopped(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    template = fake_sam.template
    fake_sam.template = lambda uri: _with_rollout(template(uri))
    deploy("dev")
    fake_sam.image = "detect-2"
    errors: list[Exception] = []

    def deploy_there() -> None:
        try:
            deploy("dev")
        except Exception as error:
            errors.append(error)

    there = threading.Thread(target=deploy_there)
    there.start()
    lambdas = boto3.client("lambda")
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.function is not None
    while not lambdas.get_alias(FunctionName=stack.function, Name="live").get("RoutingConfig"):
        assert not errors
        time.sleep(0.02)
    with pytest.raises(ToolError, match="somebody deploys now"):
        deploy("dev")
    stopped: list[dict[str, Any]] = []
    boto3._get_default_session().events.register(
        "provide-client-params.codedeploy.StopDeployment",
        lambda params, **_: stopped.append(dict(params)),
    )
    rollback("dev")
    there.join(30)
    assert [each["autoRollbackEnabled"] for each in stopped] == [True]
    assert "stopping  the rollout d-" in capsys.readouterr().out
    assert image() == digest_of("detect-1") and agrees()
    assert "Live as before: release 1" in str(errors[0])
    assert statuses() == [(2, "failed"), (1, "released")]


def test_there_must_be_something_to_go_back_to(fake_sam: FakeSam) -> None:
    with pytest.raises(ToolError, match="there is no stack icebox-dev"):
        rollback("dev")
    fake_sam.image = BROKEN
    with pytest.raises(ToolError):
        deploy("dev")
    with pytest.raises(ToolError, match="no earlier release"):
        rollback("dev")


def live_number() -> int:
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.bucket is not None
    return max(
        each.number
        for each in list_releases(ReleaseStore(stack.bucket))
        if each.status == "released"
    )


def _with_rollout(template: dict[str, Any]) -> dict[str, Any]:
    """Half of the calls for an hour, so that the test finds it under way."""
    resources = template["Resources"]
    resources["App"] = {
        "Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"},
    }  # fmt: skip
    resources["Group"] = {
        "Type": "AWS::CodeDeploy::DeploymentGroup",
        "Properties": {
            "ApplicationName": {"Ref": "App"},
            "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent30Minutes",
            "AutoRollbackConfiguration": {
                "Enabled": True, "Events": ["DEPLOYMENT_FAILURE"],
            },
            "ServiceRoleArn": "arn:aws:iam::123456789012:role/r",
        },
    }  # fmt: skip
    resources["DetectFunctionAliaslive"]["UpdatePolicy"] = {
        "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "App"}, "DeploymentGroupName": {"Ref": "Group"},
        }
    }  # fmt: skip
    return template
