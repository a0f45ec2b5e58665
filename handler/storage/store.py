"""Bytes under a key in, the same bytes out, in any execution environment: S3, or a folder.

For what one request leaves for the next, which may be answered elsewhere. Chosen by one URL:
`s3://bucket[/prefix]` or `file:///folder`. Whoever deploys it lets objects expire.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from handler.storage.location import S3Location, parse_location, s3_client, write_atomically

CONNECT_S, READ_S, TRIES = 1.0, 5.0, 3
# nothing that a path could be tricked with: no part begins with a dot
_KEY = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_=.-]*(/[A-Za-z0-9_=-][A-Za-z0-9_=.-]*)*")


class Store(Protocol):
    """What a place for bytes does. Raises what the place raises where that does not answer."""

    def put(self, key: str, body: bytes) -> None: ...

    def get(self, key: str) -> bytes | None:
        """None where there is nothing."""

    def has(self, key: str) -> bool: ...

    def list(self, prefix: str) -> list[str]:
        """At most 1000 keys below a prefix, which ends with a slash, sorted."""

    def delete(self, key: str) -> None:
        """No error where there is nothing."""


def open_store(setting: str, url: str) -> Store | None:
    """The store that a setting's URL names, None for an empty one. Raises ValueError where it names
    none."""
    place = parse_location(setting, url)
    if place is None:
        return None
    return FolderStore(place) if isinstance(place, Path) else S3Store(place)


class FolderStore:
    """Files under a folder, each there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, body: bytes) -> None:
        write_atomically(self._root / _checked(key), body)

    def get(self, key: str) -> bytes | None:
        try:
            return (self._root / _checked(key)).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        return (self._root / _checked(key)).is_file()

    def list(self, prefix: str) -> list[str]:
        folder = self._root / _checked(prefix.rstrip("/"))
        return sorted(prefix + each.name for each in folder.glob("[!.]*"))[:1000]

    def delete(self, key: str) -> None:
        (self._root / _checked(key)).unlink(missing_ok=True)


class S3Store:
    """Objects in an S3 bucket. boto3 and its client come with the first request that needs them."""

    def __init__(self, place: S3Location) -> None:
        self._place, self._name = place, place.bucket
        self._client: Any = None

    def put(self, key: str, body: bytes) -> None:
        self._s3().put_object(Bucket=self._name, Key=self._place.key(_checked(key)), Body=body)

    def get(self, key: str) -> bytes | None:
        client = self._s3()
        try:
            found = client.get_object(Bucket=self._name, Key=self._place.key(_checked(key)))
        except client.exceptions.NoSuchKey:
            return None
        body: bytes = found["Body"].read()
        return body

    def has(self, key: str) -> bool:
        client = self._s3()
        try:
            client.head_object(Bucket=self._name, Key=self._place.key(_checked(key)))
        except client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # it has no code
                return False
            raise
        return True

    def list(self, prefix: str) -> list[str]:
        _checked(prefix.rstrip("/"))
        found = self._s3().list_objects_v2(Bucket=self._name, Prefix=self._place.key(prefix))
        before = self._place.key("")
        return sorted(each["Key"].removeprefix(before) for each in found.get("Contents", ()))

    def delete(self, key: str) -> None:
        self._s3().delete_object(Bucket=self._name, Key=self._place.key(_checked(key)))

    def _s3(self) -> Any:
        if self._client is None:
            self._client = s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES)
        return self._client


def _checked(key: str) -> str:
    """Raises ValueError for a key that is none of ours: a bug, since no client names one."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:100]!r} is no key")
    return key
