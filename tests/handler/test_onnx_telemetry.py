"""ONNX Runtime 1.32 asks a host of Microsoft's and writes ~/.cache/Microsoft from every process,
unless ORT_DISABLE_TELEMETRY is 1 when it is loaded; CI=true hides it. So: real processes, bare."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SHOW = (
    "; import os, pathlib; print('STATE', os.environ.get('ORT_DISABLE_TELEMETRY'), "
    "[str(path) for path in pathlib.Path.home().rglob('*')])"
)
IMPORTS = {
    "the function": "import handler.app",
    "a room of it": "from handler.detection import detector",
    "a tool": "import scripts.model.adapt.adapter",
    "a measurement": "import scripts.model.tradeoff.cold_start",
    "a test": "import tests.support.tiny_bundle, onnxruntime",
}


def run_bare(command: list[str], home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A process without any variable but these, and nothing in its home."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(home), "ORT_THREADS": "1", **env}
    return subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize("env", [{}, {"ORT_DISABLE_TELEMETRY": "0"}])
def test_no_process_of_ours_writes_what_it_would_send(
    name: str, env: dict[str, str], tiny_bundle: Path, tmp_path: Path
) -> None:
    code = IMPORTS[name] + SHOW
    ran = run_bare([sys.executable, "-c", code], tmp_path, MODEL_DIR=str(tiny_bundle), **env)
    assert "STATE 1 []" in ran.stdout, ran.stdout + ran.stderr


def test_the_child_that_measures_a_cold_start(tiny_bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "scripts.model.tradeoff.cold_start", str(tiny_bundle), "1"]
    ran = run_bare([*command, str(ROOT / "events" / "sample.jpg")], home)
    assert ran.returncode == 0, ran.stderr
    assert list(home.iterdir()) == []


def test_without_it_the_check_would_fail(tmp_path: Path) -> None:
    """What the tests above look for is there where nobody turns it off; or this library has none
    any more, and the variable can go."""
    ran = run_bare([sys.executable, "-c", "import onnxruntime" + SHOW], tmp_path)
    assert "Microsoft" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("Dockerfile", r"^ENV ORT_DISABLE_TELEMETRY=1$"),
        ("template.yaml", r'^ +ORT_DISABLE_TELEMETRY: "1"'),
        ("scripts/env.sh", r"^export ORT_DISABLE_TELEMETRY=1"),
    ],
)
def test_what_starts_processes_says_so_too(file: str, line: str) -> None:
    assert re.search(line, (ROOT / file).read_text(), re.MULTILINE)
