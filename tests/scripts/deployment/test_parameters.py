"""samconfig.toml's parameters: read and written as SAM itself reads them."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.deployment.checks import template_defaults
from scripts.deployment.parameters import (
    STAGES,
    ParametersError,
    deploy_region,
    format_pairs,
    parse_pairs,
    read_parameters,
    read_samconfig,
    set_parameter,
    stack_name,
)
from scripts.deployment.sam import deploy_arguments, parse_overrides
from tests.support.docker import SAM
from tests.support.paths import ROOT

VALUES = {
    "Stage": "dev",
    "ApiKeySha256": "",
    "MonitorSchedule": "cron(15 1 * * ? *)",
    "AllowedOrigins": "https://a.example,https://b.example:8443",
    "AlarmEmail": "o'brien+icebox@example.org",
    "ExpectedChange": 'the new "wide" lens, (half) as bright; 10 % less',
    "JwtIssuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
    "CaptureRate": "0.05",
}
AS_TEXT = """# what stays
[dev.deploy.parameters]
confirm = false # "so"
parameter_overrides = "Stage=dev MaxConcurrency=0"
[prod.deploy.parameters]
parameter_overrides = "Stage=prod"
"""
AS_LIST = """[dev.deploy.parameters]
tags = ["]", '[x]']
parameter_overrides = [ # it's "here"
  'Stage=dev', # one
  "MaxConcurrency=0 LogLevel=INFO",
  'MonitorSchedule="cron(15 1 * * ? *)"', # the 'last'
]
[prod.deploy.parameters]
parameter_overrides = []
"""
# SAM's own way from samconfig.toml's text, or from its command line, to the parameters
BY_SAM = """
import json, sys
from pathlib import Path
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig
what, text = json.load(sys.stdin)
if what == "file":
    folder = Path(sys.argv[1])
    (folder / "samconfig.toml").write_text(text if "version" in text else "version = 0.1\\n" + text)
    values = SamConfig(str(folder)).get_all(["deploy"], "parameters", "dev")["parameter_overrides"]
else:
    values = tuple(text)
print(json.dumps(CfnParameterOverridesType().convert(values, None, None)))
"""


def by_sam(folder: Path, what: str, text: object) -> dict[str, str]:
    ran = subprocess.run(
        [str(SAM.with_name("python")), "-c", BY_SAM, str(folder)],
        input=json.dumps([what, text]), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    read: dict[str, str] = json.loads(ran.stdout)
    return read


@pytest.mark.needs_sam
@pytest.mark.parametrize("samconfig", [AS_TEXT, AS_LIST])
def test_what_is_written_is_what_sam_reads(samconfig: str, tmp_path: Path) -> None:
    for name, value in VALUES.items():
        samconfig = set_parameter(samconfig, "dev", name, value)
    ours = read_parameters(samconfig, "dev")
    assert VALUES.items() <= ours.items()
    assert by_sam(tmp_path, "file", samconfig) == ours


@pytest.mark.needs_sam
def test_sam_gets_every_parameter_of_the_template_also_an_empty_one(tmp_path: Path) -> None:
    defaults = template_defaults(ROOT / "template.yaml")
    parameters = {name: VALUES.get(name, default or "") for name, default in defaults.items()}
    arguments = deploy_arguments("dev", "icebox-dev", parameters, tmp_path, "registry/repository")
    given = arguments[arguments.index("--parameter-overrides") + 1 :]
    assert by_sam(tmp_path, "arguments", given) == parameters
    assert parameters["ApiKeySha256"] == ""


@pytest.mark.needs_sam
def test_the_checkouts_parameters_are_what_sam_reads(tmp_path: Path) -> None:
    samconfig = read_samconfig()
    for stage in STAGES:
        ours = read_parameters(samconfig, stage)
        as_dev = samconfig.replace("[dev.", "[other.").replace(f"[{stage}.", "[dev.")
        if stage == "dev":
            as_dev = samconfig
        assert by_sam(tmp_path, "file", as_dev) == ours
        assert ours.keys() <= template_defaults(ROOT / "template.yaml").keys()


def test_only_the_one_parameter_changes() -> None:
    text = set_parameter(AS_TEXT, "dev", "ApiKeySha256", "ab,cd")
    assert text == AS_TEXT.replace("y=0", "y=0 ApiKeySha256=ab,cd")
    text = set_parameter(text, "dev", "ApiKeySha256", "")
    assert text == AS_TEXT.replace('"Stage=dev MaxConcurrency=0"', "'Stage=dev MaxConcurrency=0 "
                                   'ApiKeySha256=""\'')  # fmt: skip
    text = set_parameter(AS_LIST, "dev", "MaxConcurrency", "5")
    assert text == AS_LIST.replace("MaxConcurrency=0", "MaxConcurrency=5")
    text = set_parameter(AS_LIST, "dev", "ApiKeySha256", "")
    assert text == AS_LIST.replace(
        """*)"', # the""", """*)"',\n  'ApiKeySha256=""', # the"""
    ) or text == AS_LIST.replace("""*)"', #""", """*)"',\n  'ApiKeySha256=""', #""")
    text = set_parameter(AS_LIST, "prod", "ApiKeySha256", "")
    assert text == AS_LIST.replace(
        "parameter_overrides = []", """parameter_overrides = ['ApiKeySha256=""']"""
    )


