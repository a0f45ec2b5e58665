"""A Docker engine and SAM's command line, where this machine has them."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.support.paths import ROOT

SAM = ROOT / ".venv-sam" / "bin" / "sam"
TEST_BASE = "icebox-test-base:3.13"
AWS_BASE = "public.ecr.aws/lambda/python:3.13"
BUILD_S = 900
SETTINGS = (
    "MODEL_DIR",
    "PREDICTION_LOG",
    "ORT_THREADS",
)  # SAM would hand a caller's values on to the container


def why_not() -> str | None:
    """Why containers cannot run here and what would help, or None where they can."""
    if not SAM.exists():
        return "SAM's command line is missing; scripts/test makes .venv-sam"
    if shutil.which("docker") is None:
        return "docker is missing: install it (Debian: docker.io; scripts/container/engine start)"
    if docker("version", check=False).returncode:
        return "no Docker engine answers: start one (as root: scripts/container/engine start)"
    return None


def docker(
    *arguments: str, check: bool = True, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        input=stdin,
    )


def base_image() -> str:
    """The stand-in base where it was made (scripts/container/base-image), else AWS's own."""
    stand_in = docker("image", "inspect", TEST_BASE, check=False).returncode == 0
    return TEST_BASE if stand_in and os.environ.get("ICEBOX_BASE") != "aws" else AWS_BASE


def sam(*arguments: str, timeout: float = BUILD_S) -> subprocess.CompletedProcess[str]:
    """Run SAM from the repository's root, where its configuration is."""
    return subprocess.run(
        [SAM, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment() -> dict[str, str]:
    """No telemetry, no real account."""
    ours = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    ours |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return kept | ours
