"""The stand-in base image is made whole or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Stand-ins for the programs that need root and minutes: each writes its call down.
STAND_IN = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "${0##*/} $1" in
"docker image") exit 1 ;;
mmdebstrap*) echo "$SAID" && exit "$STATUS" ;;
esac
"""
CANNOT = "E: arm64 can neither be executed natively nor via qemu user emulation with binfmt_misc"


def make_base(
    folder: Path, *arguments: str, said: str = "", status: int = 0
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What scripts/container/base-image ended with, and the calls of the stand-ins."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("docker", "mmdebstrap"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "SAID": said,
        "STATUS": str(status),
    }
    ran = subprocess.run(
        [ROOT / "scripts" / "container" / "base-image", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ran, calls.read_text().splitlines()


@pytest.mark.needs_sam
@pytest.mark.needs_package_index
def test_a_machine_that_does_not_run_its_programs_is_told_and_nothing_is_imported(
    tmp_path: Path,
) -> None:
    ran, calls = make_base(tmp_path, "arm64", said=CANNOT, status=25)
    assert ran.returncode == 1
    assert "this machine runs no arm64 programs" in ran.stderr
    assert "qemu-user-static" in ran.stderr
    made = next(call for call in calls if call.startswith("mmdebstrap "))
    assert "--architectures=arm64 " in made
    assert not [call for call in calls if call.startswith("docker import ")]


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    ran, calls = make_base(tmp_path, "riscv64")
    assert ran.returncode == 2
    assert ran.stderr == "usage: scripts/container/base-image [x86_64 | arm64]\n"
    assert not calls
