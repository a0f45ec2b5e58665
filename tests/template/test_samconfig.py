"""samconfig.toml: every parameter is written, and SAM reads what is meant."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from scripts.deployment.parameters import format_pairs, read_parameters
from tests.support.docker import SAM
from tests.support.paths import ROOT
from tests.template import cloudformation

STAGES = ("dev", "prod")
TEXT = (ROOT / "samconfig.toml").read_text()
CONFIG = tomllib.loads(TEXT)
PARSE = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType, CfnTags
overrides, tags = json.load(sys.stdin)
overrides = CfnParameterOverridesType().convert(overrides, None, None)
print(json.dumps([overrides, CfnTags().convert(tags, None, None)]))
"""


def by_sam(overrides: object, tags: str = "a=b") -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and tags as SAM's own command line reads them."""
    ran = subprocess.run(
        [SAM.parent / "python", "-c", PARSE],
        input=json.dumps([overrides, tags]),
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=True,
    )
    parameters, read_tags = json.loads(ran.stdout)
    return parameters, read_tags


def deploy(stage: str) -> dict[str, Any]:
    options: dict[str, Any] = CONFIG[stage]["deploy"]["parameters"]
    return options


@pytest.mark.needs_sam
@pytest.mark.parametrize("stage", STAGES)
def test_every_parameter_is_sent(written: dict[str, Any], stage: str) -> None:
    sent, tags = by_sam(deploy(stage)["parameter_overrides"], deploy(stage)["tags"])
    # `sam deploy` sends UsePreviousValue for one that is missing: what is removed would stay
    assert list(sent) == list(written["Parameters"])
    assert sent == read_parameters(TEXT, stage)  # what scripts/keys and scripts/deploy read
    for name, value in sent.items():
        parameter = written["Parameters"][name]
        assert value in map(str, parameter.get("AllowedValues", [value])), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
    assert sent["Stage"] == stage
    assert tags == {"project": "icebox", "stage": stage}


@pytest.mark.needs_sam
def test_sam_reads_what_we_write() -> None:
    values = {
        "Schedule": "cron(15 1 * * ? *)",
        "Empty": "",
        "List": "a,b",
        "Words": "new labels, by 3 people",
        "Issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a=b",
    }
    assert by_sam(format_pairs(values))[0] == values
    assert by_sam([format_pairs({name: value}) for name, value in values.items()])[0] == values
    # the traps: a bare name is dropped, and spaces need quotes
    assert by_sam("Empty= List=a,b")[0] == {"List": "a,b"}
    assert by_sam("Schedule=cron(15 1 * * ? *)")[0]["Schedule"] == "cron(15"


def test_dev_and_prod_differ_where_they_should(written: dict[str, Any]) -> None:
    names = {CONFIG[stage]["global"]["parameters"]["stack_name"] for stage in STAGES}
    assert len(names) == 2
    dev, prod = (read_parameters(TEXT, stage) for stage in STAGES)
    assert prod["Rollout"] == "Canary10Percent5Minutes" and dev["Rollout"] == "AllAtOnce"
    assert (prod["EnableAlarms"], prod["EnableMonitor"]) == ("true", "true")
    assert dev["EnableAlarms"] == "false"
    for stage, parameters in (("dev", dev), ("prod", prod)):
        assert not CONFIG[stage]["build"]["parameters"]["cached"]
        # the repository is a stack of its own, which expires old images
        assert "resolve_image_repos" not in deploy(stage)
        # who may call is to be decided; nothing else is refused
        [refused] = cloudformation.broken_rules(written, parameters)
        assert "Who may call this API?" in refused
    assert deploy("prod")["confirm_changeset"] is True