def test_a_table_is_read_too() -> None:
    samconfig = '[dev.deploy.parameters.parameter_overrides]\nStage = "dev"\nThrottleRate = 20\n'
    assert read_parameters(samconfig, "dev") == {"Stage": "dev", "ThrottleRate": "20"}
    with pytest.raises(ParametersError, match="change it by hand"):
        set_parameter(samconfig, "dev", "ApiKeySha256", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ApiKeySha256= Stage=dev", 'ApiKeySha256 is empty: SAM drops .* write ApiKeySha256=""'),
        ("Stage=dev ApiKeySha256=", "ApiKeySha256 is empty"),
        ("MonitorSchedule=rate(1 hour)", "'hour\\)' is not Name=value"),
        ("Stage=dev\nLogLevel=INFO", "no line breaks"),
        ('Stage="dev', "is not Name=value"),
        ('Stage="dev"x', "is not Name=value"),
        ("Stage", "is not Name=value"),
        ("Stage=dev Stage=prod", "Stage is there twice"),
        ("ParameterKey=Stage,ParameterValue=dev", "written as Name=value here"),
        ("file://parameters.yaml", "written as Name=value here"),
    ],
)  # fmt: skip
def test_what_sam_would_drop_or_misread_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParametersError, match=message):
        parse_pairs(text)


@pytest.mark.parametrize("value", ["a\\b", "two\nlines", "nul\0"])
def test_a_value_that_sam_cannot_pass_on_is_refused(value: str) -> None:
    with pytest.raises(ParametersError, match="cannot pass on"):
        format_pairs({"ExpectedChange": value})


@pytest.mark.parametrize(
    ("samconfig", "message"),
    [
        ("[dev", "is no TOML"),
        ("", "has no \\[dev.deploy.parameters\\]"),
        ("dev = 3", "has no \\[dev.deploy.parameters\\]"),
        ("[dev.deploy.parameters]\nparameter_overrides = 3", "has no"),
        ('[dev.deploy.parameters]\nparameter_overrides = ["A=1", "A=2"]', "has A twice"),
        ("[dev.deploy.parameters.parameter_overrides]\nA = true", "write it in quotes"),
    ],
)
def test_a_samconfig_without_parameters_is_named(samconfig: str, message: str) -> None:
    with pytest.raises(ParametersError, match=message):
        read_parameters(samconfig, "dev")


def test_stack_and_region_are_those_that_sam_uses() -> None:
    samconfig = """[dev.global.parameters]
stack_name = "other"
region = "eu-west-1"
[dev.deploy.parameters]
region = "eu-north-1"
"""
    tomllib.loads(samconfig)
    assert (stack_name(samconfig, "dev"), deploy_region(samconfig, "dev")) == (
        "other",
        "eu-north-1",
    )
    assert (stack_name("", "dev"), deploy_region("", "dev")) == ("icebox-dev", None)


def test_the_command_lines_parameters_come_as_the_shell_gives_them() -> None:
    assert parse_overrides(
        ["MonitorSchedule=rate(1 hour)", 'ApiKeySha256=""', "A=1 B=2", "AllowedOrigins="]
    ) == {
        "MonitorSchedule": "rate(1 hour)", "ApiKeySha256": "", "A": "1", "B": "2",
        "AllowedOrigins": "",
    }  # fmt: skip
    with pytest.raises(ParametersError):
        parse_overrides(["MonitorSchedule"])
