"""The URL of a setting as the folder or the bucket it names, and atomic writes into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class S3Location(NamedTuple):
    """Objects of an S3 bucket under a prefix, which has no slash at either end and may be empty."""

    bucket: str
    prefix: str

    def key(self, key: str) -> str:
        """The object's key in the bucket: the prefix, then `key`."""
        return f"{self.prefix}/{key}" if self.prefix else key


def parse_location(setting: str, url: str) -> Path | S3Location | None:
    """The place that a setting's URL names, None for an empty URL.

    url: `s3://bucket`, `s3://bucket/prefix` or `file:///folder`. Raises ValueError, which names the
    setting, for anything else.
    """
    if not url:
        return None
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/"):
        return Path(path)
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        return S3Location(parts.netloc, path.strip("/"))
    raise ValueError(
        f"{setting}={url!r}: expected s3://bucket, s3://bucket/prefix or file:///folder"
    )


def write_atomically(path: Path, body: bytes) -> None:
    """Write a file completely or not at all; its folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(body)
    partial.replace(path)
