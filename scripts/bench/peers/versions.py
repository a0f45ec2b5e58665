"""Which versions an environment has of what matters."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PACKAGES = (
    "bentoml", "fastapi", "uvicorn", "litserve", "gradio", "mangum", "icevision", "torch",
    "onnxruntime", "pillow",
)  # fmt: skip
PROGRAM = """
import importlib.metadata as metadata, json, sys
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(versions))
"""


def read_versions(python: Path) -> str:
    """As `name 1.2, name 3.4`; empty where the environment does not tell."""
    ran = subprocess.run(
        [str(python), "-c", PROGRAM, *PACKAGES], capture_output=True, text=True, timeout=60
    )
    if ran.returncode:
        return ""
    return ", ".join(f"{name} {version}" for name, version in json.loads(ran.stdout).items())
