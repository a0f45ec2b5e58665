"""What is refused before a deployment begins."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Manifest
from scripts.deployment import checks
from scripts.deployment.aws.account import aws_errors_explained, check_account, select
from scripts.deployment.aws.explain import explain
from scripts.deployment.aws.images import ImageAddress
from scripts.deployment.aws.stack import Failure, Stack
from scripts.tool import ToolError
from tests.support.release_records import release


def parameters(**given: str) -> dict[str, str]:
    return {"Stage": "dev", "AllowAnonymous": "false", "Authorizer": "NONE"} | given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "who may call it\\? Make a key with: scripts/keys new dev"),
        ({"Authorizer": "JWT", "JwtIssuer": "https://i.example"}, "needs JwtAudience"),
        ({"Authorizer": "JWT", "JwtAudience": "a"}, "needs JwtIssuer"),
        ({"ApiKeySha256": "ab", "Stage": "prod"}, "says Stage=prod; write Stage=dev"),
    ],
)
def test_what_lets_nobody_or_anybody_in_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        checks.check_parameters(parameters(**given), "dev")


def test_who_may_call_is_said_in_one_way_or_another() -> None:
    jwt = {"Authorizer": "JWT", "JwtIssuer": "https://i.example", "JwtAudience": "a"}
    for given in ({"ApiKeySha256": "ab"}, {"AllowAnonymous": "true"}, {"Authorizer": "IAM"}, jwt):
        assert checks.check_parameters(parameters(**given), "dev") == []
    [warning] = checks.check_parameters(parameters(ApiKeySha256="ab", **jwt), "dev")
    assert "takes a Bearer token for a key" in warning


@pytest.mark.parametrize(
    ("base", "is_fit"),
    [
        ("public.ecr.aws/lambda/python:3.13", True),
        ("public.ecr.aws/lambda/python:3.12-arm64", True),
        ("public.ecr.aws/lambda/python:3.11", False),
        ("my.registry/base:1", True),  # may have the runtime client that restores
    ],
)
def test_a_snapshot_needs_a_base_that_lambda_restores(base: str, is_fit: bool) -> None:
    given = parameters(SnapStart="PublishedVersions", BaseImage=base)
    if is_fit:
        assert checks.check_snapshots(given, None) == []
    else:
        with pytest.raises(ToolError, match=r"needs Python 3\.12 or later.*or SnapStart=None"):
            checks.check_snapshots(given, None)
    assert checks.check_snapshots(given | {"SnapStart": "None"}, None) == []


def test_snapshots_of_earlier_versions_are_told_with_their_price(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They cost on after SnapStart is off."""
    kept = [
        {
            "Version": str(number),
            "MemorySize": 1769,
            "SnapStart": {"ApplyOn": "PublishedVersions" if number > 1 else "None"},
        }
        for number in range(1, 5)
    ]
    monkeypatch.setattr(checks, "versions", lambda _: kept)
    [warning] = checks.check_snapshots(parameters(), "icebox")
    assert "3 versions keep a snapshot for SnapStart, together about 20 USD a month" in warning
    assert "--function-name icebox --qualifier 2" in warning
    del kept[-1]
    assert checks.check_snapshots(parameters(), "icebox") == []


def test_every_parameter_has_a_value() -> None:
    samconfig = "[dev.deploy.parameters]\nparameter_overrides = 'Stage=dev B=2 C=3'"
    defaults: dict[str, str | None] = {"Stage": "x", "A": "1", "B": "0", "C": "0", "D": ""}
    assert checks.all_parameters(samconfig, "dev", defaults, {"C": "4"}) == {
        "Stage": "dev", "A": "1", "B": "2", "C": "4", "D": "",
    }  # fmt: skip
    with pytest.raises(ToolError, match="lacks E, which the template has no default for"):
        checks.all_parameters(samconfig, "dev", defaults | {"E": None}, {})
    with pytest.raises(ToolError, match="the template has no parameter Typo"):
        checks.all_parameters(samconfig, "dev", defaults, {"Typo": "1"})


@pytest.fixture
def manifest(tiny_bundle: Path) -> Manifest:
    return load_bundle(tiny_bundle).manifest


