"""The S3 client, the origins of the URLs it signs, and which of its errors are transient.

boto3 is imported by the first call that needs it, not with this module: it would add a quarter of a
second to every cold start.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from handler.storage.location import S3Location

# S3's codes, and KMS's for objects under a key of it, whose status is 400
_TRANSIENT_CODES = (
    "RequestTimeout|SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|InternalError|"
    "ServiceUnavailable|KMSInternal|DependencyTimeout|KeyUnavailable|RequestExpired"
)


def s3_client(*, connect_s: float, read_s: float, tries: int) -> Any:
    """Create a boto3 client for S3. connect_s, read_s: timeouts. tries: attempts per request."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": tries, "mode": "standard"},
        # Signed URLs use Signature Version 4 and the regional host: the global host redirects for a
        # young bucket, which breaks the signature. They carry no checksum, because the body is not
        # known when the URL is signed.
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
    )
    # boto3's default session is not thread-safe.
    return boto3.Session().client("s3", config=config)


def s3_origins(location: S3Location, region: str, endpoint: str) -> tuple[str, ...]:
    """The origins that URLs signed by `s3_client` may have, computed without boto3.

    region: AWS's name of the region, empty if unknown. endpoint: URL of another S3-compatible
    service, empty for AWS.
    """
    if not (region or endpoint):
        return ()
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    parts = urlsplit(endpoint or f"https://s3.{region}.{domain}")
    path_style, virtual_hosted = parts.netloc, f"{location.bucket}.{parts.netloc}"
    if endpoint:  # boto3 uses path style when the host is an IP address
        return f"{parts.scheme}://{virtual_hosted}", f"{parts.scheme}://{path_style}"
    # A dot in the bucket's name does not match AWS's wildcard certificate.
    return (f"https://{path_style if '.' in location.bucket else virtual_hosted}",)


def is_storage_error(error: Exception) -> bool:
    """Whether `error` is a failure of S3, of the way to it, or of a folder, and no bug."""
    if isinstance(error, OSError):
        return True
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return isinstance(error, BotoCoreError | ClientError | ResponseParserError | HTTPError)


def is_transient(error: Exception) -> bool:
    """Whether a request to S3 that failed with `error` may succeed when sent again.

    True for no answer (DNS, connection, timeout), an answer that breaks off or is no S3's, a
    throttle, also KMS's, a 5xx, and credentials that cannot be fetched just now; False for a
    refusal such as 403 or NoSuchBucket, and for errors that are not botocore's.
    """
    from botocore.exceptions import (
        ClientError,
        ConnectionError,
        CredentialRetrievalError,
        HTTPClientError,
        IncompleteReadError,
        MetadataRetrievalError,
    )
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.response.get("Error", {}).get("Code"))
        return bool(
            status >= 500
            or status in (408, 409, 429)
            or re.search(_TRANSIENT_CODES, code) is not None
        )
    return isinstance(
        error,
        ConnectionError
        | HTTPClientError
        | IncompleteReadError
        | CredentialRetrievalError
        | MetadataRetrievalError
        | ResponseParserError
        | HTTPError,  # urllib3's own, of a body that breaks off
    )
