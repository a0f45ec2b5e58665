"""Finds prediction records in a log group of CloudWatch, asked for those lines alone.

Needs `logs:FilterLogEvents` on the group. Region and credentials are boto3's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handler.records.record import PredictionRecord
from scripts.records.log_lines import MARK, LogCounts, records_of_line
from scripts.records.window import Window
from scripts.tool import ToolError

# By the fields that a line with a record has (handler/records/log_lines.py).
PATTERN = '{ ($.prediction_record.prediction_id = "*") || ($.prediction_record_gzip = "*") }'
TRIES = 10  # FilterLogEvents takes few calls a second


@dataclass(frozen=True)
class LogGroup:
    """name: such as /icebox/STACK/function. window: of the times at which lines were written."""

    name: str
    window: Window

    def read(self, counts: LogCounts) -> Iterator[PredictionRecord]:
        """Records in the order of their lines, counted on the way; one may come twice. Raises
        ToolError."""
        for event in self._events():
            line = event["message"].encode(errors="surrogatepass")
            if MARK in line:
                place = f"{self.name}: {event['logStreamName']} at {event['timestamp']}"
                yield from records_of_line(line, place, counts)

    def _events(self) -> Iterator[dict[str, Any]]:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            retries = Config(retries={"mode": "standard", "total_max_attempts": TRIES})
            pages = boto3.client("logs", config=retries).get_paginator("filter_log_events")
            for page in pages.paginate(
                logGroupName=self.name,
                filterPattern=PATTERN,
                startTime=int(self.window.start.timestamp() * 1000),
                endTime=int(self.window.end.timestamp() * 1000),
            ):
                yield from page["events"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise ToolError(f"log group {self.name}: {_advice(code)} ({error})") from None
        except BotoCoreError as error:  # no region, no credentials, no way there
            raise ToolError(
                f"log group {self.name}: {error} set AWS_REGION, and credentials as for "
                "scripts/deploy"
            ) from None


def _advice(code: str) -> str:
    if code == "ResourceNotFoundException":
        return "it is not there; the stack's output FunctionLogGroupName names it"
    if code.startswith("AccessDenied"):
        return "you may not read it; ask for logs:FilterLogEvents on it"
    return "CloudWatch refuses; try again later"
