"""What several tests share."""

from pathlib import Path

import pytest

from tests.support.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle that finds red and green squares."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))
