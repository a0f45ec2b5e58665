"""The page in Chromium, served by the function on a free port of loopback, for benches of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from scripts.local.invoke import load_function, set_default_prediction_log
from scripts.local.serve import make_server
from scripts.tool import ToolError

BROWSERS = ("chromium", "google-chrome", "chromium-browser")


@contextmanager
def opened_page(folder: Path) -> Iterator[tuple[Any, str]]:
    """A page of Playwright's with nothing in it yet, and the URL of ours.

    folder: of the records and the browser's profile, which is on disk: without one, what the page
    keeps would lie in memory. Raises ToolError without Chromium.
    """
    from playwright import sync_api

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        raise ToolError("no Chromium is installed")
    set_default_prediction_log(folder / "log")
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),  # the function's log; a table is printed afterwards
        sync_api.sync_playwright() as driver,
    ):
        server = make_server(load_function(), 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = driver.chromium.launch_persistent_context(
            folder / "profile", executable_path=program, args=["--no-sandbox"]
        )
        try:
            yield context.pages[0], f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            context.close()
            server.shutdown()
