"""The client of Amazon Data Firehose. boto3 is imported by the first call, as by storage.s3."""

from __future__ import annotations

from typing import Any


def firehose_client(*, connect_s: float, read_s: float) -> Any:
    """Create a boto3 client that tries each request once. connect_s, read_s: timeouts."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return boto3.Session().client("firehose", config=config)
