"""A copy of the checkout that may be changed, the stand-in for AWS, and verbs run against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.support.docker import AWS_BASE, base_image, environment
from tests.support.paths import ROOT

VERB_S = 1200.0  # a verb that takes longer hangs
ENVIRONMENTS = (".venv", ".venv-sam")
# What a developer's shell may have, which would reach another AWS or name another profile.
FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION")


def copy_checkout(folder: Path) -> Path:
    """The files of the checkout as they are, with its environments and the test base image. Its
    images have a tag of their own, since other tests use those of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():  # deleted ones are listed, too
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in ENVIRONMENTS:
        (folder / name).symlink_to(ROOT / name)
    replace(folder / "samconfig.toml", AWS_BASE, base_image())
    replace(folder / "template.yaml", "DockerTag: icebox", "DockerTag: icebox-rehearsal")
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path.name} has no {old}"
    path.write_text(text.replace(old, new))


@dataclass(frozen=True)
class Ran:
    status: int
    output: str
    seconds: float


@dataclass(frozen=True)
class Rehearsal:
    """A running stand-in. variables: what `scripts/run rehearsal` says to export."""

    checkout: Path
    folder: Path
    variables: Mapping[str, str]
    api: str  # URL below which stacks' APIs are

    def run(self, *command: str) -> Ran:
        """A verb of the checkout, such as scripts/deploy, as a user runs it."""
        bare = {name: value for name, value in environment().items() if name not in FOREIGN}
        began = time.monotonic()
        done = subprocess.run(
            [str(self.checkout / command[0]), *command[1:]],
            cwd=self.checkout,
            env=bare | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=VERB_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, time.monotonic() - began)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            region_name=self.variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def outputs(self, stack: str) -> dict[str, str]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    def live_version(self, function: str) -> str:
        alias = self.client("lambda").get_alias(FunctionName=function, Name="live")
        assert not alias.get("RoutingConfig"), alias
        return str(alias["FunctionVersion"])

    def printed(self) -> str:
        """What all functions have printed."""
        files = sorted((self.folder / "functions").glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text()[-6000:]}" for path in files)


@contextmanager
def rehearsal(checkout: Path, folder: Path, *options: str) -> Iterator[Rehearsal]:
    """Start the stand-in as `scripts/run rehearsal` does; all that it started ends with it."""
    log = folder.parent / "rehearsal.log"
    command = [sys.executable, "-P", "-m", "scripts.rehearsal", "--folder", str(folder), *options]
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=checkout,
            env=kept | {"PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        variables = {}
        assert process.stdout
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                variables[name] = value.strip("'")
            else:
                break
        assert "AWS_ENDPOINT_URL" in variables, log.read_text()
        running = Rehearsal(checkout, folder, variables, f"{variables['AWS_ENDPOINT_URL']}/api")
        try:
            yield running
        except BaseException:
            sys.stderr.write(f"{running.printed()}\n--- the stand-in\n{log.read_text()[-4000:]}\n")
            raise
    finally:
        process.terminate()
        process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()
