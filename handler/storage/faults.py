"""Storage's failures as Problems, for what a request waits for; each leaves a line in the log.

The prediction log has its own way: it retries, and prints what no store takes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from handler.problems import (
    Problem,
    StorageFault,
    StorageRefused,
    StorageUnavailable,
    forget_frames,
)
from handler.storage.s3 import is_storage_error, is_transient

LOGGER = "icebox"  # telemetry's, which writes lines of JSON
MESSAGE_CHARACTERS = 300


@contextmanager
def faults_as_problems(setting: str, place: str) -> Iterator[None]:
    """Raise a StorageFault for whatever storage raises in this block.

    setting: the variable that names the place, for the log. place: the bucket or folder. Problems
    pass, and so does a bug, such as ValueError for a malformed key.
    """
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        if not is_storage_error(error):
            raise
        _log(error, setting, place)
        fault = _fault(error)
        forget_frames(error)
        raise fault from None


def error_code(error: Exception) -> str:
    """AWS's code of an error, or the name of its class."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)


def _fault(error: Exception) -> StorageFault:
    if is_transient(error):
        return StorageUnavailable("storage does not answer just now; send the request again")
    if hasattr(error, "response"):  # botocore's ClientError: S3 answered
        return StorageRefused(
            "storage refused this request, which is a fault of the deployment and not of yours; "
            "its log says why"
        )
    return StorageFault(
        "storage cannot be reached, which is a fault of the deployment and not of yours; its log "
        "says why"
    )


def _log(error: Exception, setting: str, place: str) -> None:
    logging.getLogger(LOGGER).error(
        "storage failed",
        extra={
            "setting": setting,
            "bucket": place,
            "code": error_code(error),
            "reason": str(error)[:MESSAGE_CHARACTERS],
        },
    )
