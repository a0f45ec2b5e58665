"""Settings of a release's watch, read from a mapping such as the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from handler.settings import SettingsError
from scripts.monitor.cloud.settings import read_bucket, read_log_level, read_region, read_topic

_FUNCTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALIAS = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{1,128}")  # of digits only, it would be a version


@dataclass(frozen=True)
class CanarySettings:
    """function, alias: names of what a release moves. version: the number of the new version,
    which a deployment knows better. source: the bucket, s3://BUCKET[/PREFIX], with records and
    captures. stack: names metrics and messages. topic: ARN of the SNS topic, empty to send nothing.
    expected_change: why this release may behave otherwise, empty if it may not. is_keyed: whether a
    request without a key is to be refused. aws_region: empty if unknown."""

    function: str
    alias: str
    version: str
    source: str
    stack: str
    topic: str
    expected_change: str
    is_keyed: bool
    log_level: str
    aws_region: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> CanarySettings:
        """Read and check the variables. Raises SettingsError."""
        keyed = env.get("CANARY_KEYED") or ""
        if keyed not in ("true", "false"):
            raise SettingsError(f"CANARY_KEYED={keyed!r}: expected true or false")
        return cls(
            function=_matching(env, "CANARY_FUNCTION", _FUNCTION, "the name of a function"),
            alias=_matching(env, "CANARY_ALIAS", _ALIAS, "the name of its alias"),
            version=_matching(env, "CANARY_VERSION", re.compile("[1-9][0-9]*"), "a number"),
            source=read_bucket(env, "CANARY_SOURCE"),
            stack=env.get("CANARY_STACK") or "icebox",
            topic=read_topic(env, "CANARY_TOPIC"),
            expected_change=(env.get("CANARY_EXPECTED_CHANGE") or "").strip(),
            is_keyed=keyed == "true",
            log_level=read_log_level(env),
            aws_region=read_region(env),
        )


def _matching(env: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> str:
    value = env.get(name) or ""
    if not pattern.fullmatch(value):
        raise SettingsError(f"{name}={value!r}: expected {expected}")
    return value
