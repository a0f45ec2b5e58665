"""Figures that the container tests measure, shown among pytest's closing lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FIGURE = "figure"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line; by the test's properties, which come back from a worker process, too."""
    return lambda line: record_property(FIGURE, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for made in terminalreporter.getreports("passed"):
        for name, line in made.user_properties:
            if made.when == "call" and name == FIGURE:
                terminalreporter.write_line(line)
