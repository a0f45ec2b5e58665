"""scripts/run: every tool by its name, in the environment that it needs, from any folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.training import needs_training

TOOLS = {
    name: (environment, module)
    for name, environment, module in re.findall(
        r"^(\w+) +(train|dev) +(scripts\.[\w.]+) ", (ROOT / "scripts" / "run").read_text(), re.M
    )
}
# a python that prints how it was called
STUB = '#!/bin/sh\necho "$PYTHONPATH"; pwd; for each in "$@"; do echo "<$each>"; done\nexit 7\n'


def run(
    *arguments: str, root: Path = ROOT, cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "scripts" / "run", *arguments],
        cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a stub in place of the development environment's Python, and no other."""
    root = tmp_path / "check out"
    (root / "scripts").mkdir(parents=True)
    for name in ("pyproject.toml", "scripts/run", "scripts/env.sh"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "requirements", root / "requirements")
    make_stub(root / ".venv" / "bin" / "python")
    locks = b"".join(
        (root / "requirements" / f"{name}.txt").read_bytes()
        for name in ("handler", "monitor", "dev")
    )
    stamp = subprocess.run(["sha256sum"], input=locks, capture_output=True, check=True).stdout
    (root / ".venv" / "stamp").write_bytes(stamp)
    return root


def make_stub(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(STUB)
    path.chmod(0o755)


def test_its_tools_are_those_of_the_project() -> None:
    commands = [
        path
        for path in (ROOT / "scripts").rglob("*.py")
        if path.name == "__main__.py" or 'prog="scripts/run ' in path.read_text()
    ]
    paths = {
        path.parent if path.name == "__main__.py" else path.with_suffix("") for path in commands
    }
    assert {module for _, module in TOOLS.values()} == {
        ".".join(path.relative_to(ROOT).parts) for path in paths
    }
    assert all(module.endswith(f".{name}") for name, (_, module) in TOOLS.items())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_training if environment == "train" else ())
        for name, (environment, _) in TOOLS.items()
    ],
)
def test_a_tool_explains_itself_by_the_name_it_is_run_by(name: str, tmp_path: Path) -> None:
    ran = run(name, "--help", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"usage: scripts/run {name} ")


@pytest.mark.parametrize("arguments", [(), ("nope",), ("",), ("train .*",)])
def test_a_name_that_is_none_lists_the_tools(checkout: Path, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, root=checkout)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.findall(r"^  (\w+) +\w.*$", ran.stderr, re.M) == list(TOOLS)
    assert ("there is no tool named" in ran.stderr) == bool(arguments)


def test_help_lists_the_tools(checkout: Path) -> None:
    ran = run("--help", root=checkout)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(f"  {name} " in ran.stdout for name in TOOLS)


def test_arguments_folder_and_status_are_kept(checkout: Path, tmp_path: Path) -> None:
    cwd = tmp_path / "elsewhere"
    cwd.mkdir()
    ran = run("evaluate", "a b", "--out", "*", root=checkout, cwd=cwd)
    assert ran.returncode == 7, ran.stderr
    arguments = ["-P", "-m", "scripts.model.evaluate", "a b", "--out", "*"]
    assert ran.stdout.splitlines() == [
        str(checkout),
        str(cwd),
        *(f"<{each}>" for each in arguments),
    ]


def test_a_missing_training_environment_is_not_made(checkout: Path) -> None:
    for name in ("train", "export", "parity"):
        ran = run(name, root=checkout)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr == (
            f"run: {name} needs the training environment (1.8 GB); make it once: "
            "scripts/train-env\n"
        )
    assert not (checkout / ".venv-train").exists()


def test_the_training_environment_is_taken(checkout: Path, tmp_path: Path) -> None:
    make_stub(checkout / ".venv-train" / "bin" / "python")
    assert "<scripts.model.export>" in run("export", root=checkout).stdout.splitlines()
    other = tmp_path / "other"
    make_stub(other / "bin" / "python")
    shutil.rmtree(checkout / ".venv-train")
    ran = run("parity", root=checkout, ICEBOX_TRAIN_ENV=str(other))
    assert "<scripts.model.parity>" in ran.stdout.splitlines()


def test_modules_of_the_working_folder_are_not_imported(tmp_path: Path) -> None:
    for package in ("scripts", "handler"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the wrong module')")
    ran = run("events", "--help", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
