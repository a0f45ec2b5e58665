"""A URL of a setting in; the folder or the bucket that it names out. How either is reached, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class S3Location:
    """Objects of an S3 bucket; prefix: before every key, without a slash at either end."""

    bucket: str
    prefix: str

    def key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


def parse_location(setting: str, url: str) -> Path | S3Location | None:
    """Where `url` points, None for an empty one. Raises ValueError, which names the setting."""
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
    """A file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(body)
    partial.replace(path)


def s3_origins(place: S3Location, region: str, endpoint: str) -> tuple[str, ...]:
    """The origins that a URL signed by `s3_client` may have, without asking it.

    region: AWS's name of it, empty for unknown. endpoint: of another service that speaks S3, empty
    for AWS.
    """
    if not (region or endpoint):
        return ()
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    parts = urlsplit(endpoint or f"https://s3.{region}.{domain}")
    by_name, by_path = f"{place.bucket}.{parts.netloc}", parts.netloc
    if endpoint:  # by its path where the host is an address
        return f"{parts.scheme}://{by_name}", f"{parts.scheme}://{by_path}"
    return (f"https://{by_path if '.' in place.bucket else by_name}",)  # as certificates ask for


def s3_client(*, connect_s: float, read_s: float, tries: int) -> Any:
    """A client for S3; tries: of each request, its first among them.

    Made when a first request needs it: importing boto3 is a quarter of a second of a cold start.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": tries, "mode": "standard"},
        # Signed URLs: of today's form; for the region's own host, since a young bucket's global one
        # answers by a redirect, which is not what was signed; and without a checksum that the one
        # who signs cannot know.
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
    )
    return boto3.Session().client("s3", config=config)  # the default session is not for threads
