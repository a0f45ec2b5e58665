"""The built images, once for all test files; and figures that the tests measure, shown among
pytest's closing lines."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.docker import base_image, sam

FIGURE = "figure"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built template; its images are tagged detectfunction:icebox and monitorfunction:icebox.

    Of several pytest processes the first one builds, and the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    built = shared / "sam-build" / "template.yaml"
    with (shared / "sam-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            override = f"BaseImage={base_image()}"
            folder = str(built.parent)
            ran = sam("build", "--build-dir", folder, "--parameter-overrides", override)
            assert ran.returncode == 0, ran.stdout + ran.stderr
    return built


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line; by the test's properties, which come back from a worker process, too."""
    return lambda line: record_property(FIGURE, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for made in terminalreporter.getreports("passed"):
        for name, line in made.user_properties:
            if made.when == "call" and name == FIGURE:
                terminalreporter.write_line(line)
