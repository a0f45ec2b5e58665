"""scripts/build refuses, before it builds, what this machine cannot build."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Stand-in: an engine whose base image runs as the test says.
DOCKER = """#!/bin/sh
echo "$*" >>"$CALLS"
[ "$1" = run ] || exit 0
echo "$SAID" >&2
exit 1
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder of programs in which docker is a stand-in."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return docker.parent


def run(
    programs: Path, said: str, *parameters: str
) -> tuple[subprocess.CompletedProcess[str], str]:
    """What scripts/build ended with, and the calls of docker."""
    calls = programs / "calls"
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(calls), "SAID": said}
    ran = subprocess.run(
        [ROOT / "scripts" / "build", "--parameter-overrides", *parameters],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran, calls.read_text()


@pytest.mark.needs_sam
def test_programs_that_this_machine_does_not_run_are_told(build: Path) -> None:
    said = "exec /usr/bin/python: exec format error"
    ran, calls = run(build, said, "Stage=dev", "Architecture=arm64")
    assert ran.returncode == 1
    assert ran.stderr.startswith("build: this machine runs no arm64 programs, which a build for it")
    assert "--install arm64" in ran.stderr and "qemu-user-static" in ran.stderr
    assert "pull --quiet --platform linux/arm64 public.ecr.aws/lambda/python:3.13\n" in calls
    assert "--platform linux/arm64 --entrypoint python public.ecr.aws/lambda/python:3.13" in calls


@pytest.mark.needs_sam
def test_a_base_image_of_the_other_architecture_is_told(build: Path) -> None:
    said = "image base:1 was found but does not match the specified platform: wanted linux/arm64"
    ran, calls = run(build, said, 'Architecture="arm64" BaseImage="base:1"')
    assert ran.returncode == 1
    assert ran.stderr.startswith("build: base:1 is not made for arm64; BaseImage must be: image")
    assert "pull --quiet" not in calls  # of no registry


@pytest.mark.needs_sam
def test_the_templates_architecture_is_the_default_and_another_is_told(build: Path) -> None:
    _, calls = run(build, "exec format error", "Stage=dev")
    assert "--platform linux/amd64 --entrypoint python" in calls
    ran, _ = run(build, "", "Architecture=riscv64")
    assert ran.returncode == 1
    assert ran.stderr == "build: Architecture=riscv64: the template takes x86_64 or arm64\n"
