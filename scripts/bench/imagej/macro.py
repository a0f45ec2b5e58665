"""ImageJ's own count: the macro over pictures, and what it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.tool import ToolError

MACRO = Path(__file__).parent / "count_cells.ijm"
JAR = Path("/usr/share/java/ij.jar")  # of Debian's package
INSTALL = "apt-get install imagej xvfb brings it"
WAIT_S = 60  # a picture: ImageJ shows an error in a dialog, and waits for someone to close it


def why_missing(jar: Path = JAR) -> str | None:
    """Why the macro cannot run here, None where it can."""
    if not jar.exists():
        return f"ImageJ is missing ({jar}): {INSTALL}"
    if not shutil.which("java"):
        return f"java is missing: {INSTALL}"
    if not (os.environ.get("DISPLAY") or shutil.which("xvfb-run")):
        return f"ImageJ needs a display, or xvfb-run: {INSTALL}"
    return None


def run_macro(pictures: Sequence[Path], jar: Path = JAR) -> dict[str, np.ndarray]:
    """Areas in px of the particles in each picture, float64 (n,), by the file's name.

    Raises ToolError where ImageJ is missing, fails, or leaves a picture out.
    """
    if reason := why_missing(jar):
        raise ToolError(reason)
    display = [] if os.environ.get("DISPLAY") else ["xvfb-run", "--auto-servernum"]
    files = "\n".join(str(path.resolve()) for path in pictures)
    command = [*display, "java", "-jar", str(jar), "-batch", str(MACRO), files]
    limit = WAIT_S * (1 + len(pictures))
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise ToolError(f"ImageJ did not end within {limit} s") from None
    areas = read_areas(ran.stdout)
    if left := [path.name for path in pictures if path.name not in areas]:
        said = (ran.stderr or ran.stdout).strip()[-300:]
        raise ToolError(f"ImageJ did not count {', '.join(left)}: {said or 'it said nothing'}")
    return areas


def read_areas(printed: str) -> dict[str, np.ndarray]:
    """The macro's lines `particles NAME AREA …`; whatever else ImageJ prints is passed over."""
    areas = {}
    for line in printed.splitlines():
        kind, *rest = line.split("\t")
        if kind == "particles" and rest:
            name, *numbers = rest
            try:
                areas[name] = np.array(numbers, np.float64)
            except ValueError:
                raise ToolError(f"ImageJ's line cannot be read: {line[:100]}") from None
    return areas
