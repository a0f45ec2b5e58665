"""Where records lie: a bucket or a folder, listed lazily and by partition.

Unlike the function's own store it lists without a limit, streams large objects through files, and
puts an object only where none is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from handler.storage.faults import error_code
from handler.storage.location import S3Location, parse_location
from handler.storage.s3 import is_storage_error, s3_client
from scripts.tool import ToolError

CONNECT_S, READ_S, TRIES = 5.0, 60.0, 5
_DELETE_AT_ONCE = 1000  # S3's limit


class Item(NamedTuple):
    """An object. size: bytes. modified_s: when it was put, since the epoch; S3 knows whole
    seconds."""

    key: str
    size: int
    modified_s: float


class Source(Protocol):
    """Objects under keys. Every method raises ToolError where the place refuses or is not there.

    threads: how many requests at once are worth it.
    """

    url: str
    threads: int

    def folders(self, prefix: str) -> list[str]:
        """Names directly below a prefix that ends with a slash, of those with objects below."""

    def items(self, prefix: str) -> Iterator[Item]:
        """All objects below a prefix that ends with a slash, in the order of their keys."""

    def get(self, key: str) -> bytes | None:
        """An object, None if there is none any more."""

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object into a file. Returns whether there was one."""

    def local_path(self, key: str) -> Path | None:
        """Where an object lies as a file that can be read in place, None if it does not."""

    def put(self, key: str, body: bytes | Path) -> bool:
        """Put an object where none is, completely or not at all. Returns whether it was put."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; no error for those that are not there."""


def open_source(url: str) -> Source:
    """The bucket of `s3://bucket[/prefix]`, or the folder of `file:///folder` or a plain path.

    Raises ToolError for other URLs and for a folder that does not exist.
    """
    if "://" not in url and url:
        location: Path | S3Location | None = Path(url).absolute()
    else:
        try:
            location = parse_location("source", url)
        except ValueError as error:
            raise ToolError(f"{error} or a folder's path") from None
    if isinstance(location, S3Location):
        return S3Source(url, location)
    if location is None or not location.is_dir():
        raise ToolError(f"{url!r}: there is no such folder; expected one, or s3://bucket[/prefix]")
    return FolderSource(url, location)


class FolderSource:
    """Files under a folder. Hidden ones, which are being written, are none."""

    threads = 1

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self._root = root
        self._folder = f"{root}/"

    def folders(self, prefix: str) -> list[str]:
        try:
            with os.scandir(self._root / prefix) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def items(self, prefix: str) -> Iterator[Item]:
        try:
            with os.scandir(self._root / prefix) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from self.items(f"{prefix}{entry.name}/")
                continue
            try:
                found = entry.stat()
                yield Item(prefix + entry.name, found.st_size, found.st_mtime)
            except FileNotFoundError:  # deleted since
                continue

    def get(self, key: str) -> bytes | None:
        try:
            # A third of the time that Path takes, for objects by the million.
            with open(f"{self._folder}{check_key(key)}", "rb", buffering=0) as file:  # noqa: PTH123
                return file.read()
        except FileNotFoundError:
            return None

    def get_file(self, key: str, path: Path) -> bool:
        body = self.get(key)
        if body is None:
            return False
        path.write_bytes(body)
        return True

    def local_path(self, key: str) -> Path | None:
        return self._path(key)

    def put(self, key: str, body: bytes | Path) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two may put the same key at once. A link fails where a file is.
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body if isinstance(body, bytes) else body.read_bytes())
                file.flush()
                os.fsync(file.fileno())  # originals are deleted once this one is there
            Path(partial).chmod(0o644)
            os.link(partial, path)
        except FileExistsError:
            return False
        finally:
            Path(partial).unlink(missing_ok=True)
        return True

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)


class S3Source:
    """Objects in an S3 bucket. The first request imports boto3 and creates the client."""

    threads = 10

    def __init__(self, url: str, location: S3Location) -> None:
        self.url = url
        self._location = location

    @cached_property
    def _client(self) -> Any:
        return s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES)

    def folders(self, prefix: str) -> list[str]:
        names = []
        with self._faults():
            for page in self._pages(prefix, Delimiter="/"):
                for folder in page.get("CommonPrefixes", ()):
                    names.append(folder["Prefix"].rstrip("/").rpartition("/")[2])
        return sorted(names)

    def items(self, prefix: str) -> Iterator[Item]:
        root = self._location.key("")
        with self._faults():
            for page in self._pages(prefix):
                for item in page.get("Contents", ()):
                    modified_s = item["LastModified"].timestamp()
                    yield Item(item["Key"].removeprefix(root), item["Size"], modified_s)

    def get(self, key: str) -> bytes | None:
        with self._faults():
            try:
                response = self._client.get_object(**self._object(key))
            except self._client.exceptions.NoSuchKey:
                return None
            body: bytes = response["Body"].read()
            return body

    def get_file(self, key: str, path: Path) -> bool:
        with self._faults():
            try:
                response = self._client.get_object(**self._object(key))
            except self._client.exceptions.NoSuchKey:
                return False
            with path.open("wb") as file:
                for part in response["Body"].iter_chunks(1 << 20):
                    file.write(part)
            return True

    def local_path(self, key: str) -> Path | None:
        return None

    def put(self, key: str, body: bytes | Path) -> bool:
        with self._faults():
            try:
                if isinstance(body, bytes):
                    self._put(key, body)
                else:
                    with body.open("rb") as file:
                        self._put(key, file)
            except self._client.exceptions.ClientError as error:
                # 409: another is putting it at the same moment.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                    return False
                raise
        return True

    def delete(self, keys: Iterable[str]) -> None:
        rest = iter(keys)
        while some := list(islice(rest, _DELETE_AT_ONCE)):
            with self._faults():
                objects = [{"Key": self._object(key)["Key"]} for key in some]
                answer = self._client.delete_objects(
                    Bucket=self._location.bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                raise ToolError(
                    f"{self.url}: cannot delete {error.get('Key')}: {error.get('Code')}"
                )

    def _put(self, key: str, body: Any) -> None:
        self._client.put_object(**self._object(key), Body=body, IfNoneMatch="*")

    def _pages(self, prefix: str, **options: str) -> Any:
        paginator = self._client.get_paginator("list_objects_v2")
        return paginator.paginate(
            Bucket=self._location.bucket, Prefix=self._location.key(prefix), **options
        )

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._location.key(check_key(key))}

    def _faults(self) -> AbstractContextManager[None]:
        return storage_faults(self.url, "give or take objects")


@contextmanager
def storage_faults(url: str, what: str) -> Iterator[None]:
    """Turn an error of S3's into a ToolError that says which bucket does not do what."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ToolError) or not is_storage_error(error):
            raise
        reason = f"{error_code(error)}: {str(error)[:300]}"
        raise ToolError(f"{url}: S3 does not {what}: {reason}") from None


def check_key(key: str) -> str:
    """The key itself. Raises ToolError where a part of it is empty or hidden, which in a folder
    might lead out of it."""
    is_bad = key.startswith((".", "/")) or key.endswith("/") or "/." in key or "//" in key
    if is_bad or not key or not key.isprintable():
        raise ToolError(f"{key[:200]!r} is no key of a record")
    return key
