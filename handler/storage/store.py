"""A key-value store of bytes in S3 or a folder, shared by all execution environments.

It holds prediction records, feedback, and what one Gradio request leaves for the next, which
another environment may answer. A URL selects it: `s3://bucket[/prefix]` or `file:///folder`. A
lifecycle rule of the bucket, not this code, expires objects.
"""

from __future__ import annotations

import re
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from handler.storage.faults import faults_as_problems
from handler.storage.location import S3Location, parse_location, write_atomically
from handler.storage.s3 import s3_client

# A request that meets S3 down twice, as Gradio's do, still answers within the function's 20 s.
CONNECT_S, READ_S, TRIES = 1.0, 3.0, 2
# No part of a key begins with a dot, so that no key leads out of the store's folder.
_KEY = r"[A-Za-z0-9_=-][A-Za-z0-9_=.-]*(/[A-Za-z0-9_=-][A-Za-z0-9_=.-]*)*"


class Store(Protocol):
    """Bytes under keys.

    Every method raises ValueError for a malformed key. `open_store` lets botocore's errors or
    OSError through, and `handler.storage.s3.is_transient` tells whether to try again;
    `open_request_store` makes StorageFaults of them.
    """

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        """Write an object, completely or not at all. content_type: ignored by a folder."""

    def get(self, key: str) -> bytes | None:
        """Read an object, None if there is none."""

    def has(self, key: str) -> bool:
        """Whether there is an object."""

    def has_any(self, prefix: str) -> bool:
        """Whether any key begins with a prefix, which may end within a name or with a slash."""

    def list(self, prefix: str) -> list[str]:
        """At most 1000 keys below a prefix that ends with a slash, sorted."""

    def delete(self, key: str) -> None:
        """Delete an object; no error if there is none."""


def open_store(
    setting: str,
    url: str,
    *,
    connect_s: float = CONNECT_S,
    read_s: float = READ_S,
    tries: int = TRIES,
) -> Store | None:
    """The store that a setting's URL names, None for an empty URL.

    connect_s, read_s, tries: of requests to S3. Raises ValueError, which names the setting, for any
    other URL.
    """
    location = parse_location(setting, url)
    if location is None:
        return None
    if isinstance(location, Path):
        return FolderStore(location)
    return S3Store(location, connect_s=connect_s, read_s=read_s, tries=tries)


def open_request_store(setting: str, url: str) -> Store | None:
    """The store that a setting's URL names, for requests that wait for it: every method raises a
    StorageFault where storage fails. Raises ValueError for a URL that names no store."""
    store, location = open_store(setting, url), parse_location(setting, url)
    if store is None or location is None:
        return None
    place = str(location) if isinstance(location, Path) else location.bucket
    return FaultStore(store, setting, place)


class FaultStore:
    """A store whose failures are Problems. setting, place: what the log names."""

    def __init__(self, store: Store, setting: str, place: str) -> None:
        self._store = store
        self._faults = partial(faults_as_problems, setting, place)

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        with self._faults():
            self._store.put(key, body, content_type)

    def get(self, key: str) -> bytes | None:
        with self._faults():
            return self._store.get(key)

    def has(self, key: str) -> bool:
        with self._faults():
            return self._store.has(key)

    def has_any(self, prefix: str) -> bool:
        with self._faults():
            return self._store.has_any(prefix)

    def list(self, prefix: str) -> list[str]:
        with self._faults():
            return self._store.list(prefix)

    def delete(self, key: str) -> None:
        with self._faults():
            self._store.delete(key)


class FolderStore:
    """Files under a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        write_atomically(self._path(key), body)

    def get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        return self._path(key).is_file()

    def has_any(self, prefix: str) -> bool:
        path = self._path(prefix.rstrip("/"))
        # not the partial ones
        found = path.glob("[!.]*") if prefix.endswith("/") else path.parent.glob(f"{path.name}*")
        return any(found)

    def list(self, prefix: str) -> list[str]:
        files = self._path(prefix.rstrip("/")).glob("[!.]*")  # not the partial ones
        return sorted(prefix + path.name for path in files)[:1000]

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / _check_key(key)


class S3Store:
    """Objects in an S3 bucket. The first request imports boto3 and creates the client."""

    def __init__(
        self, location: S3Location, *, connect_s: float, read_s: float, tries: int
    ) -> None:
        self._location = location
        self._make_client = partial(s3_client, connect_s=connect_s, read_s=read_s, tries=tries)

    @cached_property
    def _client(self) -> Any:
        return self._make_client()

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        headers = {"ContentType": content_type} if content_type else {}
        self._client.put_object(**self._object(key), Body=body, **headers)

    def get(self, key: str) -> bytes | None:
        try:
            response = self._client.get_object(**self._object(key))
        except self._client.exceptions.NoSuchKey:
            return None
        body: bytes = response["Body"].read()
        return body

    def has(self, key: str) -> bool:
        try:
            self._client.head_object(**self._object(key))
        except self._client.exceptions.ClientError as error:
            # A response to HEAD has no body, so no error code.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def has_any(self, prefix: str) -> bool:
        _check_key(prefix.rstrip("/"))
        response = self._client.list_objects_v2(
            Bucket=self._location.bucket, Prefix=self._location.key(prefix), MaxKeys=1
        )
        return bool(response.get("Contents"))

    def list(self, prefix: str) -> list[str]:
        _check_key(prefix.rstrip("/"))
        response = self._client.list_objects_v2(
            Bucket=self._location.bucket, Prefix=self._location.key(prefix)
        )
        root = self._location.key("")
        return sorted(item["Key"].removeprefix(root) for item in response.get("Contents", ()))

    def delete(self, key: str) -> None:
        self._client.delete_object(**self._object(key))

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._location.key(_check_key(key))}


def _check_key(key: str) -> str:
    """Raises ValueError for a malformed key, which is a bug: clients do not choose keys."""
    if not re.fullmatch(_KEY, key):
        raise ValueError(f"{key[:100]!r} is no key")
    return key
