"""How tools tell their users of errors."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

ENDLESS = """
from scripts.tool import exit_on_error
with exit_on_error("tool"):
    while True:
        print("a line of output")
"""


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"a line of output\n"
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")
