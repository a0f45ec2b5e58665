"""The monitor's way out in AWS: an SNS topic, metrics in its log, links to its bucket."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

from handler.storage.location import S3Location, parse_location
from handler.storage.s3 import s3_client

CONNECT_S, READ_S, TRIES = 5.0, 10.0, 5
# A link ends with the session of the role that signed it, which is sooner as a rule.
LINK_S = 12 * 3600
logger = logging.getLogger(__name__)


class AwsPost:
    """topic: ARN, empty to send nothing. source: the bucket, s3://BUCKET[/PREFIX], with the
    reports. region: of it. Raises ValueError for another place."""

    def __init__(self, topic: str, source: str, region: str) -> None:
        location = parse_location("MONITOR_SOURCE", source)
        if not isinstance(location, S3Location):
            raise ValueError(f"{source!r} is no bucket")
        self._topic = topic
        self._location = location
        self._region = region

    def send(self, subject: str, text: str) -> None:
        """Publish a message. Raises botocore's errors."""
        logger.warning("alarm: %s", subject)
        if self._topic:
            self._sns.publish(TopicArn=self._topic, Subject=subject, Message=text)

    def write_metrics(self, line: str) -> None:
        """Print a line of the Embedded Metric Format, which CloudWatch finds in the log."""
        print(line, flush=True)

    def places(self, key: str) -> Mapping[str, str]:
        """A signed link, the console's page, and the object."""
        bucket, path = self._location.bucket, self._location.key(key)
        signed = s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=TRIES).generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": path}, ExpiresIn=LINK_S
        )
        console = (
            f"https://{self._region}.console.aws.amazon.com/s3/object/{bucket}"
            f"?region={self._region}&prefix={quote(path)}"
        )
        return {
            "Report, by a link that holds for some hours": signed,
            "Report, in AWS's console": console,
            "Report, in the bucket": f"s3://{bucket}/{path}",
        }

    @cached_property
    def _sns(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
        )
        return boto3.Session().client("sns", config=config)
