"""Pictures that are too large for a request body and come by way of S3.

A client uploads a picture to a signed URL and names the upload in its request, or it names an
object in a bucket that the deployment allows. Nothing else is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from handler.problems import (
    BadRequest,
    BodyTooLarge,
    Forbidden,
    NotConfigured,
    NotFound,
    forget_frames,
)
from handler.storage.faults import error_code, faults_as_problems
from handler.storage.location import S3Location, parse_location
from handler.storage.s3 import s3_client, s3_origins

URL_LIFETIME_S = 300
UPLOAD_LIFETIME_S = 3600  # the bucket's lifecycle rule deletes the object within a day or two
CONNECT_S, READ_S, TRIES = 1.0, 5.0, 2  # given up well within the function's 20 s
CONTENT_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/heic",
    "image/heif",
)
_ID = r"[0-9a-f]{32}"
_URI = r"s3://([^/]+)/([^\0-\x1f\x7f\ud800-\udfff]+)"
# S3's codes for an object that is not there, or only in an archive; of a bucket that clients name,
# also for the bucket. A refusal is none of these: it is the deployment's fault.
_MISSING_CODES = {"NoSuchKey", "404"}
_MISSING_URI_CODES = {*_MISSING_CODES, "NoSuchBucket", "InvalidObjectState"}


class Upload(NamedTuple):
    """A signed URL for one picture. headers: signed too, so a client sends them unchanged."""

    upload_id: str
    url: str
    headers: dict[str, str]
    expires_at: str  # RFC 3339, UTC


class Uploads:
    """Signed upload URLs, and the pictures that clients name.

    url: of the upload bucket, empty for none. buckets: those whose objects clients may name.
    max_bytes: of one picture. Raises ValueError if `url` is not s3://.
    """

    def __init__(self, url: str, buckets: Sequence[str], *, max_bytes: int) -> None:
        location = parse_location("UPLOAD_STORE", url)
        if isinstance(location, Path):
            raise ValueError(f"UPLOAD_STORE={url!r}: expected s3://bucket or s3://bucket/prefix")
        self._location, self._buckets, self._max_bytes = location, tuple(buckets), max_bytes

    @cached_property
    def _client(self) -> Any:
        return s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES)

    def origins(self, region: str, endpoint: str) -> tuple[str, ...]:
        """The origins that URLs from `presign` may have: see `s3_origins`."""
        return s3_origins(self._location, region, endpoint) if self._location else ()

    def presign(self, caller: str, content_type: str, size_bytes: int) -> Upload:
        """Sign a URL that accepts exactly `size_bytes` of that type, for URL_LIFETIME_S.

        Raises BadRequest, BodyTooLarge, NotConfigured, StorageFault.
        """
        location = self._configured_location()
        if content_type not in CONTENT_TYPES:
            raise BadRequest(f"content_type must be one of {', '.join(CONTENT_TYPES)}")
        if size_bytes > self._max_bytes:
            raise BodyTooLarge(
                f"{size_bytes:,} bytes are too many; at most {self._max_bytes:,} are read"
            )
        import uuid

        upload_id = uuid.uuid4().hex
        with faults_as_problems("UPLOAD_STORE", location.bucket):
            url = self._client.generate_presigned_url(
                "put_object",
                Params={
                    "Bucket": location.bucket,
                    "Key": _upload_key(location, caller, upload_id),
                    "ContentType": content_type,
                    "ContentLength": size_bytes,
                },
                ExpiresIn=URL_LIFETIME_S,
            )
        expires = datetime.now(UTC) + timedelta(seconds=URL_LIFETIME_S)
        return Upload(
            upload_id,
            url,
            {"content-type": content_type, "content-length": str(size_bytes)},
            expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def read_upload(self, caller: str, upload_id: object) -> bytes:
        """The bytes that this caller uploaded.

        Raises BadRequest, NotConfigured, NotFound, BodyTooLarge, StorageFault.
        """
        location = self._configured_location()
        if not isinstance(upload_id, str):
            raise BadRequest(f"upload_id must be a text, not {str(upload_id)[:40]!r}")
        not_found = NotFound(
            f"there is no upload {upload_id[:40]!r} of yours: it was not put within "
            f"{URL_LIFETIME_S // 60} minutes, or over an hour ago, or with another key; "
            "POST /v1/uploads begins a new one"
        )
        if not re.fullmatch(_ID, upload_id):
            raise not_found
        key = _upload_key(location, caller, upload_id)
        with faults_as_problems("UPLOAD_STORE", location.bucket):
            return self._read(location.bucket, key, not_found, _MISSING_CODES, UPLOAD_LIFETIME_S)

    def read_uri(self, uri: object) -> bytes:
        """The bytes of an object in an allowed bucket.

        Raises BadRequest, Forbidden, NotFound, BodyTooLarge, StorageFault.
        """
        match = re.fullmatch(_URI, uri) if isinstance(uri, str) else None
        if not match or len(match[2].encode()) > 1024:  # S3's own limit
            raise BadRequest(f"s3_uri must be like s3://bucket/key, not {str(uri)[:80]!r}")
        bucket, key = match.groups()
        if {".", ".."} & set(key.split("/")):  # HTTP clients normalise such parts of a path away
            raise BadRequest(f"s3_uri's key may have no part '.' or '..', as {key!r:.80} has")
        if bucket not in self._buckets:
            raise Forbidden(
                f"the bucket {bucket[:63]!r} is not among those that are read here (S3_URI_BUCKETS)"
            )
        not_found = NotFound(
            f"there is no object at {uri!r:.300}, or this function may not read it"
        )
        with faults_as_problems("S3_URI_BUCKETS", bucket):
            return self._read(bucket, key, not_found, _MISSING_URI_CODES, None)

    def _configured_location(self) -> S3Location:
        if self._location is None:
            raise NotConfigured("uploads are not taken here: this deployment has no UPLOAD_STORE")
        return self._location

    def _read(
        self,
        bucket: str,
        key: str,
        not_found: NotFound,
        missing_codes: Set[str],
        lifetime_s: int | None,
    ) -> bytes:
        """The object's bytes; `not_found` is raised if S3 answers one of `missing_codes`, or the
        object is older than `lifetime_s`."""
        try:
            response = self._client.get_object(Bucket=bucket, Key=key)
        except self._client.exceptions.ClientError as error:
            if error_code(error) in missing_codes:
                forget_frames(error)
                raise not_found from None
            raise
        with response["Body"] as body:  # a stream: read only after the size is checked
            age = datetime.now(UTC) - response["LastModified"]
            if lifetime_s is not None and age > timedelta(seconds=lifetime_s):
                raise not_found
            if response["ContentLength"] > self._max_bytes:
                raise BodyTooLarge(
                    f"the object has {response['ContentLength']:,} bytes, at most "
                    f"{self._max_bytes:,} are read"
                )
            image_bytes: bytes = body.read()
        if not image_bytes:
            raise BadRequest("the object is empty; expected a picture's bytes")
        return image_bytes


def _upload_key(location: S3Location, caller: str, upload_id: str) -> str:
    return location.key(f"uploads/{caller}/{upload_id}")
