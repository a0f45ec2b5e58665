"""The entry point of a release's watch in Lambda, `lambda_handler`; it only wires.

It imports little: each minute it is called, and as a rule no requests are moving.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import boto3
from botocore.config import Config

from scripts.monitor.canary.calls import READ_S
from scripts.monitor.canary.release import Release
from scripts.monitor.canary.settings import CanarySettings
from scripts.monitor.cloud.aws import AwsPost
from scripts.records.source import open_source

CONNECT_S = 5.0

settings = CanarySettings.from_env(os.environ)
logging.getLogger().setLevel(logging.WARNING)  # of libraries
logging.getLogger("scripts.monitor").setLevel(settings.log_level)


def _client(service: str, read_s: float, tries: int) -> Any:
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=read_s,
        retries={"total_max_attempts": tries, "mode": "standard"},
    )
    return boto3.client(service, config=config)


release = Release(
    settings,
    lambda_client=_client("lambda", 10.0, 5),
    invoke_client=_client("lambda", READ_S, 1),  # a call that hangs is not made again
    codedeploy=_client("codedeploy", 10.0, 5),
    source=open_source(settings.source),
    post=AwsPost(settings.topic, settings.source, settings.aws_region),
)


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """One call: of CodeDeploy's hooks, which get its result whatever happens, or of the schedule.
    Raises what keeps a look from being taken; the next one is a minute later."""
    return release.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
