"""A worker of scripts.bench.fuzz with the tiny bundle, for the tests that run its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.bench.fuzz.cases import Limits
from scripts.bench.fuzz.worker import Worker


@pytest.fixture(scope="module")
def worker(tiny_bundle: Path) -> Iterator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_DIR", str(tiny_bundle))
        with Worker(Limits()) as started:
            yield started
