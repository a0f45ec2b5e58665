"""What a bucket holds, counted within bounds; how to empty one, versions and all, and delete it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from scripts.deployment.aws.account import is_missing
from scripts.tool import ToolError

PAGE = 1000  # objects that S3 lists, and deletes, in one request
COUNTED_PAGES = 20
TELL_EACH = 10 * PAGE
USD_PER_GB_MONTH = 0.023  # S3 Standard in us-east-1
GB = 1e9


@dataclass(frozen=True)
class Contents:
    """objects: with all their versions. is_all: whether more were there than were counted."""

    objects: int
    size: int
    is_all: bool

    def __str__(self) -> str:
        if not self.objects:
            return "empty"
        more = "" if self.is_all else "more than "
        cost = self.size / GB * USD_PER_GB_MONTH
        return (
            f"{more}{self.objects:,} versions of objects, {more}{self.size / GB:.3f} GB, {more}"
            f"${cost:.2f} a month"
        )


def count(bucket: str) -> Contents:
    """What a bucket holds, of the first 20,000 versions; nothing where there is no such bucket."""
    objects = size = 0
    pages = (
        boto3.client("s3")
        .get_paginator("list_object_versions")
        .paginate(
            Bucket=bucket, PaginationConfig={"MaxItems": COUNTED_PAGES * PAGE, "PageSize": PAGE}
        )
    )
    try:
        for page in pages:
            versions = page.get("Versions", ())
            objects += len(versions) + len(page.get("DeleteMarkers", ()))
            size += sum(item["Size"] for item in versions)
    except ClientError as error:
        if not is_missing(error):
            raise
    return Contents(objects, size, objects < COUNTED_PAGES * PAGE)


def empty(bucket: str) -> int:
    """Delete all versions of all objects, all delete markers and unfinished uploads. Returns how
    many there were. Raises ToolError where S3 refuses to delete one."""
    s3 = boto3.client("s3")
    deleted = 0
    try:
        while batch := _some_versions(s3, bucket):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                first = errors[0]
                raise ToolError(
                    f"s3://{bucket}/{first.get('Key')} cannot be deleted: {first.get('Code')} "
                    f"{first.get('Message', '')}; {deleted:,} versions were"
                )
            deleted += len(batch)
            if deleted % TELL_EACH < len(batch):
                print(f"  {bucket}: {deleted:,} versions deleted", flush=True)
        _abort_uploads(s3, bucket)
    except ClientError as error:
        if not is_missing(error):
            raise
    return deleted


def delete_bucket(bucket: str) -> None:
    """Delete an empty bucket; no error if there is none."""
    try:
        boto3.client("s3").delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "BucketNotEmpty":
            raise ToolError(
                f"something still writes into {bucket}; run this again in a minute"
            ) from None
        if not is_missing(error):
            raise


def _some_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    """At most a thousand, from the beginning: what was deleted is not listed again."""
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=PAGE)
    items = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]


def _abort_uploads(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
