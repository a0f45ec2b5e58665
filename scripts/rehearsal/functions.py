"""Lambda: functions of images, their versions, aliases and permissions, and invocations of them.

A version is a snapshot: the image's digest and the configuration. PublishVersion returns the last
version where nothing has changed since, as Lambda does. An alias sends a request to one of its two
versions by their weights.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.rehearsal.account import ACCOUNT, KEY_ID, SECRET, AwsError, arn
from scripts.rehearsal.containers import Environment, Image, Outcome
from scripts.rehearsal.registry import Registry

LATEST = "$LATEST"
NAME = re.compile(
    r"(?:(?:arn:[^:]+:lambda:[^:]*:\d+:|\d+:)?function:)?([A-Za-z0-9_-]+)(?::([$A-Za-z0-9_-]+))?"
)
DEFAULTS: dict[str, Any] = {"MemorySize": 128, "Timeout": 3, "Architectures": ["x86_64"]}
LineSink = Callable[[str, str, str], None]  # name of a function, version, line
InvocationSink = Callable[[str, str, str | None, Outcome], None]  # …, alias, …


def missing(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {what}")


@dataclass(frozen=True)
class Version:
    """A snapshot. configuration: the properties of AWS::Lambda::Function but Code; digest: the
    image's."""

    number: str
    configuration: Mapping[str, Any]
    image: Image
    published: datetime

    @property
    def digest(self) -> str:
        return self.image.reference.partition("@")[2]


@dataclass
class Alias:
    version: str
    weights: dict[str, float] = field(default_factory=dict)  # of additional versions
    description: str = ""


@dataclass
class Function:
    """A function. versions: by number, with $LATEST."""

    name: str
    versions: dict[str, Version]
    next_number: int = 1
    aliases: dict[str, Alias] = field(default_factory=dict)
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id; with Qualifier
    event_invoke: dict[str, dict[str, Any]] = field(default_factory=dict)
    reserved: int | None = None


class Functions:
    """All functions of a region. Containers call AWS at `endpoint`."""

    def __init__(
        self,
        region: str,
        registry: Registry,
        endpoint: Callable[[], str],
        on_line: LineSink,
        on_invocation: InvocationSink,
    ) -> None:
        self.region = region
        self._registry = registry
        self._endpoint = endpoint
        self._on_line = on_line
        self._on_invocation = on_invocation
        self._functions: dict[str, Function] = {}
        self._environments: dict[tuple[str, str], Environment] = {}
        self._lock = threading.RLock()
        self._random = random.Random(0)  # the same calls go to the same versions in each run

    # -- what CloudFormation and the API share

    def put(self, name: str, properties: Mapping[str, Any], is_new: bool) -> None:
        """Make or change a function; raises AwsError as Lambda refuses it."""
        with self._lock:
            if is_new == (name in self._functions):
                if is_new:
                    raise AwsError("ResourceConflictException", f"Function already exist: {name}")
                raise missing(name)
            code = properties.get("Code", {})
            if properties.get("PackageType") != "Image" or "ImageUri" not in code:
                raise AwsError(
                    "InvalidParameterValueException", "the stand-in knows functions of images only"
                )
            override = properties.get("ImageConfig") or {}
            image = Image(
                self._resolve(code["ImageUri"]),
                tuple(override.get("EntryPoint") or ()),
                tuple(override.get("Command") or ()),
            )
            kept = {key: value for key, value in properties.items() if key not in ("Code", "Tags")}
            latest = Version(LATEST, DEFAULTS | kept, image, datetime.now(UTC))
            if is_new:
                self._functions[name] = Function(name, {LATEST: latest})
            else:
                self._functions[name].versions[LATEST] = latest
            reserved = properties.get("ReservedConcurrentExecutions")
            self._functions[name].reserved = None if reserved is None else int(reserved)
            self._forget(name, LATEST)

    def delete(self, name: str) -> None:
        with self._lock:
            self.find(name)
            for number in [*self._functions[name].versions]:
                self._forget(name, number)
            del self._functions[name]

    def all(self) -> list[Function]:
        return [*self._functions.values()]

    def delete_version(self, name: str, number: str) -> None:
        """Raises AwsError for a version to which an alias points."""
        with self._lock:
            function = self.find(name)
            used = [
                key
                for key, alias in function.aliases.items()
                if number == alias.version or number in alias.weights
            ]
            if used:
                raise AwsError(
                    "ResourceConflictException",
                    f"Version {number} is used by the alias {', '.join(used)}",
                )
            function.versions.pop(number, None)
            self._forget(function.name, number)

    def publish(self, name: str) -> Version:
        with self._lock:
            function = self.find(name)
            latest = function.versions[LATEST]
            last = function.versions.get(str(function.next_number - 1))
            if last and (last.configuration, last.image) == (latest.configuration, latest.image):
                return last
            number = str(function.next_number)
            function.next_number += 1
            made = Version(number, latest.configuration, latest.image, datetime.now(UTC))
            function.versions[number] = made
            return made

    def find(self, name: str) -> Function:
        """By a name or an ARN, with a qualifier or without."""
        plain = self.split(name)[0]
        if plain not in self._functions:
            raise missing(arn("lambda", self.region, f"function:{plain}"))
        return self._functions[plain]

    @staticmethod
    def split(name: str) -> tuple[str, str | None]:
        """Name and qualifier."""
        if not (found := NAME.fullmatch(name)):
            raise AwsError("ValidationException", f"no name of a function: {name}")
        return found[1], found[2]

    def arn(self, name: str, qualifier: str | None = None) -> str:
        return arn(
            "lambda", self.region, f"function:{name}" + (f":{qualifier}" if qualifier else "")
        )

    def may_invoke(self, name: str, qualifier: str | None, principal: str) -> bool:
        """Whether a service has a permission on just this qualifier."""
        return any(
            each["Principal"] == principal and each.get("Qualifier") == qualifier
            for each in self.find(name).permissions.values()
        )

    def invoke(
        self, name: str, qualifier: str | None, payload: bytes, client_context: str | None = None
    ) -> tuple[str, Outcome]:
        """The version that ran, and what it gave."""
        with self._lock:
            function = self.find(name)
            alias = function.aliases.get(qualifier or "")
            number = self._chosen(alias) if alias else qualifier or LATEST
            if number not in function.versions:
                raise missing(self.arn(function.name, qualifier))
            environment = self._environment(function, number)
        outcome = environment.invoke(payload, client_context)
        self._on_invocation(function.name, number, qualifier if alias else None, outcome)
        return number, outcome

    def stop(self) -> None:
        for environment in self._environments.values():
            environment.stop()

    def _chosen(self, alias: Alias) -> str:
        drawn = self._random.random()
        for number, weight in alias.weights.items():
            if drawn < weight:
                return number
            drawn -= weight
        return alias.version

    def _environment(self, function: Function, number: str) -> Environment:
        key = (function.name, number)
        if key not in self._environments:
            version = function.versions[number]
            given = dict((version.configuration.get("Environment") or {}).get("Variables") or {})
            memory, timeout = (int(version.configuration[key]) for key in ("MemorySize", "Timeout"))
            log_level = (version.configuration.get("LoggingConfig") or {}).get(
                "ApplicationLogLevel"
            )
            ours = {
                "AWS_LAMBDA_FUNCTION_NAME": function.name,
                "AWS_LAMBDA_FUNCTION_VERSION": number,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
                "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
                **({"AWS_LAMBDA_LOG_LEVEL": log_level} if log_level else {}),
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_ACCESS_KEY_ID": KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_ENDPOINT_URL": self._endpoint(),
            }
            variables = {name: str(value) for name, value in {**given, **ours}.items()}
            self._environments[key] = Environment(
                version.image,
                variables,
                memory,
                timeout,
                lambda line: self._on_line(function.name, number, line),
            )
        return self._environments[key]

    def _forget(self, name: str, number: str) -> None:
        if environment := self._environments.pop((name, number), None):
            threading.Thread(target=environment.stop).start()

    def _resolve(self, uri: str) -> str:
        """An image by its digest. Raises AwsError where the registry has no such image."""
        address, _, rest = uri.partition("/")
        if address != self._registry.address:
            raise AwsError(
                "InvalidParameterValueException",
                f"Source image {uri} is not valid: it lies in no repository of this account",
            )
        repository, _, digest = rest.partition("@")
        repository, _, tag = repository.partition(":")
        found = self._registry.digest(repository, digest or tag or "latest")
        if not found:
            raise AwsError(
                "InvalidParameterValueException",
                f"Source image {uri} does not exist. Provide a valid source image.",
            )
        return f"{address}/{repository}@{found}"


