"""What several tests share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.app import App, make_app
from tests.support.moto_s3 import moto_s3
from tests.support.needs import NEEDS, NEEDS_OF_FIXTURES, why_missing
from tests.support.tiny_bundle import make_tiny_bundle

# fixtures: chromium, worker, cells and bundles of the gate
pytest_plugins = ["tests.support.browser", "tests.support.fuzzing", "tests.support.gate_bundles"]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle that finds red and green squares."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    """The function in this process, cold, with that bundle and a file:// prediction log."""
    with make_app(tiny_bundle, tmp_path / "log") as made:
        yield made


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_s3(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a moto server, one for all tests; what this process makes later talks to it,
    too."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    return boto3.client("s3")


def pytest_configure(config: pytest.Config) -> None:
    for need in NEEDS:
        config.addinivalue_line("markers", f"{need}: see tests/support/needs.py")


@pytest.hookimpl(tryfirst=True)  # before -m selects by them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if need := NEEDS_OF_FIXTURES.get(name):
                item.add_marker(need)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: a test whose need is not met is skipped, and says what would help."""
    for marker in item.iter_markers():
        if marker.name in NEEDS and (why := why_missing(marker.name)):
            pytest.skip(why)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where ICEBOX_NO_SKIPS is set, as in CI, a skipped test has failed: nothing may hide behind
    it."""
    report = yield
    if report.skipped and os.environ.get("ICEBOX_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr[2]}"  # type: ignore[index]
    return report
