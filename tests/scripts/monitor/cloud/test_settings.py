"""Settings of the monitor; tests/template compares them with the template's."""

from __future__ import annotations

import pytest

from handler.settings import SettingsError
from scripts.monitor.cloud.settings import MonitorSettings
from tests.support.paths import ROOT


def test_an_empty_variable_has_its_default() -> None:
    names = ("MONITOR_TOPIC", "MONITOR_WINDOW", "MONITOR_REFERENCE", "MONITOR_STACK", "LOG_LEVEL")
    source = {"MONITOR_SOURCE": "s3://bucket/prefix"}
    settings = MonitorSettings.from_env({**source, **dict.fromkeys(names, "")})
    assert settings == MonitorSettings.from_env(source)
    assert settings.reference == ROOT / "handler" / "model" / "reference.parquet"
    assert (settings.topic, settings.log_level) == ("", "INFO")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONITOR_SOURCE", ""),
        ("MONITOR_SOURCE", "bucket"),
        ("MONITOR_SOURCE", "file:///tmp"),
        ("MONITOR_SOURCE", "ftp://bucket"),
        ("MONITOR_TOPIC", "https://sns"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}={value!r}: expected"):
        MonitorSettings.from_env({"MONITOR_SOURCE": "s3://bucket", name: value})
