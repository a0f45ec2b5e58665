"""Calls a function when Lambda ends the environment with SIGTERM.

The runtime client waits for its next event in C code, where a Python signal handler does not run.
So the signal's wakeup pipe wakes a thread, which calls the function and ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

NAME = "icebox-shutdown"


def call_on_sigterm(function: Callable[[], None]) -> bool:
    """Call `function` on SIGTERM, then end the process. Call it in the main thread.

    Returns whether it is set up: not where the program handles the signal itself, or in a thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    if (other := signal.set_wakeup_fd(writer, warn_on_full_buffer=False)) != -1:
        signal.set_wakeup_fd(other)
        os.close(reader)
        os.close(writer)
        return False
    signal.signal(signal.SIGTERM, lambda *_: None)  # without a handler nothing is written
    threading.Thread(target=_wait, args=(reader, function), name=NAME, daemon=True).start()
    return True


def _wait(reader: int, function: Callable[[], None]) -> None:
    while signal.SIGTERM not in os.read(reader, 64):
        pass
    try:
        function()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
    finally:
        os._exit(128 + signal.SIGTERM)
