"""Build an image again and compare its files with those of the first: scripts/run reproducible

Two builds of one checkout, on the same base image, have the same files with the same modes. The
times of files differ, and so do the digests of layers. --all builds the whole target anew, packages
too; otherwise it is the stage of the code and the model, on packages of the builder's cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import uuid

from scripts.paths import ROOT
from scripts.supply.contents import TASK_ROOT, Contents, inspect, read_contents
from scripts.tool import ToolError, exit_on_error

BASE = "public.ecr.aws/lambda/python:3.13"
CODE_STAGES, CODE_ROOT = {"detect": "code", "monitor": "monitor-code"}, "/build/code"
_CODE = "FROM packages AS code\n"


def read_dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def build(image: str, target: str, base: str, *, everything: bool) -> None:
    """Build a stage of the Dockerfile anew, under a name. Raises ToolError."""
    text = read_dockerfile()
    if text.count(_CODE) != 1:
        raise ToolError(f"the Dockerfile has no stage {_CODE!r}")
    # A command of its own, which the builder has never run.
    text = text.replace(_CODE, f"{_CODE}RUN : {uuid.uuid4().hex}\n")
    command = ["docker", "build", "--quiet", "--file", "-", "--target", target, "--tag", image]
    command += ["--build-arg", f"BASE_IMAGE={base}", *(["--no-cache"] if everything else []), "."]
    ran = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ToolError(f"the build failed: {ran.stderr.strip()[-500:]}")


def differences(first: Contents, second: Contents) -> list[str]:
    """Paths whose file, or its mode, is not the same in both."""
    return sorted({each.path for each in set(first.files) ^ set(second.files)})


def compare(target: str, base: str, *, everything: bool) -> tuple[int, list[str]]:
    """Build a target twice, or its stage of code. Returns how many files it has, and which differ.

    Raises ToolError.
    """
    stage, root = (target, TASK_ROOT) if everything else (CODE_STAGES[target], CODE_ROOT)
    names = [f"icebox-reproducible:{stage}-{number}" for number in (1, 2)]
    try:
        for name in names:
            build(name, stage, base, everything=everything)
        layers = [inspect(name)["RootFS"]["Layers"] for name in names]
        if layers[0] == layers[1]:
            raise ToolError("the second build took the first one's layers; nothing was compared")
        first, second = (read_contents(name, root) for name in names)
    finally:
        subprocess.run(["docker", "rmi", *names], capture_output=True, check=False)
    return len(first.files), differences(first, second)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/run reproducible", description="Build an image twice and compare its files."
    )
    parser.add_argument("--target", choices=["detect", "monitor"], default="detect")
    parser.add_argument("--base-image", default=BASE)
    parser.add_argument("--all", action="store_true", help="the packages, too, without the cache")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/run reproducible"):
        count, different = compare(options.target, options.base_image, everything=options.all)
        if different:
            shown = "\n  ".join(different[:50])
            raise ToolError(f"{len(different)} of {count} files differ:\n  {shown}")
        print(f"{count:,} files of {options.target}, the same in both builds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
