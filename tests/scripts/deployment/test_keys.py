"""scripts/keys: keys are added to samconfig.toml and removed, and a new one opens the API."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.deployment import keys
from tests.support.app import make_app
from tests.support.paths import ROOT

SAMCONFIG = """# a comment that stays
[dev.deploy.parameters]
resolve_s3 = true
parameter_overrides = "Stage=dev MaxConcurrency=0"

[prod.deploy.parameters]
parameter_overrides = "Stage=prod"
"""


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text(SAMCONFIG)
    return path


def overrides(path: Path, environment: str) -> str:
    text: str = tomllib.loads(path.read_text())[environment]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    return text


def printed_key(text: str) -> str:
    return text.splitlines()[0].split()[1]


def test_a_new_key_opens_what_its_digest_is_given_to(
    samconfig: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    printed = keys.run(["new"], samconfig)
    key, digest = (line.split()[1] for line in printed.splitlines()[:2])
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256=digest) as app:
        assert app.send("GET", "/v1/model", headers=[("x-api-key", key)]).status == 200
        assert app.send("GET", "/v1/model", headers=[("x-api-key", digest)]).status == 403
    assert samconfig.read_text() == SAMCONFIG
    assert len(key) > 40 and key != printed_key(keys.run(["new"], samconfig))


def test_keys_come_and_go(samconfig: Path) -> None:
    first, second = (printed_key(keys.run(["new", "dev"], samconfig)) for _ in range(2))
    digests = [keys.digest(first), keys.digest(second)]
    assert overrides(samconfig, "dev") == (
        f"Stage=dev MaxConcurrency=0 ApiKeySha256={digests[0]},{digests[1]}"
    )
    assert overrides(samconfig, "prod") == "Stage=prod"
    assert keys.run(["list", "dev"], samconfig).splitlines() == digests
    keys.run(["remove", "dev", digests[0][:12]], samconfig)
    assert keys.run(["list", "dev"], samconfig) == digests[1]
    keys.run(["remove", "dev", digests[1]], samconfig)
    # Written, though empty: `sam deploy` keeps the value of a parameter that it is not given.
    assert overrides(samconfig, "dev") == 'Stage=dev MaxConcurrency=0 ApiKeySha256=""'
    assert (
        samconfig.read_text().replace(""" ApiKeySha256=""'""", '"').replace("'", '"') == SAMCONFIG
    )
    assert "has no key" in keys.run(["list", "dev"], samconfig)
    assert first not in samconfig.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "dev", "ab"], "0 digests of"),
        (["remove", "dev", ""], "0 digests of"),
        (["list", "staging"], "no \\[staging.deploy.parameters\\]"),
        (["new", "staging"], "no \\[staging.deploy.parameters\\]"),
    ],
)
def test_what_is_not_there_is_named(samconfig: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(keys.ParametersError, match=message):
        keys.run(arguments, samconfig)
    assert samconfig.read_text() == SAMCONFIG


def test_the_command_needs_the_standard_library_only() -> None:
    """-S leaves out site-packages, as scripts/keys runs with the system's Python."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-m", "scripts.deployment.keys", *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            cwd="/", capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    ran = run("new")
    assert ran.returncode == 0, ran.stderr
    assert printed_key(ran.stdout).startswith(keys.PREFIX)
    ran = run("list", "staging")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("scripts/keys: samconfig.toml has no [staging.deploy.parameters]")
