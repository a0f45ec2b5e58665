"""The function behind scripts/serve on loopback, for the clients that people have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.local.invoke import Function
from scripts.local.serve import make_server
from tests.e2e.clients import node
from tests.support.app import App


@contextmanager
def serving(handler: Callable[[dict[str, Any], Any], Any]) -> Iterator[str]:
    """A handler behind a free port of loopback, every limit of Lambda kept; its URL."""
    server = make_server(Function(handler), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def url(app: App) -> Iterator[str]:
    with serving(app.module.lambda_handler) as made:
        yield made


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts of js/ and their packages."""
    return node.install(tmp_path_factory.mktemp("js"))