def configuration(functions: Functions, function: Function, version: Version) -> dict[str, Any]:
    """What Lambda says of a version."""
    said = {
        key: version.configuration[key]
        for key in ("Description", "Timeout", "MemorySize", "PackageType", "Environment", "Role")
        if key in version.configuration
    }
    for key in ("Architectures", "LoggingConfig", "EphemeralStorage", "KmsKeyArn"):
        if key in version.configuration:
            name = "KMSKeyArn" if key == "KmsKeyArn" else key
            said[name] = version.configuration[key]
    said["Timeout"], said["MemorySize"] = int(said["Timeout"]), int(said["MemorySize"])
    settings = json.dumps(version.configuration, sort_keys=True, default=str)
    return said | {
        "FunctionName": function.name,
        "FunctionArn": functions.arn(
            function.name, None if version.number == LATEST else version.number
        ),
        "Version": version.number,
        "CodeSha256": version.digest.removeprefix("sha256:"),
        "CodeSize": 0,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LastModified": version.published.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "RevisionId": str(uuid.UUID(hashlib.sha256(settings.encode()).hexdigest()[:32])),
    }


def image_of(version: Version) -> dict[str, Any]:
    return {
        "RepositoryType": "ECR",
        "ImageUri": version.image.reference,
        "ResolvedImageUri": version.image.reference,
    }


def decoded_context(text: str | None) -> bytes:
    """A client context's JSON. Raises AwsError where it is no base64."""
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        raise AwsError("InvalidRequestContentException", "ClientContext is not base64") from None


def alias_of(functions: Functions, function: Function, name: str) -> dict[str, Any]:
    """What Lambda says of an alias."""
    if name not in function.aliases:
        raise AwsError(
            "ResourceNotFoundException",
            f"Cannot find alias arn: {functions.arn(function.name, name)}",
        )
    alias = function.aliases[name]
    said: dict[str, Any] = {
        "AliasArn": functions.arn(function.name, name),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"{ACCOUNT}{alias.version}{alias.weights}")
        ),
    }
    if alias.weights:
        said["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return said
