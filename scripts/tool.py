"""How a command line ends where it cannot go on: one line on stderr, status 1, no traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from handler.bundle.reader import BundleError
from handler.problems import Problem


class ToolError(Exception):
    """What a tool cannot do with what it was given; the text says why and what to do."""


@contextlib.contextmanager
def exit_on_error(name: str) -> Iterator[None]:
    """Turn the errors that the user of the command `name` can mend into its exit text."""
    try:
        yield
    except (ToolError, BundleError, Problem) as error:
        sys.exit(f"{name}: {error}")
    except BrokenPipeError:  # `| head` has read enough; what is left at exit has no reader either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        sys.exit(
            f"{name}: {error.filename}: {error.strerror}" if error.filename else f"{name}: {error}"
        )


def exit_on_signals(name: str) -> None:
    """SIGINT and SIGTERM end this process by way of what it has to clear away, also in the
    background of a shell, which ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{name}: ended by SIGTERM"))
