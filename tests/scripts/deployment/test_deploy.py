"""scripts/deploy against the stand-in for AWS: what becomes live, is recorded, and is told."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest

from scripts.deployment.aws.stack import read_alias, read_stack, version_settings
from scripts.deployment.deploy import deploy
from scripts.deployment.outcome import DeployError
from scripts.deployment.releases import ReleaseStore, list_releases
from scripts.rehearsal.account import AwsError
from scripts.rehearsal.cloudformation.kinds import compute
from scripts.rehearsal.cloudformation.kinds.kind import Call, Made
from scripts.rehearsal.cloudformation.stack import Resource
from scripts.tool import ToolError
from tests.scripts.deployment.conftest import KEY
from tests.support.cloud import BROKEN, RELEASE, FakeSam, digest_of


def live() -> tuple[str, str]:
    """The function and the version that its alias has."""
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.function is not None
    alias = read_alias(stack.function)
    assert alias is not None and not alias.weights
    return stack.function, alias.version


def statuses() -> list[tuple[int, str]]:
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.bucket is not None
    return [(each.number, each.status) for each in list_releases(ReleaseStore(stack.bucket))]


def test_a_first_deployment_and_an_update_are_recorded(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    first = deploy("dev")
    assert (first.number, first.function_version, first.status) == (1, "1", "released")
    assert first.image_digest == digest_of("detect-1")
    fake_sam.image = "detect-2"
    second = deploy("dev", expected_change="a wider lens", allow_worse="so", comparison={"a": 1})
    assert live()[1] == second.function_version == "2"
    assert (second.expected_change, second.comparison) == ("a wider lens", {"a": 1})
    assert 'ExpectedChange="a wider lens"' in fake_sam.runs[-1]
    assert statuses() == [(2, "released"), (1, "superseded")]
    [tags] = fake_sam.registry.pushed.values()
    assert tags["release-000002-detectfunction"] == "detect-2"
    said = capsys.readouterr().out
    assert "version 2 answers: 8 objects on the sample picture" in said
    assert "401 without a key" in said and "ApiUrl    https://api.example" in said


def test_a_removed_key_is_revoked(fake_sam: FakeSam, tmp_path: Path) -> None:
    deploy("dev")
    function, version = live()
    assert (version_settings(function, version) or {})["API_KEY_SHA256"] == KEY
    # The last key goes, in the way of an older samconfig.toml: without the parameter.
    (tmp_path / "samconfig.toml").write_text(
        "[dev.deploy.parameters]\nparameter_overrides = 'Stage=dev AllowAnonymous=true'\n"
    )
    deploy("dev")
    function, version = live()
    assert (version_settings(function, version) or {})["API_KEY_SHA256"] == ""
    assert 'ApiKeySha256=""' in fake_sam.runs[-1]


def test_a_version_with_other_keys_than_it_was_given_is_told(fake_sam: FakeSam) -> None:
    """As by a template that names its version by the image alone."""
    template = fake_sam.template
    fake_sam.template = lambda uri: json.loads(json.dumps(template(uri)).replace(RELEASE, "always"))
    deploy("dev")
    with pytest.raises(DeployError, match="live with other keys than samconfig"):
        deploy("dev", overrides={"ApiKeySha256": "cd" * 32})


def test_nothing_new_is_no_release(fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]) -> None:
    first = deploy("dev")
    assert deploy("dev") == first
    assert "nothing was deployed" in capsys.readouterr().out
    assert statuses() == [(1, "released")]


def test_a_function_that_does_not_answer_is_taken_back(fake_sam: FakeSam) -> None:
    deploy("dev")
    fake_sam.image = BROKEN
    with pytest.raises(DeployError, match=r"No module named x(.|\n)*live is release 3") as error:
        deploy("dev")
    assert "INIT_REPORT" in str(error.value)
    assert statuses() == [(3, "released"), (2, "rolled back"), (1, "superseded")]
    _, version = live()
    assert version == "3"  # of release 1's image, and the stack agrees
    fake_sam.image = "detect-2"
    assert deploy("dev").number == 4


def test_a_first_deployment_that_does_not_answer_is_told(fake_sam: FakeSam) -> None:
    fake_sam.image = BROKEN
    with pytest.raises(DeployError, match="no earlier release"):
        deploy("dev")
    assert statuses() == [(1, "failed")]


def test_a_failed_update_is_recorded_and_told(
    fake_sam: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    template = fake_sam.template
    fake_sam.template = lambda uri: _with_too_much(template(uri))
    with pytest.raises(DeployError) as error:
        deploy("dev")
    said = str(error.value)
    assert "DetectFunction (AWS::Lambda::Function) could not be updated" in said
    assert "set MaxConcurrency=0" in said
    assert "Live as before: release 1" in said and "UPDATE_ROLLBACK_COMPLETE" in said
    assert statuses() == [(2, "failed"), (1, "released")]
    fake_sam.template = template
    assert deploy("dev").number == 3


def test_a_failed_first_deployment_is_begun_anew(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    template = fake_sam.template
    fake_sam.template = lambda uri: _with_too_much(template(uri))
    with pytest.raises(DeployError, match="Nothing is live: stack icebox-dev is ROLLBACK_COMPLETE"):
        deploy("dev")
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    fake_sam.template = template
    assert deploy("dev").number == 1
    assert "deleting it to begin again" in capsys.readouterr().out


def test_a_version_that_a_failed_deployment_left_is_no_obstacle(
    fake_sam: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda publishes no second version of the same content, and CloudFormation fails for it."""
    deploy("dev")
    function, _ = live()

    def versions() -> list[str]:
        listed = boto3.client("lambda").list_versions_by_function(FunctionName=function)
        return [each["Version"] for each in listed["Versions"]]

    update = compute.Alias.update

    def refuse(self: compute.Alias, call: Call, old: Resource) -> Made:
        if call.is_rollback:
            return update(self, call, old)
        raise AwsError("Throttling", "Rate exceeded")

    fake_sam.image = "detect-2"
    with monkeypatch.context() as patch:
        patch.setattr(compute.Alias, "update", refuse)
        with pytest.raises(DeployError, match=r"DetectFunctionAliaslive .* could not be updated"):
            deploy("dev")
    assert versions() == ["$LATEST", "1", "2"]
    assert deploy("dev").function_version == "3"
    assert versions() == ["$LATEST", "1", "3"]


