"""What the tests of the model toolchain share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.training import Training, start_training


@pytest.fixture(scope="module")
def training() -> Iterator[Training]:
    """A process of the training environment; a test that uses it is marked needs_training."""
    with start_training() as process:
        yield process
