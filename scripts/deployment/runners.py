"""Name GitHub's runners that build for what samconfig.toml chooses: for .github/workflows

    python3 -m scripts.deployment.runners          all stages' runners, as a list of JSON
    python3 -m scripts.deployment.runners STAGE    the runner of one stage

An image is built and tested on a machine of its own architecture, since emulation takes ten times
as long. The output is a line for GITHUB_OUTPUT. The module needs the standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from scripts.deployment.parameters import STAGES, read_parameters, read_samconfig
from scripts.tool import ToolError, exit_on_error

# https://docs.github.com/en/actions/reference/runners/github-hosted-runners
RUNNERS = {"x86_64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
DEFAULT = "x86_64"  # the template's


def find_runner(samconfig: str, stage: str) -> str:
    """The runner for a stage's `Architecture`. Raises ToolError."""
    architecture = read_parameters(samconfig, stage).get("Architecture", DEFAULT)
    if architecture not in RUNNERS:
        raise ToolError(
            f"samconfig.toml: Architecture={architecture} of {stage}; the template takes "
            f"{' or '.join(RUNNERS)}"
        )
    return RUNNERS[architecture]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts.deployment.runners", description="Name the runners that build for a stage."
    )
    parser.add_argument("stage", choices=STAGES, nargs="?", metavar="dev|prod")
    options = parser.parse_args(argv)
    with exit_on_error("scripts.deployment.runners"):
        samconfig = read_samconfig()
        if options.stage:
            print(f"runner={find_runner(samconfig, options.stage)}")
        else:
            found = sorted({find_runner(samconfig, stage) for stage in STAGES})
            print(f"runners={json.dumps(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
