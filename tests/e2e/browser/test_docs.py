"""The page that describes the API, as a reader opens it."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser.conftest import DESK, PHONE, opened, sync_api


def test_a_reader_finds_an_operation_and_its_schema(chromium: Any, url: str) -> None:
    with opened(chromium, url) as visit:
        visit.page.get_by_role("link", name="API").click()
        visit.page.get_by_role("link", name="POST /v1/uploads", exact=True).click()
        operation = visit.page.get_by_role("region", name="POST /v1/uploads", exact=True)
        sync_api.expect(operation).to_be_in_viewport()
        sync_api.expect(operation).to_contain_text("signed URL")
        operation.get_by_role("link", name="UploadRequest").click()
        schema = visit.page.get_by_role("region", name="UploadRequest", exact=True)
        sync_api.expect(schema).to_be_in_viewport()
        schema.get_by_text("Schema", exact=True).click()
        sync_api.expect(schema).to_contain_text("content_type")
        visit.page.get_by_role("link", name="openapi.json", exact=True).click()
        sync_api.expect(visit.page.locator("body")).to_contain_text('"openapi": "3.1.0"')


def test_it_is_styled_and_as_wide_as_the_screen(chromium: Any, url: str) -> None:
    """Its policy lets its own style in: no fault on the console, a method on its ground."""
    for options in (DESK, PHONE):
        with opened(chromium, f"{url}docs", **options) as visit:
            ground = "getComputedStyle(document.querySelector('.method')).backgroundColor"
            assert visit.page.evaluate(ground) == "rgb(226, 241, 237)"
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert visit.page.evaluate(wide) == 0
