"""SAM's command line: build the images, push them, deploy the template.

`sam package` and `sam deploy` are two steps here, so that the template which is deployed is the one
that a release's record keeps.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.deployment.parameters import SAMCONFIG, format_pair, parse_pairs
from scripts.paths import ROOT
from scripts.tool import ToolError

SAM = ROOT / ".venv-sam" / "bin" / "sam"


def build(stage: str, parameters: Mapping[str, str]) -> None:
    """Build both images. Raises ToolError."""
    print("build     both images", flush=True)
    command = [str(ROOT / "scripts" / "build"), "--config-env", stage, *_overrides(parameters)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise ToolError("the build failed, see above; nothing was deployed")


def package(stage: str, repository: str) -> Path:
    """Push the images, and write the template with their addresses; its path. Raises ToolError."""
    path = ROOT / "out" / "deploy" / stage / "template.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"push      to {repository}", flush=True)
    status = _run(
        "package", "--config-file", str(SAMCONFIG), "--config-env", stage,
        "--image-repository", repository, "--use-json", "--no-progressbar",
        "--output-template-file", str(path),
    )  # fmt: skip
    if status:
        raise ToolError("the images could not be pushed, see above; nothing was deployed")
    return path


def deploy(
    stage: str,
    stack: str,
    parameters: Mapping[str, str],
    template: Path,
    repository: str,
    options: Sequence[str],
) -> bool:
    """Deploy a packaged template; whether SAM says that it succeeded."""
    print(f"deploy    {stack}", flush=True)
    return not _run(*deploy_arguments(stage, stack, parameters, template, repository), *options)


def deploy_arguments(
    stage: str, stack: str, parameters: Mapping[str, str], template: Path, repository: str
) -> list[str]:
    """The arguments of `sam deploy`; every parameter is among them, since SAM keeps the old value
    of one that is not."""
    return [
        "deploy", "--config-file", str(SAMCONFIG), "--config-env", stage,
        "--template-file", str(template), "--stack-name", stack,
        "--image-repository", repository, *_overrides(parameters),
    ]  # fmt: skip


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """The parameters on the command line: `Name=value`, each one argument or many in one.

    An argument with one `=` is one parameter as a whole, since the shell has taken its quotes:
    `MonitorSchedule="rate(1 hour)"`. Raises ToolError.
    """
    parameters: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and "=" not in value and not value.startswith(("'", '"')):
            parameters[name] = value
        else:
            parameters |= parse_pairs(argument)
    return parameters


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return ["--parameter-overrides", *(format_pair(*pair) for pair in parameters.items())]


def _run(*arguments: str) -> int:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run([str(SAM), *arguments], cwd=ROOT, env=environment, check=False).returncode
