"""What several tests share."""

from collections.abc import Iterator
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
