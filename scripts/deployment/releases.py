"""The releases of a stack: what was deployed, when, how it did, and what it takes to go back.

They lie in the stack's prediction bucket, in one folder each, which no lifecycle rule expires:

    releases/000007/release.json     what this module calls a Release
    releases/000007/template.json    the packaged template, with the images' addresses
    releases/000007/parameters.json  its parameters; keys are in it as digests only
    releases/000007/model.json, model.onnx

release.json is written last, so that a release which can be read has its files. A release that went
back to an earlier one is a release of its own, with the earlier one's files: numbers tell what came
when, and the newest that is "released" is what the stack was last told to run. What is live is what
the function's alias says (`live_release`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from botocore.exceptions import ClientError

from scripts.tool import ToolError

PREFIX = "releases/"
RELEASE_FILE = "release.json"
TEMPLATE_FILE, PARAMETERS_FILE = "template.json", "parameters.json"
MODEL_FILES = ("model.json", "model.onnx")
SBOM_FILE = "sbom.json"  # what scripts/build found in the image that detects
Status = Literal["released", "failed", "rolled back", "superseded"]
_NOT_OF_THE_VERSION = ("Release", "Rollout", "EnableRollout", "ExpectedChange")
_FOLDER = re.compile(r"releases/([0-9]{6,})/")


class ReleaseError(ToolError):
    """A release that is not there, or that cannot be read or written; the text says which."""


@dataclass(frozen=True)
class Release:
    """One deployment.

    time: ISO 8601, UTC. commit: of the code, with -dirty where the checkout had changes.
    image_uri, image_digest: of the image that detects. function_version: the number that Lambda
    gave, empty where none was published. figures: of the model's evaluation sets, by the set's
    name. comparison: the gate's, with the model that was live before. allow_worse,
    expected_change: the reasons given.
    restores: the number of the earlier release whose files these are, for one that went back.
    """

    number: int
    stage: str
    time: str
    commit: str
    image_uri: str
    image_digest: str
    function_version: str
    model_name: str
    model_version: str
    model_sha256: str
    figures: Mapping[str, Any]
    comparison: Mapping[str, Any] | None
    allow_worse: str | None
    expected_change: str | None
    status: Status
    note: str
    restores: int | None = None

    @property
    def model(self) -> str:
        """The model's name and version, such as "microalgae 1.0.0"."""
        return f"{self.model_name} {self.model_version}"

    @property
    def content(self) -> int:
        """The number of the release whose content this is: its own, or that of the one restored."""
        return self.restores or self.number

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Release:
        """Fields of later versions are left out. Raises ValueError for what is no release."""
        read = json.loads(text)
        if not isinstance(read, dict):
            raise ValueError("it is no JSON object")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        missing = [
            name
            for name, field in fields.items()
            if name not in read and field.default is dataclasses.MISSING
        ]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        release = cls(**{name: read[name] for name in fields if name in read})
        texts = (release.stage, release.time, release.function_version, release.model_version)
        if not isinstance(release.number, int) or not all(isinstance(each, str) for each in texts):
            raise ValueError("a field has the wrong type")
        if release.status not in get_args(Status):
            raise ValueError(f"its status is {release.status!r}")
        return release


class ReleaseStore:
    """The releases' objects in a bucket."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self.bucket = bucket
        if s3 is None:
            import boto3

            s3 = boto3.client("s3")
        self._s3 = s3

    def put(self, key: str, body: bytes, *, new: bool = False) -> None:
        """Write an object; `new`: only where there is none. Raises ReleaseError where there is."""
        condition = {"IfNoneMatch": "*"} if new else {}
        try:
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                raise ReleaseError(
                    f"s3://{self.bucket}/{key} is there already: somebody else deploys now; see "
                    "scripts/releases"
                ) from None
            raise

    def get(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return body

    def delete_release(self, number: int) -> None:
        """Delete a release's objects; their old versions stay where the bucket keeps them."""
        for name in (RELEASE_FILE, TEMPLATE_FILE, PARAMETERS_FILE, *MODEL_FILES, SBOM_FILE):
            self._s3.delete_object(Bucket=self.bucket, Key=release_key(number, name))

    def url(self, key: str) -> str:
        """An object's URL as CloudFormation takes it: S3's own, path style."""
        return f"{self._s3.meta.endpoint_url}/{self.bucket}/{key}"

    def numbers(self) -> list[int]:
        """Of all folders, also of one whose release.json is missing; ascending."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=PREFIX, Delimiter="/"
        )
        folders = (item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ()))
        return sorted(int(match[1]) for folder in folders if (match := _FOLDER.fullmatch(folder)))


def release_key(number: int, name: str) -> str:
    """The key of a release's file."""
    return f"{PREFIX}{number:06d}/{name}"


