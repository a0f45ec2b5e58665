"""The image from the engine: built as it is, and with all that slim.py leaves out of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from scripts.paths import ROOT
from scripts.tool import ToolError

BASES = ("icebox-test-base:3.13", "public.ecr.aws/lambda/python:3.13")
_SLIM = "python slim.py packages"  # the step that is left out


def default_base() -> str:
    """The stand-in where it was made (scripts/container/base-image), else AWS's own."""
    found = docker("images", "--quiet", BASES[0]).strip()
    return BASES[0] if found else BASES[1]


def build(image: str, base: str, *, slim: bool) -> None:
    """Build the image of the function that detects. Raises ToolError."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    if text.count(_SLIM) != 1:
        raise ToolError(f"the Dockerfile has no step {_SLIM!r}, or several")
    command = ["build", "--quiet", "--file", "-", "--target", "detect", "--tag", image]
    command += ["--build-arg", f"BASE_IMAGE={base}", "."]
    docker(*command, stdin=text if slim else text.replace(_SLIM, "true"))


def save(image: str, archive: Path) -> None:
    docker("save", "--output", str(archive), image)


def layer_count(image: str) -> int:
    inspected: list[dict[str, Any]] = json.loads(docker("image", "inspect", image))
    return len(inspected[0]["RootFS"]["Layers"])


def run_python(image: str, program: str, **environment: str) -> str:
    """What a program prints, run as in Lambda: read-only, as nobody, without a network."""
    return docker(
        *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
        *("--user", "65534:65534", "--cap-drop", "ALL"),
        *(part for pair in environment.items() for part in ("--env", "=".join(pair))),
        *("--entrypoint", "python", image, "-c", program),
    )


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Raises ToolError where there is no engine, or where it refuses."""
    if shutil.which("docker") is None:
        raise ToolError("docker is missing; on Debian and Ubuntu: apt-get install docker.io")
    ran = subprocess.run(
        ["docker", *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise ToolError(f"docker {arguments[0]} failed: {ran.stderr.strip()[-500:]}")
    return ran.stdout
