"""What goes wrong, told in words that help, and mended from where one stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser.conftest import Visit, opened
from tests.e2e.browser.pictures import STRONG, squares
from tests.e2e.clients.conftest import serving
from tests.support.app import make_app

PICTURE = ("squares.png", "image/png", squares())


def test_what_is_no_picture_is_told_without_a_request(visit: Visit) -> None:
    visit.choose(("notes.txt", "text/plain", "Grüße".encode()))
    visit.expect("#trouble-title").to_have_text("Not a picture")
    visit.expect("#trouble-detail").to_contain_text("JPEG, PNG, WebP, TIFF, BMP and HEIC are read.")
    assert visit.posts == []
    visit.expect_count("–")
    visit.expect(".panel").to_be_hidden()
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose another").click()
    chooser.value.set_files([{"name": "a.png", "mimeType": "image/png", "buffer": PICTURE[2]}])
    visit.expect_count(STRONG)
    visit.expect("#trouble").to_be_hidden()


@pytest.mark.parametrize("name", ["data.json", "page.html"])
def test_text_and_json_are_not_taken_for_something_else(visit: Visit, name: str) -> None:
    """Gateways hand on bodies of these types as text; and JSON is another kind of request."""
    visit.choose((name, {"json": "application/json", "html": "text/html"}[name[5:]], b'{"a": 1}'))
    visit.expect("#trouble").to_be_visible()
    assert visit.posts == []


def test_a_truncated_picture(visit: Visit) -> None:
    visit.choose(("half.jpg", "image/jpeg", squares("JPEG")[:2000]))
    visit.expect("#trouble-title").to_have_text("Picture cannot be decoded")


@pytest.mark.parametrize(
    ("status", "body", "title"),
    [
        (500, '{"message": "Internal Server Error"}', "That went wrong"),
        (502, "<html>Bad gateway</html>", "That went wrong"),
        (503, "", "That went wrong"),
        (429, '{"message": "Too Many Requests"}', "Busy"),
        (200, "<html>a proxy's page</html>", "Not understood"),
        (200, "null", "Not understood"),
    ],
)
def test_a_failing_api_is_told_and_tried_again(
    visit: Visit, status: int, body: str, title: str
) -> None:
    visit.page.evaluate("RETRY.base = 1")  # ms: what is busy is tried again by itself first
    visit.page.route("**/v1/detect*", lambda route: route.fulfill(status=status, body=body))
    visit.choose(PICTURE)
    visit.expect("#trouble-title").to_have_text(title)
    assert visit.page.get_by_role("alert").is_visible()
    visit.page.unroute("**/v1/detect*")
    visit.page.get_by_role("button", name="Try again").click()
    visit.expect_count(STRONG)
    visit.expect("#trouble").to_be_hidden()


def test_without_a_connection(visit: Visit) -> None:
    visit.expect("#name").to_contain_text("squares")
    visit.page.context.set_offline(True)
    visit.choose(PICTURE)
    visit.expect("#trouble-title").to_have_text("You are offline")
    visit.expect("#picture").to_be_visible()  # one's own picture is there all the same
    visit.page.context.set_offline(False)
    visit.page.get_by_role("button", name="Try again").click()
    visit.expect_count(STRONG)


def test_a_model_that_was_not_loaded_is_asked_for_again(chromium: Any, url: str) -> None:
    failing = lambda page: page.route("**/v1/model", lambda route: route.abort())  # noqa: E731
    with opened(chromium, url, before=failing) as visit:
        visit.expect("#finds").to_contain_text("The model could not be loaded")
        visit.choose(PICTURE)
        visit.expect("#trouble-title").to_have_text("Not reached")
        visit.page.unroute("**/v1/model")
        visit.page.get_by_role("button", name="Try again").click()
        visit.expect_count(STRONG)


def test_one_broken_picture_among_others_stops_none(visit: Visit) -> None:
    visit.choose(PICTURE, ("no.txt", "text/plain", b"no"), ("b.png", "image/png", PICTURE[2]))
    visit.page.get_by_role("button", name="no.txt, failed").wait_for()
    visit.page.get_by_role("button", name=f"b.png, count {STRONG}").click()
    visit.expect_count(STRONG)


def test_a_name_with_markup_is_text(visit: Visit) -> None:
    visit.choose(PICTURE, ("<img src=x onerror=alert(1)>.png", "image/png", PICTURE[2]))
    visit.page.get_by_role("button", name=f"onerror=alert(1)>.png, count {STRONG}").click()
    visit.expect("#facts").to_contain_text("<img src=x onerror=alert(1)>.png, 640")
    assert visit.page.locator("img[src=x]").count() == 0


# ---- keys -----------------------------------------------------------------------------------


@pytest.fixture
def locked(tiny_bundle: Path, tmp_path: Path) -> Iterator[str]:
    """The page of a function that asks for the key `open-sesame`."""
    digest = hashlib.sha256(b"open-sesame").hexdigest()
    with (
        make_app(tiny_bundle, tmp_path / "log", API_KEY_SHA256=digest) as app,
        serving(app.module.lambda_handler) as url,
    ):
        yield f"{url}/"


def test_a_key_is_asked_for_and_kept_for_this_tab(chromium: Any, locked: str) -> None:
    with opened(chromium, locked) as visit:
        dialog = visit.page.get_by_role("dialog", name="This API asks for a key")
        dialog.wait_for()
        visit.page.get_by_label("API key").fill("wrong")
        visit.page.keyboard.press("Enter")
        visit.expect("#key-said").to_contain_text("This key is not known here")
        visit.page.get_by_label("API key").fill("open-sesame")
        visit.page.get_by_role("button", name="Use this key").click()
        visit.expect("#name").to_contain_text("squares")
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        assert visit.posts[-1].headers["authorization"] == "Bearer open-sesame"
        visit.page.reload()
        visit.expect("#name").to_contain_text("squares")
        visit.expect("#key").to_be_hidden()
        stored = visit.page.evaluate("[JSON.stringify(localStorage), document.cookie]")
        assert stored == ["{}", ""]


def test_a_key_stays_until_another_is_known_to_be_right(chromium: Any, locked: str) -> None:
    with opened(chromium, locked) as visit:
        key = lambda: visit.page.evaluate("sessionStorage.getItem('icebox-key')")  # noqa: E731
        visit.page.get_by_label("API key").fill("open-sesame")
        visit.page.keyboard.press("Enter")
        visit.expect("#name").to_contain_text("squares")
        visit.page.get_by_role("button", name="Key", exact=True).click()
        dialog = visit.page.get_by_role("dialog", name="Another key")
        dialog.wait_for()
        assert key() == "open-sesame"
        visit.page.get_by_label("API key").fill("wrong")
        visit.page.keyboard.press("Enter")
        visit.expect("#key-said").to_contain_text("This key is not known here")
        assert key() == "open-sesame"
        visit.page.keyboard.press("Escape")
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Key", exact=True).click()
        visit.page.get_by_role("button", name="Forget key").click()
        assert key() is None
        visit.expect("#key-open").to_be_hidden()


def test_without_the_key_nothing_is_sent(chromium: Any, locked: str) -> None:
    with opened(chromium, locked) as visit:
        visit.page.get_by_role("button", name="Cancel").click()
        visit.expect("#finds").to_have_text("A key is needed")
        visit.choose(PICTURE)
        visit.page.get_by_role("button", name="Cancel").click()
        visit.expect("#trouble-title").to_have_text("A key is needed")
        assert visit.posts == []
        visit.page.get_by_role("button", name="Enter the key").click()
        visit.page.get_by_label("API key").fill("open-sesame")
        visit.page.keyboard.press("Enter")
        visit.expect_count(STRONG)


def test_a_key_that_no_header_carries_is_refused_here(chromium: Any, locked: str) -> None:
    with opened(chromium, locked) as visit:
        visit.page.get_by_label("API key").fill("schlüssel")
        visit.page.keyboard.press("Enter")
        visit.expect("#key-said").to_contain_text("A key has letters, digits and signs")
        visit.expect("#key").to_be_visible()
