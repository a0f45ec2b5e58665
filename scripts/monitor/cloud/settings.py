"""Settings of the scheduled monitor, read from a mapping such as the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handler.settings import LOG_LEVELS, SettingsError
from handler.storage.location import S3Location, parse_location
from scripts.paths import ROOT
from scripts.records.reference import REFERENCE_FILE

WINDOW = "7d"


@dataclass(frozen=True)
class MonitorSettings:
    """source: the bucket, s3://BUCKET[/PREFIX], that has the records and gets the reports. topic:
    ARN of the SNS topic, empty to send nothing. window: as `parse_window` reads it. reference: file
    of the shipped model's reference. stack: names the metrics and the messages. aws_region: empty
    if unknown."""

    source: str
    topic: str
    window: str
    reference: Path
    stack: str
    log_level: str
    aws_region: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> MonitorSettings:
        """Read and check the variables; an empty one counts as absent. Raises SettingsError."""
        return cls(
            source=read_bucket(env, "MONITOR_SOURCE"),
            topic=read_topic(env, "MONITOR_TOPIC"),
            window=env.get("MONITOR_WINDOW") or WINDOW,
            reference=Path(
                env.get("MONITOR_REFERENCE") or ROOT / "handler" / "model" / REFERENCE_FILE
            ),
            stack=env.get("MONITOR_STACK") or "icebox",
            log_level=read_log_level(env),
            aws_region=read_region(env),
        )


def read_bucket(env: Mapping[str, str], name: str) -> str:
    """A URL of the form s3://BUCKET[/PREFIX]. Raises SettingsError."""
    url = env.get(name) or ""
    try:
        is_bucket = isinstance(parse_location(name, url), S3Location)
    except ValueError:
        is_bucket = False
    if not is_bucket:
        raise SettingsError(f"{name}={url!r}: expected s3://BUCKET[/PREFIX]")
    return url


def read_topic(env: Mapping[str, str], name: str) -> str:
    """The ARN of an SNS topic, empty for none. Raises SettingsError."""
    topic = env.get(name) or ""
    if topic and not topic.startswith("arn:"):
        raise SettingsError(f"{name}={topic!r}: expected the ARN of an SNS topic")
    return topic


def read_log_level(env: Mapping[str, str]) -> str:
    """The name of a level, in capitals. Raises SettingsError."""
    log_level = (env.get("LOG_LEVEL") or "INFO").upper()
    if log_level not in LOG_LEVELS:
        raise SettingsError(f"LOG_LEVEL={log_level!r}: expected one of {', '.join(LOG_LEVELS)}")
    return log_level


def read_region(env: Mapping[str, str]) -> str:
    """AWS's region, empty if unknown."""
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""
