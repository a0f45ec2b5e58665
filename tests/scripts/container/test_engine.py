"""The private Docker engine starts on what an engine that was killed has left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ENGINE = ROOT / "scripts" / "container" / "engine"
# Stand-ins: an engine that only says that it was started, and a client that finds it then.
DOCKERD = """#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --exec-root ] && mkdir "$2" && touch "$2/started"; shift; done
"""
DOCKER = """#!/bin/sh
[ -e "$ICEBOX_ENGINE_DIR/exec/started" ]
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """An engine's directory with a network namespace still mounted, as after SIGKILL."""
    namespaces = tmp_path / "state" / "exec" / "netns"
    namespaces.mkdir(parents=True)
    left = namespaces / "default"
    left.touch()
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", left], check=True)
    yield tmp_path / "state"
    subprocess.run(["umount", "-l", left], check=False, capture_output=True)


@pytest.mark.needs_root
def test_the_engine_starts_where_a_killed_one_left_a_mount(state: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in {"dockerd": DOCKERD, "docker": DOCKER}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)

    started = subprocess.run(
        [ENGINE, "start"],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "ICEBOX_ENGINE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout == f"unix://{state}/docker.sock\n"
    assert str(state) not in Path("/proc/self/mountinfo").read_text()
