"""Settings of a release's watch: strict, and each mistake is told."""

from __future__ import annotations

import pytest

from handler.settings import SettingsError
from scripts.monitor.canary.settings import CanarySettings

ENV = {
    "CANARY_FUNCTION": "icebox-prod-DetectFunction-1",
    "CANARY_ALIAS": "live",
    "CANARY_VERSION": "8",
    "CANARY_SOURCE": "s3://bucket",
    "CANARY_STACK": "icebox-prod",
    "CANARY_TOPIC": "",
    "CANARY_EXPECTED_CHANGE": "",
    "CANARY_KEYED": "true",
    "AWS_REGION": "eu-central-1",
}


def test_they_are_read() -> None:
    settings = CanarySettings.from_env(ENV)
    assert (settings.function, settings.alias, settings.version) == (
        "icebox-prod-DetectFunction-1",
        "live",
        "8",
    )
    assert settings.is_keyed and settings.topic == "" and settings.expected_change == ""
    assert settings.log_level == "INFO"
    changed = CanarySettings.from_env({**ENV, "CANARY_EXPECTED_CHANGE": " a new model "})
    assert changed.expected_change == "a new model"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CANARY_FUNCTION", ""),
        ("CANARY_FUNCTION", "a b"),
        ("CANARY_ALIAS", ""),
        ("CANARY_ALIAS", "8"),
        ("CANARY_VERSION", "$LATEST"),
        ("CANARY_VERSION", ""),
        ("CANARY_SOURCE", ""),
        ("CANARY_SOURCE", "file:///tmp"),
        ("CANARY_TOPIC", "alarms"),
        ("CANARY_KEYED", ""),
        ("CANARY_KEYED", "yes"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_mistake_is_told(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}="):
        CanarySettings.from_env({**ENV, name: value})
