"""Debian's chromium, one in each test process: Playwright cannot be started in one twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.needs import find_chromium

# A bare machine: no sandbox as root, no GPU, no calls to the browser's makers.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright import sync_api

    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()
