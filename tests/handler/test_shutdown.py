"""SIGTERM calls a function though the main thread is in C code, and ends the process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from handler.shutdown import call_on_sigterm
from tests.support.paths import ROOT

# A lock's wait in C that no signal handler interrupts stands for the runtime client's.
PROGRAM = """
import ctypes, sys
from handler.shutdown import call_on_sigterm
SETUP
def end():
    print("in flight")
    RAISE
print(call_on_sigterm(end), flush=True)
while True:
    ctypes.CDLL(None).sleep(60)
"""


def run(setup: str = "", fail: str = "") -> tuple[list[str], int]:
    program = PROGRAM.replace("SETUP", setup).replace("RAISE", fail)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        try:
            rest, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return (first + rest).split("\n")[:-1], process.returncode


def test_the_function_is_called_and_the_process_ends() -> None:
    assert run() == (["True", "in flight"], 128 + signal.SIGTERM)


def test_a_function_that_fails_ends_the_process_too() -> None:
    lines, status = run(fail="raise RuntimeError")
    assert status == 128 + signal.SIGTERM
    assert lines[0] == "True"


def test_a_handler_of_the_program_is_left_alone() -> None:
    own = "import os, signal, time; signal.signal(15, lambda *_: os._exit(3))"
    lines, status = run(f"{own}; ctypes.CDLL = lambda _: time")  # a sleep that handlers interrupt
    assert (lines, status) == (["False"], 3)


def test_another_thread_cannot_set_it_up() -> None:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(call_on_sigterm(lambda: None)))
    thread.start()
    thread.join()
    assert results == [False]
