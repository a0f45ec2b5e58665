"""The page in Debian's chromium, against the function behind scripts/serve."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api

from handler.settings import Settings
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app

DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
WAIT_MS = 15_000
Handler = Callable[[dict[str, Any], Any], Any]


@dataclass
class Visit:
    """One open page. posts: the requests for detection. faults: what the console has of errors."""

    page: Any
    url: str
    posts: list[Any] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def choose(self, *files: Any) -> None:
        """Files by path, or (name, type, bytes)."""
        made = [
            each
            if isinstance(each, (str, Path))
            else dict(zip(("name", "mimeType", "buffer"), each, strict=True))
            for each in files
        ]
        self.page.set_input_files("#files", made)

    def expect_count(self, count: int | str) -> None:
        sync_api.expect(self.page.locator("#count")).to_have_text(str(count))

    def expect(self, selector: str) -> Any:
        return sync_api.expect(self.page.locator(selector))

    def slide(self, value: float) -> None:
        self.page.locator("#threshold").fill(str(value))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture (px) is in the window (CSS px), once nothing moves it."""
        return tuple(self.page.evaluate(_PLACE, {"x": x, "y": y}))  # type: ignore[return-value]

    def saved(self, name: str) -> tuple[str, bytes]:
        """What a button saves: the file's name and content."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=name, exact=True).click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


# Under load a panel that opens moves the stage some frames later.
_PLACE = """async point => {
  const now = () => {
    const {x, y} = stage.getBoundingClientRect(), at = toStage(point);
    return [x + at.x, y + at.y];
  };
  let place = now(), still = 0;
  while (still < 4) {
    await new Promise(requestAnimationFrame);
    const next = now();
    still = next.every((each, axis) => each === place[axis]) ? still + 1 : 0;
    place = next;
  }
  return place;
}"""


@contextmanager
def opened(
    browser: Any, url: str, *, before: Callable[[Any], object] | None = None, **options: Any
) -> Iterator[Visit]:
    """The page in a profile of its own. before: what is done to the page before it is loaded."""
    context = browser.new_context(**(options or DESK), accept_downloads=True)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    visit = Visit(page, url)
    page.on("request", lambda sent: visit.posts.append(sent) if "/v1/detect" in sent.url else None)
    # From the start: a chooser that opens before the driver has begun to listen is lost.
    page.on("filechooser", lambda _: None)
    page.on("pageerror", lambda error: visit.faults.append(str(error)))
    page.on(
        "console",
        lambda said: visit.faults.append(said.text) if _is_fault(said) else None,
    )
    if before:
        before(page)
    try:
        page.goto(url)
        yield visit
        assert not visit.faults
    finally:
        context.close()


def _is_fault(said: Any) -> bool:
    # An answer with a 4xx is logged as an error, too; that is its test's business.
    return said.type == "error" and not re.match("Failed to load resource", said.text)


@pytest.fixture
def sizes() -> list[int]:
    """Bytes of the body of each detection request, as they came over the wire."""
    return []


def weighed(handler: Handler, sizes: list[int]) -> Handler:
    def answer(event: dict[str, Any], context: Any) -> Any:
        if event["rawPath"] == "/v1/detect":
            sizes.append(int(event["headers"]["content-length"]))
        return handler(event, context)

    return answer


@pytest.fixture
def url(app: App, sizes: list[int]) -> Iterator[str]:
    with serving(weighed(app.module.lambda_handler, sizes)) as made:
        yield f"{made}/"


@pytest.fixture
def real_url(tmp_path: Path, sizes: list[int]) -> Iterator[str]:
    """With the default model."""
    model = Settings.from_env({}).model_dir
    with (
        make_app(model, tmp_path / "log") as made,
        serving(weighed(made.module.lambda_handler, sizes)) as served,
    ):
        yield f"{served}/"


@pytest.fixture
def visit(chromium: Any, url: str) -> Iterator[Visit]:
    with opened(chromium, url) as made:
        yield made


@pytest.fixture
def phone(chromium: Any, url: str) -> Iterator[Visit]:
    with opened(chromium, url, **PHONE) as made:
        yield made
