"""What several tests share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.app import App, make_app
from tests.support.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle that finds red and green squares."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    """The function in this process, cold, with that bundle and a file:// prediction log."""
    with make_app(tiny_bundle, tmp_path / "log") as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where ICEBOX_NO_SKIPS is set, as in CI, a skipped test has failed: nothing may hide behind
    it."""
    report = yield
    if report.skipped and os.environ.get("ICEBOX_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr[2]}"  # type: ignore[index]
    return report