def list_releases(store: ReleaseStore) -> list[Release]:
    """All releases, the newest first. A folder without release.json, of a deployment that was cut
    off, is none. Raises ReleaseError."""
    found = (_read(store, number) for number in reversed(store.numbers()))
    return [release for release in found if release is not None]


def read_release(store: ReleaseStore, number: int) -> Release:
    """One release. Raises ReleaseError."""
    release = _read(store, number)
    if release is None:
        raise ReleaseError(
            f"there is no release {number} in s3://{store.bucket}/{PREFIX}; scripts/releases lists "
            "those that there are"
        )
    return release


def read_file(store: ReleaseStore, number: int, name: str) -> bytes:
    """A release's file, such as TEMPLATE_FILE. Raises ReleaseError where it is missing."""
    body = store.get(release_key(number, name))
    if body is None:
        raise ReleaseError(f"s3://{store.bucket}/{release_key(number, name)} is missing")
    return body


def next_number(store: ReleaseStore) -> int:
    numbers = store.numbers()
    return numbers[-1] + 1 if numbers else 1


def write_release(
    store: ReleaseStore,
    release: Release,
    files: Mapping[str, bytes] | None = None,
    *,
    new: bool = False,
) -> None:
    """Write a release's files, then itself; `new`: Raises ReleaseError where it exists already."""
    for name, body in (files or {}).items():
        store.put(release_key(release.number, name), body)
    store.put(release_key(release.number, RELEASE_FILE), release.to_json().encode(), new=new)


def live_release(releases: Iterable[Release], alias_version: str) -> Release | None:
    """The release whose function version the alias has, the newest of several; None for a version
    that no release has."""
    return next(
        (
            release
            for release in sorted(releases, key=lambda release: -release.number)
            if release.function_version == alias_version and release.status != "failed"
        ),
        None,
    )


def previous_good(releases: Sequence[Release], live: Release) -> Release | None:
    """The release to go back to from `live`: the newest before it that did well, None for none.

    Where `live` itself went back to release 5, that is one before 5.
    """
    good = [
        release
        for release in releases
        if release.number < live.content and release.status in ("released", "superseded")
    ]
    return max(good, key=lambda release: release.number, default=None)


def version_name(template: bytes, parameters: Mapping[str, str]) -> str:
    """A name for what a packaged template and its parameters make: ten hex digits.

    The template names the function's version by it (parameter Release), since SAM and Lambda do not
    look at the values of parameters: without it, a key that was removed would stay valid in the
    version that is live. The same content has the same name, so that nothing is published for it.
    """
    counted = {name: value for name, value in parameters.items() if name not in _NOT_OF_THE_VERSION}
    digest = hashlib.sha256(template)
    digest.update(json.dumps(counted, sort_keys=True).encode())
    return digest.hexdigest()[:10]


def supersede(store: ReleaseStore, releases: Iterable[Release], number: int) -> None:
    """Mark what was released before `number` as superseded."""
    for release in releases:
        if release.number != number and release.status == "released":
            write_release(store, dataclasses.replace(release, status="superseded"))


def _read(store: ReleaseStore, number: int) -> Release | None:
    key = release_key(number, RELEASE_FILE)
    body = store.get(key)
    if body is None:
        return None
    try:
        return Release.from_json(body)
    except (ValueError, TypeError) as error:
        raise ReleaseError(f"s3://{store.bucket}/{key} cannot be read: {error}") from None
