"""Pictures are kept only where CaptureRate asks for it, and only then may the function do so."""

from __future__ import annotations

import re
from typing import Any

import pytest

from handler.settings import Settings, SettingsError
from tests.template import cloudformation
from tests.template.policies import allowed

KEPT = {"Fn::Sub": "${PredictionBucket.Arn}/captures/*"}


@pytest.mark.parametrize(("rate", "is_allowed"), [("0", False), ("0.05", True), ("1", True)])
def test_the_function_may_write_pictures_only_where_some_are_kept(
    translated: dict[str, Any], rate: str, is_allowed: bool
) -> None:
    made = cloudformation.resources(translated, {"CaptureRate": rate})
    actions = allowed(made["DetectRole"]["Properties"])
    assert (KEPT in actions["s3:PutObject"]) is is_allowed
    assert not any(KEPT in actions[action] for action in actions.keys() - {"s3:PutObject"})


@pytest.mark.parametrize(
    "text", ["0", "1", "0.05", ".5", "0.123456789", "", "2", "1.5", "-1", "1e-3", "5 %", "0.", "01"]
)
def test_a_rate_that_deploys_is_one_that_the_function_takes(
    written: dict[str, Any], text: str
) -> None:
    if re.fullmatch(written["Parameters"]["CaptureRate"]["AllowedPattern"], text):
        assert 0 <= Settings.from_env({"CAPTURE_RATE": text}).capture_rate <= 1
    elif text:
        with pytest.raises(SettingsError):
            Settings.from_env({"CAPTURE_RATE": text})


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({}, False),
        ({"CaptureRate": "0.1"}, False),
        ({"Capture": "uncertain", "CaptureRate": "1"}, False),
        ({"Capture": "uncertain"}, True),
    ],
)
def test_uncertain_pictures_need_a_share(
    written: dict[str, Any], given: dict[str, str], is_refused: bool
) -> None:
    broken = cloudformation.broken_rules(written, {"AllowAnonymous": "true", **given})
    assert any("CaptureRate is 0" in sentence for sentence in broken) is is_refused
