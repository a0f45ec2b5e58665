"""Which AWS account and region a command works in, and AWS's errors in plain words.

Clients are boto3's own, so that everything is found where boto3 looks: the environment, profiles,
single sign-on, roles, and AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.tool import ToolError

_SIGN_IN = (
    "sign in (aws sso login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; docs/deploy.md "
    "has every step"
)
# What boto3 raises by name, and what helps
_HELP = {
    "NoCredentialsError": f"no AWS credentials were found: {_SIGN_IN}",
    "PartialCredentialsError": f"the AWS credentials are incomplete: {_SIGN_IN}",
    "SSOTokenLoadError": "the single sign-on has not happened or is over: aws sso login",
    "UnauthorizedSSOTokenError": "the single sign-on is over: aws sso login",
    "TokenRetrievalError": "the single sign-on is over: aws sso login",
    "ProfileNotFound": "there is no such AWS profile; AWS_PROFILE names one of ~/.aws/config",
    "NoRegionError": "no AWS region is set: export AWS_DEFAULT_REGION=eu-central-1, for example",
    "EndpointConnectionError": "AWS cannot be reached; is the region's name right, and the network "
    "up?",
    "ExpiredToken": f"the AWS credentials have expired: {_SIGN_IN}",
    "ExpiredTokenException": f"the AWS credentials have expired: {_SIGN_IN}",
    "InvalidClientTokenId": f"AWS does not know these credentials: {_SIGN_IN}",
    "UnrecognizedClientException": f"AWS does not know these credentials: {_SIGN_IN}",
    "SignatureDoesNotMatch": f"AWS refuses these credentials; the secret key is wrong: {_SIGN_IN}",
}


@dataclass(frozen=True)
class Account:
    """Whom AWS takes this command for."""

    number: str
    caller: str
    region: str
    partition: str


@contextlib.contextmanager
def aws_errors_explained() -> Iterator[None]:
    """Turn boto3's errors into ToolErrors that say what to do."""
    try:
        yield
    except ClientError as error:
        code, message = _code_and_message(error)
        if code in _HELP:
            raise ToolError(f"{_HELP[code]} ({error.operation_name}: {code})") from None
        if "AccessDenied" in code or code in ("UnauthorizedOperation", "403", "Forbidden"):
            raise ToolError(
                f"these credentials may not do that: {message or error.operation_name}. Use a role "
                "that may; scripts/deploy-role.yaml lists what deploying needs"
            ) from None
        raise ToolError(f"AWS refuses {error.operation_name}: {code}: {message}") from None
    except BotoCoreError as error:
        name = type(error).__name__
        raise ToolError(f"{_HELP[name]} ({error})" if name in _HELP else f"AWS: {error}") from None


def select(region: str | None = None, profile: str | None = None) -> None:
    """Make a region or a profile count for this process and those that it starts.

    boto3 reads AWS_DEFAULT_REGION only, others AWS_REGION only: both are set alike. Raises
    ToolError where the environment contradicts itself.
    """
    if profile:
        os.environ["AWS_PROFILE"] = profile
    named = {name: os.environ.get(name) for name in ("AWS_DEFAULT_REGION", "AWS_REGION")}
    region = region or named["AWS_DEFAULT_REGION"] or named["AWS_REGION"]
    contradicts = all(named.values()) and len(set(named.values())) > 1
    if contradicts and region == named["AWS_DEFAULT_REGION"]:
        raise ToolError(
            f"AWS_DEFAULT_REGION is {named['AWS_DEFAULT_REGION']} and AWS_REGION is "
            f"{named['AWS_REGION']}; unset one of them"
        )
    if region:
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = region


def check_account() -> Account:
    """Whether AWS can be reached, in which region, and by whom. Raises ToolError."""
    with aws_errors_explained():
        region = boto3.Session().region_name
        if not region:  # STS itself would do without one
            raise ToolError(_HELP["NoRegionError"])
        sts = boto3.client("sts")
        identity: Mapping[str, str] = sts.get_caller_identity()
        return Account(
            number=identity["Account"],
            caller=identity["Arn"],
            region=region,
            partition=identity["Arn"].split(":")[1],
        )


def is_missing(error: ClientError) -> bool:
    """Whether AWS says that what was asked for does not exist."""
    code, message = _code_and_message(error)
    return (
        code
        in (
            "ResourceNotFoundException", "RepositoryNotFoundException", "ImageNotFoundException",
            "NoSuchBucket", "NoSuchKey", "404",
        )
        or (code == "ValidationError" and "does not exist" in message)
    )  # fmt: skip


def _code_and_message(error: ClientError) -> tuple[str, str]:
    details = error.response.get("Error", {})
    return str(details.get("Code", "")), str(details.get("Message", ""))
