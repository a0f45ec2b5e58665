"""The stack's images: their repository, a stack of its own, and whether a release's still exist."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from scripts.deployment.aws.account import is_missing
from scripts.deployment.aws.explain import explain_failures
from scripts.deployment.aws.stack import (
    NEVER_WHOLE,
    last_event_time,
    read_stack,
    to_tags,
    wait_while_in_progress,
)
from scripts.paths import ROOT
from scripts.tool import ToolError

TEMPLATE = ROOT / "scripts" / "image-repository.yaml"
WAIT_S = 600.0


@dataclass(frozen=True)
class ImageAddress:
    """`ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG` in parts. digest: empty if unknown."""

    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def parse(cls, uri: str) -> ImageAddress:
        """Raises ToolError for what is no such address."""
        _, slash, path = uri.partition("/")
        path, _, digest = path.partition("@")
        repository, _, tag = path.partition(":")
        if not slash or not repository or not (tag or digest):
            raise ToolError(f"{uri!r} is no address of an image in ECR")
        return cls(repository, tag, digest)


def repository_stack(stack_name: str) -> str:
    """The name of the stack with the repository of another stack's images."""
    return f"{stack_name}-images"


def deploy_repository(stack_name: str, tags: Mapping[str, str]) -> str:
    """Make the repository, or bring it up to date. Returns its URI. Raises ToolError."""
    name = repository_stack(stack_name)
    cloudformation = boto3.client("cloudformation")
    stack = read_stack(name)
    if stack and stack.is_in_progress:
        stack = wait_while_in_progress(stack.id, timeout_s=WAIT_S)
    if stack and stack.status in NEVER_WHOLE:
        cloudformation.delete_stack(StackName=name)
        wait_while_in_progress(stack.id, timeout_s=WAIT_S)
        stack = None
    since = last_event_time(stack)
    request: dict[str, Any] = {
        "StackName": name,
        "TemplateBody": TEMPLATE.read_text(encoding="utf-8"),
        "Tags": to_tags(tags),
    }
    if stack is None:
        print(f"images    making the repository, stack {name}")
        cloudformation.create_stack(**request)
    else:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    stack = read_stack(name)
    stack = stack and wait_while_in_progress(stack.id, timeout_s=WAIT_S)
    if stack is None or stack.status not in (
        "CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"
    ):  # fmt: skip
        status = stack.status if stack else "gone"
        why = explain_failures(stack.id, since) if stack else ""
        raise ToolError(f"the images' repository, stack {name}, is {status}. {why}")
    return stack.outputs["RepositoryUri"]


def resolve_digest(function: str, version: str) -> tuple[str, str]:
    """The address of a version's image as it was deployed, and its digest."""
    code = boto3.client("lambda").get_function(FunctionName=function, Qualifier=version)["Code"]
    uri = code.get("ImageUri", "")
    return uri, code.get("ResolvedImageUri", uri).partition("@")[2]


def check_exists(uri: str, digest: str) -> None:
    """Whether a release's image is still in its repository. Raises ToolError if not."""
    address = ImageAddress.parse(uri)
    image = {"imageTag": address.tag} if address.tag else {"imageDigest": address.digest}
    try:
        found = boto3.client("ecr").describe_images(
            repositoryName=address.repository, imageIds=[image]
        )["imageDetails"]
    except ClientError as error:
        if not is_missing(error):
            raise
        found = []
    if not found or (digest and found[0]["imageDigest"] != digest):
        raise ToolError(
            f"the image {uri} is not in its repository any more, which keeps those of the last 30 "
            "releases: that release cannot come back as it was. Its model can: copy model.onnx and "
            "model.json of its folder in releases/ into handler/model/, and scripts/deploy"
        )


def keep(number: int, images: Mapping[str, str]) -> None:
    """Tag a release's images, so that the repository does not expire them while other ones come.

    images: addresses by function. What fails is told and no more: the release is good without.
    """
    ecr = boto3.client("ecr")
    for function, uri in images.items():
        address = ImageAddress.parse(uri)
        tag = f"release-{number:06d}-{function.lower()}"
        try:
            with _already_there_is_fine():
                image = ecr.batch_get_image(
                    repositoryName=address.repository, imageIds=[{"imageTag": address.tag}]
                )["images"][0]
                ecr.put_image(
                    repositoryName=address.repository,
                    imageManifest=image["imageManifest"],
                    imageManifestMediaType=image["imageManifestMediaType"],
                    imageTag=tag,
                )
        except (ClientError, LookupError) as error:
            print(f"warning: the image of {function} was not tagged {tag}: {error}")


@contextlib.contextmanager
def _already_there_is_fine() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if "AlreadyExists" not in error.response["Error"]["Code"]:
            raise
