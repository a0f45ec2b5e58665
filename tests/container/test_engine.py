"""The private engine: starts, is found, starts anew after it was killed, ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In namespaces of its own it touches no other engine's bridge and rules, and all of it ends with its
# first process, which reaps nobody, so that the killed engine stays behind as a zombie.
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
FIRST = "import subprocess, sys; sys.exit(subprocess.call(['sh', '-euc', sys.argv[1]]))"
STORY = """
engine=scripts/container/engine
$engine status && exit 3
$engine start
$engine start
kill -9 "$(cat "$ICEBOX_ENGINE_DIR/pid")"
$engine start
$engine status
$engine stop
$engine status && exit 4
$engine stop
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None,
    reason="starting an engine needs root and dockerd (Debian: docker.io)",
)
def test_it_starts_and_ends_and_survives_being_killed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*NAMESPACES, sys.executable, "-c", FIRST, STORY],
        cwd=ROOT,
        env=os.environ | {"ICEBOX_ENGINE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"unix://{tmp_path}/docker.sock"] * 4
