"""Start a stand-in for AWS on this machine, to deploy against: scripts/run rehearsal [options]"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from scripts.rehearsal import quotas
from scripts.rehearsal.containers import check_engine, remove_left_containers
from scripts.rehearsal.stand_in import StandIn
from scripts.tool import ToolError, exit_on_error

# Where moto's own settings or a profile would reach something else.
FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run rehearsal",
        description="A stand-in for AWS: prints the variables to export in another terminal, and "
        "runs until Ctrl-C. All that was deployed to it is gone then.",
    )
    parser.add_argument("--port", type=int, default=0, help="of the server; a free one by default")
    parser.add_argument(
        "--folder", type=Path, help="for images and logs; a temporary one by default"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=12.0,
        help="how many times as fast CodeDeploy's minutes pass (default: %(default)g, so five "
        "minutes take 25 s; 1 for real time)",
    )
    parser.add_argument(
        "--new-account",
        action="store_true",
        help=f"a quota of {quotas.NEW_ACCOUNT} concurrent executions, as new accounts have",
    )
    arguments = parser.parse_args(argv)
    with exit_on_error("rehearsal"):
        if not arguments.speed > 0:
            raise ToolError("--speed must be above 0")
        if arguments.folder:
            _run(arguments, arguments.folder)
        else:
            with tempfile.TemporaryDirectory(prefix="icebox-rehearsal-") as folder:
                _run(arguments, Path(folder))


def _run(arguments: argparse.Namespace, folder: Path) -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)
    quota = quotas.NEW_ACCOUNT if arguments.new_account else quotas.DEFAULT
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "eu-central-1"
    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    check_engine()
    remove_left_containers()
    with StandIn(
        folder.resolve(),
        port=arguments.port,
        region=region,
        speed=arguments.speed,
        concurrent_executions=quota,
    ) as stand_in:
        for name, value in stand_in.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"# A deployed API answers at {stand_in.api_url('icebox-dev')}", flush=True)
        print(
            f"The stand-in runs; what functions print is in {stand_in.folder}/functions. "
            "Ctrl-C ends it.",
            file=sys.stderr,
        )
        while not over.wait(1.0):  # a signal that another thread is given wakes this one only here
            pass
        print("ending containers, registry and server", file=sys.stderr)


if __name__ == "__main__":
    main()