def test_a_version_means_one_file(manifest: Manifest) -> None:
    same = release(1, model_name=manifest.name, model_version=manifest.version,
                   model_sha256=manifest.sha256)  # fmt: skip
    checks.check_model(manifest, [same], same, again=False)
    other = dataclasses.replace(same, model_sha256="0" * 64)
    with pytest.raises(ToolError, match="was released as another file \\(release 1, sha256 0000"):
        checks.check_model(manifest, [other], other, again=True)


def test_a_model_that_was_rolled_back_comes_back_only_if_that_is_said(manifest: Manifest) -> None:
    gone = dataclasses.replace(
        release(2, status="rolled back", note="counts twice"),
        model_name=manifest.name, model_version=manifest.version, model_sha256=manifest.sha256,
    )  # fmt: skip
    with pytest.raises(ToolError, match=r"rolled back \(release 2: counts twice\).*--again"):
        checks.check_model(manifest, [gone, release(1)], release(1), again=False)
    checks.check_model(manifest, [gone], None, again=True)
    # Where the same model did well in another release, the model was not the reason.
    well = dataclasses.replace(gone, number=1, status="superseded")
    checks.check_model(manifest, [gone, well], well, again=False)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("UPDATE_IN_PROGRESS", "somebody deploys now. Wait; or stop it and go back"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name icebox-dev"),
        ("UPDATE_FAILED", "rollback-stack --stack-name icebox-dev"),
        ("DELETE_FAILED", "half deleted.*scripts/teardown dev"),
    ],
)
def test_a_stack_that_cannot_be_deployed_to_says_what_to_do(
    status: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack("icebox-dev", "id", status, "why", {}, {}, datetime(2026, 11, 29, tzinfo=UTC))
    monkeypatch.setattr(checks, "read_stack", lambda name: stack)
    with pytest.raises(ToolError, match=message):
        checks.ready_stack("icebox-dev", "dev")


def test_a_change_set_that_nobody_ran_is_no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack("s", "id", "REVIEW_IN_PROGRESS", "", {}, {}, datetime(2026, 11, 29, tzinfo=UTC))
    monkeypatch.setattr(checks, "read_stack", lambda name: stack)
    assert checks.ready_stack("s", "dev") is None


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("Specified ReservedConcurrentExecutions for function decreases account's "
         "UnreservedConcurrentExecution below its minimum value of [10].", "set MaxConcurrency=0"),
        ("Resource of type 'AWS::Lambda::Version' did not stabilize: An error occurred during "
         "function initialization", "SnapStart=None"),
        ("CodeDeploy Deployment failed: BeforeAllowTraffic hook failed", "failed its own test"),
        ("One or more alarms have been activated according to the Amazon CloudWatch metrics",
         "an alarm went off"),
        ("User: arn:aws:iam::1:user/u is not authorized to perform: iam:CreateRole",
         "scripts/deploy-role.yaml"),
        ("/icebox/icebox-dev/access already exists in stack arn", "scripts/teardown"),
        ("Something that nobody knows", ""),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_plain_words(reason: str, advice: str) -> None:
    said = explain(Failure("DetectFunction", "AWS::Lambda::Function", "CREATE_FAILED", reason))
    assert said.startswith("DetectFunction (AWS::Lambda::Function) could not be created: ")
    assert reason in said and advice in said
    assert ("That means: " in said) == bool(advice)


def test_without_region_or_credentials_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                 "AWS_PROFILE", "AWS_SESSION_TOKEN"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(ToolError, match="no AWS region is set: export AWS_DEFAULT_REGION"):
        check_account()
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    select()  # boto3 does not look at AWS_REGION
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(ToolError, match="no AWS credentials were found"):
        check_account()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with pytest.raises(ToolError, match="AWS_DEFAULT_REGION is eu-west-1 and AWS_REGION is eu-c"):
        select()
    select("eu-north-1")
    with pytest.raises(ToolError, match="there is no such AWS profile"), aws_errors_explained():
        boto3.Session(profile_name="nobody")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)


def test_an_images_address_in_parts() -> None:
    address = ImageAddress.parse("1.dkr.ecr.eu-central-1.amazonaws.com/a/b:t-1")
    assert address == ImageAddress("a/b", "t-1")
    assert ImageAddress.parse("127.0.0.1:5000/b@sha256:0") == ImageAddress("b", "", "sha256:0")
    for uri in ("", "b:t", "h/b", "h/:t"):
        with pytest.raises(ToolError, match="no address of an image"):
            ImageAddress.parse(uri)
