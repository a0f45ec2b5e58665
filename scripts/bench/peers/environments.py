"""Makes each peer's own environment, once, from requirements/peers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.bench.peers.peers import OUR_OWN, TRAINING
from scripts.paths import ROOT
from scripts.tool import ToolError

MAKE_S = 1800
ENSURE = '. "$(dirname "$0")/env.sh"; ensure "$@"'


def ensure_environment(name: str) -> Path:
    """The Python of a peer's environment, made if it is not there or not current.

    It is made with this process's own Python version: a newer one would be faster. Raises ToolError
    where it cannot be made.
    """
    if name == OUR_OWN:
        return Path(sys.executable)
    if name == TRAINING:
        return _training_python()
    folder = f".venv-peers-{name}"
    base = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    try:
        made = subprocess.run(
            ["sh", "-c", ENSURE, str(ROOT / "scripts" / "peers"), folder, f"peers/{name}.txt"],
            env=os.environ | {"PYTHON": str(base)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=MAKE_S,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"{folder} was not made within {MAKE_S / 60:.0f} minutes") from None
    if made.returncode:
        raise ToolError(made.stderr.strip().rpartition("\n")[2] or f"{folder} cannot be made")
    return ROOT / folder / "bin" / "python"


def _training_python() -> Path:
    python = Path(os.environ.get("ICEBOX_TRAIN_ENV") or ROOT / ".venv-train") / "bin" / "python"
    if not python.exists():
        raise ToolError("the training environment is missing: scripts/train-env makes it (1.8 GB)")
    return python
