"""Which version a deployment releases, out of AppSpec files of every spelling."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.monitor.canary.deployment import Deployment, read_deployment
from tests.scripts.monitor.canary.fake_aws import app_spec

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:detect"
SMALL = app_spec("7", "8").replace("TargetVersion", "targetversion").replace("Res", "res")
CAMEL = app_spec("7", "8").replace("TargetVersion", "targetVersion").replace("Prop", "prop")
# The structure of "AppSpec 'resources' section", AWS CodeDeploy User Guide, with other names.
YAML = """
version: 0.0
resources:
  - detect:
      type: "AWS::Lambda::Function"
      properties:
        name: detect # of the function
        alias: "live"
        currentversion: 7
        targetversion: '8'
hooks:
  - BeforeAllowTraffic: canary
"""
FLOW = "Resources: [{detect: {Properties: {Name: detect, Alias: live, TargetVersion: 8}}}]"
TWO = json.dumps(
    {
        "Resources": [
            json.loads(app_spec("1", "2", "another"))["Resources"][0],
            json.loads(app_spec("7", "8"))["Resources"][0],
        ]
    }
)
NINTH = json.loads(app_spec("7", "9"))["Resources"]  # of the same function


def ask(revision: Any) -> str | None:
    answer = {"deploymentInfo": {"revision": revision}}
    client = SimpleNamespace(get_deployment=lambda **asked: answer)
    return read_deployment(client, "d-1", "detect", "live").target


@pytest.mark.parametrize(
    "text",
    [
        *(app_spec("7", "8"), app_spec("7", "8", ARN), app_spec("7", "8").replace('"8"', "8")),
        *(
            SMALL,
            CAMEL,
            YAML,
            YAML.replace("\n", "\r\n"),
            YAML.replace("target", "Target"),
            FLOW,
            TWO,
        ),
    ],
)
@pytest.mark.parametrize(
    ("kind", "member"), [("AppSpecContent", "appSpecContent"), ("String", "string")]
)
def test_every_spelling_tells_the_version(text: str, kind: str, member: str) -> None:
    assert ask({"revisionType": kind, member: {"content": text}}) == "8"


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{}", "8", '{"Resources": 8}', '{"Resources": ["detect"]}'),
        *('{"Resources": [{"detect": 8}]}', '{"Resources": [{"detect": {"Properties": null}}]}'),
        *(app_spec("7", "$LATEST"), app_spec("7", "08"), app_spec("7", "8", alias="other")),
        *(YAML + YAML, YAML.replace("targetversion: '8'", "")),
        json.dumps({"Resources": [*json.loads(TWO)["Resources"], *NINTH]}),
    ],
)
def test_what_does_not_tell_it_is_not_guessed(text: str) -> None:
    assert ask({"revisionType": "String", "string": {"content": text}}) is None


@pytest.mark.parametrize(
    "revision",
    [
        *(None, {}, {"revisionType": "String"}),
        {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "JSON"}},
    ],
)
def test_a_revision_without_its_text_tells_nothing(revision: Any) -> None:
    assert ask(revision) is None


def test_a_refusal_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(**asked: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetDeployment")

    client = SimpleNamespace(get_deployment=refuse)
    assert read_deployment(client, "d-1", "detect", "live") == Deployment(None, False)
    assert "which version deployment d-1 releases is not known" in caplog.text


@pytest.mark.parametrize(
    ("creator", "goes_back"),
    [
        *(("user", False), ("CloudFormation", False), (None, False)),
        *(("codeDeployRollback", True), ("CloudFormationRollback", True)),
    ],
)
@pytest.mark.parametrize("revision", [None, {"revisionType": "S3"}])
def test_its_creator_tells_whether_it_goes_back(
    creator: str | None, goes_back: bool, revision: Any
) -> None:
    info = {"creator": creator, "revision": revision}
    client = SimpleNamespace(get_deployment=lambda **asked: {"deploymentInfo": info})
    assert read_deployment(client, "d-1", "detect", "live").goes_back is goes_back
