"""The rehearsal's stand-in for AWS without Docker: images are names, and functions answer here.

CloudFormation, Lambda's versions and aliases, CodeDeploy and ECR are the stand-in's own. SAM's
command line is played by `FakeSam`, which deploys a small template by change sets, as SAM does.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import moto.backends
import pytest

from handler.bundle.files import load_bundle
from scripts.deployment import outcome, sam
from scripts.deployment.aws.stack import read_stack, wait_while_in_progress
from scripts.deployment.parameters import format_pair
from scripts.rehearsal import functions as stand_in_functions
from scripts.rehearsal import stand_in as stand_in_module
from scripts.rehearsal.cloudformation import transform
from scripts.rehearsal.containers import Image, Outcome
from scripts.rehearsal.stand_in import StandIn

POLL_S = 0.02
RELEASE = "NAMEDBYRELEASE"
BROKEN = "broken"  # the tag of an image that fails at INIT
MODELS: dict[str, str] = {}  # name and version, by the digest of the image that was built with it


class _Registry:
    """Tags of images, without images: a manifest is the tag by which it was pushed first."""

    address = "127.0.0.1:5000"

    def __init__(self, folder: Path) -> None:
        self.pushed: dict[str, dict[str, str]] = {}  # by repository and tag

    def stop(self) -> None:
        pass

    def push(self, uri: str) -> None:
        repository, _, tag = uri.partition("/")[2].partition(":")
        self.pushed.setdefault(repository, {})[tag] = tag

    def digest(self, repository: str, reference: str) -> str | None:
        for tag, manifest in self.pushed.get(repository, {}).items():
            if reference in (tag, digest_of(manifest)):
                return digest_of(manifest)
        return None

    def tags(self, repository: str) -> list[str]:
        return sorted(self.pushed.get(repository, ()))

    def delete(self, repository: str, digest: str) -> None:
        images = self.pushed.get(repository, {})
        self.pushed[repository] = {
            tag: manifest for tag, manifest in images.items() if digest_of(manifest) != digest
        }

    def manifest(self, repository: str, reference: str) -> tuple[bytes, str] | None:
        for tag, manifest in self.pushed.get(repository, {}).items():
            if reference in (tag, digest_of(manifest)):
                return manifest.encode(), "application/vnd.oci.image.manifest.v1+json"
        return None

    def tag(self, repository: str, tag: str, manifest: bytes, media_type: str) -> bool:
        self.pushed[repository][tag] = manifest.decode()
        return True


def digest_of(tag: str) -> str:
    return "sha256:" + hashlib.sha256(tag.encode()).hexdigest()


class _Environment:
    """Answers as the function does, as far as scripts.deployment.smoke looks."""

    def __init__(
        self, image: Image, variables: Mapping[str, str], *rest: object, **more: object
    ) -> None:
        self._image = image.reference
        self._variables = variables

    def invoke(self, payload: bytes, client_context: str | None) -> Outcome:
        if self._image.endswith(digest_of(BROKEN)):
            error = {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named x"}
            return Outcome(json.dumps(error).encode(), "Unhandled", 0.0, "INIT_REPORT: error")
        event = json.loads(payload)
        if "image" in event:
            name, version = MODELS.get(self._image.rpartition("@")[2], "microalgae 1.0.0").split()
            model = {"name": name, "version": version}
            answer: object = {"count": 8, "detections": [], "model": model}
        elif event["requestContext"]["http"]["method"] == "GET":
            answer = {"statusCode": 200, "body": "{}"}
        else:
            is_keyed = bool(self._variables.get("API_KEY_SHA256"))
            answer = {"statusCode": 401 if is_keyed else 200, "body": "{}"}
        return Outcome(json.dumps(answer).encode(), None, 0.0)

    def stop(self) -> None:
        pass


@dataclass
class FakeSam:
    """In place of SAM's command line.

    image: the tag that the next package pushes. fails: whether the next deployment ends before
    CloudFormation is asked. runs: the arguments of each.
    """

    template: Callable[[str], dict[str, Any]]
    folder: Path
    registry: _Registry
    image: str = "detect-1"
    fails: bool = False
    runs: list[list[str]] = field(default_factory=list)

    def build(self, stage: str, parameters: Mapping[str, str]) -> None:
        self.runs.append(["build", *(format_pair(*pair) for pair in parameters.items())])

    def package(self, stage: str, repository: str) -> Path:
        uri = f"{repository}:{self.image}"
        self.registry.push(uri)
        manifest = load_bundle(outcome.MODEL).manifest
        MODELS[digest_of(self.image)] = f"{manifest.name} {manifest.version}"
        path = self.folder / "template.json"
        path.write_text(json.dumps(self.template(uri)))
        return path

    def deploy(
        self,
        stage: str,
        stack: str,
        parameters: Mapping[str, str],
        template: Path,
        repository: str,
        options: Sequence[str],
    ) -> bool:
        self.runs.append(
            [*sam.deploy_arguments(stage, stack, parameters, template, repository), *options]
        )
        if self.fails:
            return False
        client = boto3.client("cloudformation")
        there = read_stack(stack)
        change_set = client.create_change_set(
            StackName=stack,
            ChangeSetName=f"sam-{time.monotonic_ns()}",
            ChangeSetType="UPDATE" if there else "CREATE",
            TemplateBody=template.read_text(),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM"],
        )["Id"]
        while (made := client.describe_change_set(ChangeSetName=change_set, StackName=stack))[
            "Status"
        ] not in ("CREATE_COMPLETE", "FAILED"):
            time.sleep(POLL_S)
        if made["Status"] == "FAILED":
            return "didn't contain changes" in made["StatusReason"]
        client.execute_change_set(ChangeSetName=change_set, StackName=stack)
        time.sleep(POLL_S)
        made_stack = read_stack(stack)
        assert made_stack is not None
        after = wait_while_in_progress(made_stack.id, timeout_s=30, say=lambda text: None)
        return after is not None and after.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def detect_template(uri: str, parameters: Sequence[str], **properties: Any) -> dict[str, Any]:
    """A packaged template with a function behind the alias `live`, and its buckets. As SAM does,
    `cloud` names the version by the parameter Release."""
    version = f"DetectFunctionVersion{RELEASE}"
    function = {
        "Description": {"Fn::Sub": "detects ${Release}"},
        "PackageType": "Image",
        "Code": {"ImageUri": uri},
        "Role": "arn:aws:iam::123456789012:role/r",
        "Environment": {"Variables": {"API_KEY_SHA256": {"Ref": "ApiKeySha256"}}},
    }
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {name: {"Type": "String", "Default": ""} for name in parameters},
        "Resources": {
            "DetectFunction": {
                "Type": "AWS::Lambda::Function",
                "Properties": function | properties,
            },
            version: {
                "Type": "AWS::Lambda::Version",
                "DeletionPolicy": "Retain",
                "Properties": {"FunctionName": {"Ref": "DetectFunction"}},
            },
            "DetectFunctionAliaslive": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": {"Ref": "DetectFunction"},
                    "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
                    "Name": "live",
                },
            },
            "PredictionBucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "RetainExceptOnCreate",
                "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
            },
            "UploadBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
        },
        "Outputs": {
            "FunctionName": {"Value": {"Ref": "DetectFunction"}},
            "PredictionBucketName": {"Value": {"Ref": "PredictionBucket"}},
            "ApiUrl": {"Value": "https://api.example"},
        },
    }


def _translate(given: str, region: str) -> str:
    """In place of SAM's translator, for the small template."""
    template, values = json.loads(given)
    return json.dumps(template).replace(RELEASE, values["Release"])


def moto_reset() -> None:
    """S3 and what else moto plays, as if nothing had been there."""
    for name in ("s3", "sts", "iam", "logs", "events", "sns", "cloudwatch"):
        moto.backends.get_backend(name).reset()  # type: ignore[arg-type, attr-defined]


@contextmanager
def cloud(folder: Path, patch: pytest.MonkeyPatch, **options: Any) -> Iterator[StandIn]:
    """A stand-in that boto3's clients of this process talk to."""
    patch.setattr(stand_in_module, "Registry", _Registry)
    patch.setattr(stand_in_functions, "Environment", _Environment)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        patch.delenv(name, raising=False)
    for module in ("aws.stack", "aws.update", "smoke"):
        patch.setattr(f"scripts.deployment.{module}.POLL_S", POLL_S)
    patch.setattr(transform, "_translate", _translate)
    moto_reset()
    with StandIn(folder, **options) as stand_in:
        for name, value in stand_in.environment().items():
            patch.setenv(name, value)
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield stand_in
