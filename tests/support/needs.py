"""What a test may need of the machine: each need is a marker, which skips it where it is missing.

`pytest -m "not needs_training"` leaves out those that need the training environment, and so on.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from scripts.bench.imagej import macro
from tests.support import docker, emulator
from tests.support.paths import ROOT, SHARED_DATA

TRAINING_PYTHON = ROOT / ".venv-train" / "bin" / "python"
CLIENTS_PYTHON = ROOT / ".venv-clients" / "bin" / "python"
PEERS_PYTHON = ROOT / ".venv-peers-mangum" / "bin" / "python"
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"


def _training() -> str | None:
    if TRAINING_PYTHON.exists():
        return None
    return "the training environment is missing: scripts/train-env makes it (1.8 GB)"


def _yolov5() -> str | None:
    if any(TRAINING_PYTHON.parents[1].glob("lib/python3.*/site-packages/yolov5")):
        return None
    return "yolov5-icevision (GPL) is missing: scripts/train-env --yolov5 installs it"


def _sam() -> str | None:
    if docker.SAM.exists():
        return None
    return "SAM's command line is missing: scripts/test makes .venv-sam where PyPI is reached"


def _emulator() -> str | None:
    if emulator.find():
        return None
    return "the Lambda emulator is missing: pip install aws-sam-cli in .venv-sam brings it"


def _registry() -> str | None:
    if shutil.which("docker-registry"):
        return None
    return "docker-registry is missing: apt-get install docker-registry"


def _package_index() -> str | None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run([*command, folder, "multipart"], capture_output=True, check=False)
    return "no package index answers pip" if ran.returncode else None


def _browser() -> str | None:
    if find_chromium():
        return None
    return "chromium is missing: apt-get install chromium"


def _node() -> str | None:
    if shutil.which("npm") and shutil.which("node"):
        return None
    return "node and npm are missing: apt-get install nodejs npm"


def _client_packages() -> str | None:
    if CLIENTS_PYTHON.exists():
        return None
    return "Roboflow's clients are missing: scripts/test makes .venv-clients"


def _peers() -> str | None:
    if PEERS_PYTHON.exists():
        return None
    return "FastAPI with Mangum is missing: scripts/test makes .venv-peers-mangum"


def _checkov() -> str | None:
    if CHECKOV.exists():
        return None
    return "checkov is missing: scripts/test makes .venv-checkov"


def _imagej() -> str | None:
    return macro.why_missing()


def _linux() -> str | None:
    return None if sys.platform == "linux" else "peak memory is read from Linux's /proc"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "mounting needs root"


def _shared_data() -> str | None:
    return None if SHARED_DATA.is_dir() else "../shared/data is not on this machine"


NEEDS: dict[str, Callable[[], str | None]] = {
    "needs_training": _training,
    "needs_yolov5": _yolov5,
    "needs_sam": _sam,
    "needs_emulator": _emulator,
    "needs_engine": docker.why_not,
    "needs_registry": _registry,
    "needs_package_index": _package_index,
    "needs_browser": _browser,
    "needs_node": _node,
    "needs_client_packages": _client_packages,
    "needs_peers": _peers,
    "needs_checkov": _checkov,
    "needs_imagej": _imagej,
    "needs_linux": _linux,
    "needs_root": _root,
    "needs_shared_data": _shared_data,
}


# Tests that use one of these fixtures need this, too.
NEEDS_OF_FIXTURES = {
    "training": "needs_training",
    "chromium": "needs_browser",
    "packages": "needs_node",  # tests/e2e/clients: of JavaScript clients
    "translated": "needs_sam",  # tests/template: the template by SAM's own translator
}


def find_chromium() -> Path | None:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


@functools.cache
def why_missing(need: str) -> str | None:
    """Why a need is not met and what would help, None where it is met."""
    return NEEDS[need]()
