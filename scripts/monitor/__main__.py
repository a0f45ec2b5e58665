"""Watch a deployed detector through the records that it leaves, without labels.

    scripts/run monitor report s3://BUCKET --window 7d --out out/monitor

Every command reads a bucket (s3://BUCKET[/PREFIX]) or a folder.
`scripts/run monitor COMMAND --help` explains its arguments.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from scripts.tool import exit_on_error

COMMANDS = {  # each a module of scripts.monitor.commands, imported when it is called
    "report": "what changed, since when, why, and how good the model still is",
    "read": "print records as a table or as JSON lines",
    "compact": "turn closed days into one Parquet file for each day and model",
    "recover": "put records that were printed into the log back into the bucket",
    "baseline": "make the reference of a window of live records",
    "sample": "choose the kept pictures to label next",
    "replay": "run another bundle over kept pictures and show what would change",
}


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status of the command."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv and argv[0] in COMMANDS else None
    parser = argparse.ArgumentParser(
        prog="scripts/run monitor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for each, summary in COMMANDS.items():
        command_parser = commands.add_parser(each, help=summary, description=summary)
        if each == name:
            command = importlib.import_module(f"scripts.monitor.commands.{each}")
            command.add_arguments(command_parser)
    arguments = parser.parse_args(argv)
    with exit_on_error("monitor"):
        status: int = command.run(arguments)
        return status


if __name__ == "__main__":
    sys.exit(main())
