"""Objects with all their versions, for what must be gone and not only out of sight.

In a bucket with versions a deletion adds a delete marker, and the object stays readable to whoever
asks for its version. A folder has one version of each file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from handler.storage.faults import error_code
from handler.storage.location import S3Location, parse_location, write_atomically
from handler.storage.s3 import s3_client
from scripts.records.source import CONNECT_S, READ_S, TRIES, FolderSource, check_key, storage_faults
from scripts.tool import ToolError

_DELETE_AT_ONCE = 1000  # S3's limit
_GONE = {"NoSuchKey", "NoSuchVersion"}


class Version(NamedTuple):
    """One version of an object, or a delete marker. is_latest: whether it is what the key gives."""

    key: str
    version_id: str
    is_latest: bool
    is_marker: bool


class VersionedPlace(Protocol):
    """Every method raises ToolError where the place refuses or is not there."""

    url: str

    def versions(self, prefix: str) -> Iterator[Version]:
        """All versions and delete markers below a prefix that ends with a slash."""

    def read_into(self, version: Version, path: Path) -> bool:
        """Write a version's bytes into a file. Returns whether it was still there."""

    def put(self, key: str, body: Path) -> Version:
        """Put an object, completely or not at all."""

    def remove(self, versions: Iterable[Version]) -> None:
        """Remove versions for good, markers last; no error for those that are gone."""


def open_versions(url: str) -> VersionedPlace:
    """The bucket of `s3://bucket[/prefix]`, or the folder of `file:///folder` or a plain path.

    Raises ToolError for other URLs and for a folder that does not exist.
    """
    try:
        location = parse_location("source", url) if "://" in url else Path(url).absolute()
    except ValueError as error:
        raise ToolError(f"{error} or a folder's path") from None
    if isinstance(location, S3Location):
        return BucketVersions(url, location)
    if not url or location is None or not location.is_dir():
        raise ToolError(f"{url!r}: there is no such folder; expected one, or s3://bucket[/prefix]")
    return FolderVersions(url, location)


class FolderVersions:
    """Files under a folder."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self._root = url, root

    def versions(self, prefix: str) -> Iterator[Version]:
        for item in FolderSource(self.url, self._root).items(prefix):
            yield Version(item.key, "", is_latest=True, is_marker=False)

    def read_into(self, version: Version, path: Path) -> bool:
        try:
            path.write_bytes((self._root / check_key(version.key)).read_bytes())
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, body: Path) -> Version:
        write_atomically(self._root / check_key(key), body.read_bytes())
        return Version(key, "", is_latest=True, is_marker=False)

    def remove(self, versions: Iterable[Version]) -> None:
        for each in versions:
            (self._root / check_key(each.key)).unlink(missing_ok=True)


class BucketVersions:
    """Objects in an S3 bucket. The first request imports boto3 and creates the client."""

    def __init__(self, url: str, location: S3Location) -> None:
        self.url, self._location = url, location

    @cached_property
    def _client(self) -> Any:
        return s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES)

    def versions(self, prefix: str) -> Iterator[Version]:
        root = self._location.key("")
        where = {"Bucket": self._location.bucket, "Prefix": self._location.key(prefix)}
        with self._faults():
            for page in self._client.get_paginator("list_object_versions").paginate(**where):
                for is_marker, name in ((False, "Versions"), (True, "DeleteMarkers")):
                    for raw in page.get(name, ()):
                        key = raw["Key"].removeprefix(root)
                        yield Version(key, raw["VersionId"], raw["IsLatest"], is_marker)

    def read_into(self, version: Version, path: Path) -> bool:
        with self._faults():
            try:
                response = self._client.get_object(
                    **self._object(version.key), VersionId=version.version_id
                )
            except self._client.exceptions.ClientError as error:
                if error_code(error) in _GONE:
                    return False
                raise
            with path.open("wb") as file:
                for part in response["Body"].iter_chunks(1 << 20):
                    file.write(part)
        return True

    def put(self, key: str, body: Path) -> Version:
        with self._faults(), body.open("rb") as file:
            answer = self._client.put_object(**self._object(key), Body=file)
        # A bucket that never had versions names none; its objects are of the version "null".
        return Version(key, answer.get("VersionId", "null"), is_latest=True, is_marker=False)

    def remove(self, versions: Iterable[Version]) -> None:
        rest = iter(sorted(versions, key=lambda each: each.is_marker))
        while some := list(islice(rest, _DELETE_AT_ONCE)):
            objects = [
                {"Key": self._location.key(each.key), "VersionId": each.version_id} for each in some
            ]
            with self._faults():
                answer = self._client.delete_objects(
                    Bucket=self._location.bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                if error.get("Code") not in _GONE:
                    raise ToolError(
                        f"{self.url}: cannot remove version {error.get('VersionId')} of "
                        f"{error.get('Key')}: {error.get('Code')}; it takes s3:DeleteObjectVersion"
                    )

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._location.key(key)}

    def _faults(self) -> AbstractContextManager[None]:
        return storage_faults(self.url, "list, give or take")
