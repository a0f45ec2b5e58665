"""Write docs/web.png anew: the page with the default model's count on its sample picture.

python -m tests.e2e.browser.example
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright import sync_api

from tests.e2e.browser.conftest import WAIT_MS, opened
from tests.e2e.clients.conftest import serving
from tests.support.app import make_app
from tests.support.browser import FLAGS
from tests.support.needs import find_chromium
from tests.support.paths import ROOT

PICTURE = ROOT / "docs" / "web.png"
WINDOW = {"viewport": {"width": 1080, "height": 800}}


def write(path: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        make_app(ROOT / "handler" / "model", Path(folder)) as app,
        serving(app.module.lambda_handler) as url,
        sync_api.sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        with opened(browser, f"{url}/", **WINDOW, reduced_motion="reduce") as visit:
            visit.page.get_by_role("button", name="Try a sample picture").click()
            counted = "Microalgae, on the sample picture"
            visit.expect("#count-of").to_have_text(counted, timeout=WAIT_MS)
            visit.page.mouse.move(0, 0)
            visit.page.wait_for_load_state("networkidle")
            shot = visit.page.screenshot()
        browser.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture.quantize(palette=picture.quantize(256)).save(path, optimize=True)


if __name__ == "__main__":
    write(PICTURE)