def test_sam_that_fails_by_itself_changes_nothing(fake_sam: FakeSam) -> None:
    fake_sam.fails = True
    with pytest.raises(DeployError, match="Nothing is live: there is no stack"):
        deploy("dev")
    fake_sam.fails = False
    deploy("dev")
    fake_sam.fails = True
    with pytest.raises(DeployError, match="Live as before: release 1"):
        deploy("dev", expected_change="other")


def test_an_alias_that_was_moved_by_hand_is_told(fake_sam: FakeSam) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    deploy("dev")
    function, _ = live()
    client = boto3.client("lambda")
    client.update_alias(FunctionName=function, Name="live", FunctionVersion="1")
    fake_sam.image = "detect-3"
    with pytest.raises(ToolError, match="version 1 is live, and the stack takes it to be 2"):
        deploy("dev")


def test_a_deployment_that_was_cut_off_is_recorded_by_the_next(fake_sam: FakeSam) -> None:
    deploy("dev")
    fake_sam.image = "detect-2"
    real = fake_sam.deploy

    def cut_off(*arguments: object) -> bool:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.deployment.sam.deploy", cut_off)
        with pytest.raises(KeyboardInterrupt):
            deploy("dev")
    assert statuses() == [(2, "failed"), (1, "released")]
    assert deploy("dev").number == 2
    assert statuses() == [(2, "released"), (1, "superseded")]


def _with_too_much(
    template: dict[str, dict[str, dict[str, dict[str, object]]]],
) -> dict[str, object]:
    template["Resources"]["DetectFunction"]["Properties"]["ReservedConcurrentExecutions"] = 999
    return template  # type: ignore[return-value]
