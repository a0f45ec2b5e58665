"""Node's packages for the tests in js/, installed once a session from the committed lock."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "js"
INSTALL_S, RUN_S = 120, 60


def install(folder: Path, source: Path = SOURCE) -> Path:
    """A folder with the scripts and their packages. Skips where npm's registry is not reached."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        made = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end within {INSTALL_S} s: its registry is not reached")
    if made.returncode:
        pytest.skip(f"npm ci failed: {made.stderr.strip()[-300:]}")
    return folder


def run(folder: Path, script: str, *arguments: str) -> Any:
    """What a script prints, as JSON."""
    ran = subprocess.run(
        ["node", script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)
