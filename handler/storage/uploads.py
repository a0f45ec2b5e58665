"""A picture too large for a request in, by way of S3: a signed URL to put it at; its bytes out.

Also objects that lie in buckets which the deployment allows. Nothing else is fetched.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handler.problems import BadRequest, BodyTooLarge, Forbidden, NotConfigured, NotFound
from handler.storage.location import S3Location, parse_location, s3_client, s3_origins

PUT_WITHIN_S = 300  # a signed URL's life
USABLE_S = 3600  # an upload's; S3's lifecycle deletes it within a day or two
CONNECT_S, READ_S, TRIES = 1.0, 10.0, 2
MEDIA = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/heic",
    "image/heif",
)
_ID = re.compile(r"[0-9a-f]{32}")
_URI = re.compile(r"s3://([^/]+)/([^\0-\x1f\x7f\ud800-\udfff]+)")
# What a bucket says of an object that is not there, or not for us: one answer, as it is no business
# of the client's which.
_MISSING = {"NoSuchKey", "NoSuchBucket", "AccessDenied", "InvalidObjectState", "404", "403"}


@dataclass(frozen=True)
class Upload:
    """Where and how a client puts a picture. headers: signed, so to be sent as they are."""

    upload_id: str
    url: str
    headers: dict[str, str]
    expires_at: str  # RFC 3339, UTC


class Uploads:
    """Pictures in S3. Raises ValueError where `url` is none of s3://.

    url: of the upload bucket, empty for none. buckets: whose objects may be read. max_bytes: of one
    picture.
    """

    def __init__(self, url: str, buckets: Sequence[str], *, max_bytes: int) -> None:
        place = parse_location("UPLOAD_STORE", url)
        if isinstance(place, Path):
            raise ValueError(f"UPLOAD_STORE={url!r}: expected s3://bucket or s3://bucket/prefix")
        self._place, self._buckets, self._max_bytes = place, tuple(buckets), max_bytes
        self._client: Any = None

    def origins(self, region: str, endpoint: str) -> tuple[str, ...]:
        """Of the URLs that `begin` gives, for those who must know them beforehand; as s3_origins
        has them."""
        return s3_origins(self._place, region, endpoint) if self._place else ()

    def presign(self, caller: str, content_type: str, size: int) -> Upload:
        """A URL that takes just so many bytes of that type, for PUT_WITHIN_S.

        Raises BadRequest, BodyTooLarge, NotConfigured.
        """
        place = self._configured()
        if content_type not in MEDIA:
            raise BadRequest(f"content_type must be one of {', '.join(MEDIA)}")
        if size > self._max_bytes:
            raise BodyTooLarge(f"{size:,} bytes are too many; at most {self._max_bytes:,} are read")
        upload_id = uuid.uuid4().hex
        url = self._s3().generate_presigned_url(
            "put_object",
            Params={
                "Bucket": place.bucket,
                "Key": _key(place, caller, upload_id),
                "ContentType": content_type,
                "ContentLength": size,
            },
            ExpiresIn=PUT_WITHIN_S,
        )
        expires = datetime.now(UTC) + timedelta(seconds=PUT_WITHIN_S)
        return Upload(
            upload_id,
            url,
            {"content-type": content_type, "content-length": str(size)},
            expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def read_upload(self, caller: str, upload_id: object) -> bytes:
        """What the caller put there. Raises BadRequest, NotConfigured, NotFound, BodyTooLarge."""
        place = self._configured()
        if not isinstance(upload_id, str):
            raise BadRequest(f"upload_id must be a text, not {str(upload_id)[:40]!r}")
        missing = NotFound(
            f"there is no upload {upload_id[:40]!r} of yours: it was not put within "
            f"{PUT_WITHIN_S // 60} minutes, or over an hour ago, or with another key; "
            "POST /v1/uploads begins a new one"
        )
        if not _ID.fullmatch(upload_id):
            raise missing
        return self._read(place.bucket, _key(place, caller, upload_id), missing, USABLE_S)

    def read_uri(self, uri: object) -> bytes:
        """An object of an allowed bucket. Raises BadRequest, Forbidden, NotFound, BodyTooLarge."""
        found = _URI.fullmatch(uri) if isinstance(uri, str) else None
        if not found or len(found[2].encode()) > 1024:  # S3's own limit
            raise BadRequest(f"s3_uri must be like s3://bucket/key, not {str(uri)[:80]!r}")
        bucket, key = found.groups()
        if {".", ".."} & set(key.split("/")):  # a URL's path would be cut short by them
            raise BadRequest(f"s3_uri's key may have no part '.' or '..', as {key!r:.80} has")
        if bucket not in self._buckets:
            raise Forbidden(
                f"the bucket {bucket[:63]!r} is not among those that are read here (S3_URI_BUCKETS)"
            )
        missing = NotFound(f"there is no object at {uri!r:.300}, or this function may not read it")
        return self._read(bucket, key, missing, None)

    def _configured(self) -> S3Location:
        if self._place is None:
            raise NotConfigured("uploads are not taken here: this deployment has no UPLOAD_STORE")
        return self._place

    def _read(self, bucket: str, key: str, missing: NotFound, usable_s: int | None) -> bytes:
        client = self._s3()
        try:
            found = client.get_object(Bucket=bucket, Key=key)
        except client.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                raise missing from None
            raise
        with found["Body"] as body:  # unread until its size is known
            age = datetime.now(UTC) - found["LastModified"]
            if usable_s is not None and age > timedelta(seconds=usable_s):
                raise missing
            if found["ContentLength"] > self._max_bytes:
                raise BodyTooLarge(
                    f"the object has {found['ContentLength']:,} bytes, at most "
                    f"{self._max_bytes:,} are read"
                )
            data: bytes = body.read()
        if not data:
            raise BadRequest("the object is empty; expected a picture's bytes")
        return data

    def _s3(self) -> Any:
        self._client = self._client or s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES)
        return self._client


def _key(place: S3Location, caller: str, upload_id: str) -> str:
    return place.key(f"uploads/{caller}/{upload_id}")
