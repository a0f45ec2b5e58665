"""The print sheet: boxes on their objects, nothing cropped, all facts, on A4 and Letter."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.browser.conftest import DESK, Visit, opened, sync_api
from tests.e2e.browser.pictures import SQUARES, STRONG, squares

PICTURE = ("squares.png", "image/png", squares())
PAPERS = {"A4": (794, 1123), "Letter": (816, 1056)}  # CSS px, 96 an inch
MARGIN = 2 * 45  # px: 12 mm at both sides


def test_the_sheet_has_the_boxes_on_their_objects_and_all_facts(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.evaluate("zoom(5, 0, 0)")  # the whole picture is printed all the same
    visit.slide(0.7)
    visit.page.evaluate("current.notes = 'pond 3'")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    data = visit.page.evaluate("document.querySelector('#sheet canvas').toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as sheet:
        drawn = np.asarray(sheet.convert("RGB")).astype(int)
    assert drawn.shape == (640, 640, 3)
    for (x0, y0, x1, y1), colour in SQUARES.items():
        if colour == (255, 166, 166):
            continue  # below the threshold
        box = (213, 94, 0) if colour[0] == 255 else (0, 114, 178)
        for x, y in ((x0, 0.5 * (y0 + y1)), (x1, 0.5 * (y0 + y1)), (0.5 * (x0 + x1), y0)):
            around = drawn[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
            assert np.abs(around - box).max(axis=2).min() < 60, (x, y)
    weak = drawn[400 - 4 : 400 + 5, 120]
    assert np.abs(weak - (213, 94, 0)).max(axis=1).min() > 60

    visit.page.emulate_media(media="print")
    text = visit.page.locator("#sheet").inner_text()
    answer = visit.page.evaluate("current.answer")
    for fact in (
        "squares.png", f"{STRONG}\n", "0.70; the model's default is 0.50", "whole", "640 × 640 px",
        "squares 1.0.0", "pond 3", answer["prediction_id"], "red 2", "green 1",
    ):  # fmt: skip
        assert fact in text, fact
    assert re.search(r"Date\s+20\d\d-\d\d-\d\d \d\d:\d\d", text)
    visit.page.emulate_media(media="null")
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.expect("#sheet").to_be_empty()
    visit.expect("#stage").to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(640, 640), (400, 1600), (1600, 400)])
def test_nothing_is_cropped_on_any_paper(chromium: Any, url: str, width: int, height: int) -> None:
    picture = Image.open(io.BytesIO(PICTURE[2])).resize((width, height))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    with opened(chromium, url, **DESK, color_scheme="dark") as visit:
        visit.choose(("shape.png", "image/png", stream.getvalue()))
        visit.expect("#save-picture").to_be_enabled()
        for paper, size in PAPERS.items():
            for is_landscape in (False, True):
                pdf = visit.page.pdf(format=paper, landscape=is_landscape)
                assert len(re.findall(rb"/Type /Page\b", pdf)) == 1, (paper, is_landscape)
                wide, high = size[::-1] if is_landscape else size
                visit.page.set_viewport_size({"width": wide - MARGIN, "height": high - MARGIN})
                visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
                visit.page.emulate_media(media="print")
                found = visit.page.evaluate(
                    """() => [document.documentElement.scrollWidth, innerWidth,
                      document.documentElement.scrollHeight, innerHeight,
                      ...['canvas', '.id'].map(each => document.querySelector(`#sheet ${each}`)
                        .getBoundingClientRect()).flatMap(({right, bottom}) => [right, bottom])]"""
                )
                across, across_limit, down, down_limit, *ends = found
                assert across <= across_limit and down <= down_limit, (paper, is_landscape, found)
                assert max(ends[::2]) <= across_limit and max(ends[1::2]) <= down_limit
                canvas = visit.page.locator("#sheet canvas").bounding_box()
                assert canvas["width"] / canvas["height"] == pytest.approx(width / height, rel=0.01)
                ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert ground == "rgb(255, 255, 255)"  # in the dark, too
                visit.page.emulate_media(media="null")


def test_all_pictures_are_printed_each_on_its_page_with_their_table(visit: Visit) -> None:
    visit.choose(PICTURE, ("b.png", *PICTURE[1:]), ("no.txt", "text/plain", b"no"))
    visit.page.get_by_role("button", name="no.txt, failed").wait_for()
    visit.page.get_by_role("button", name=f"b.png, count {STRONG}").wait_for()
    visit.page.evaluate(
        "window.print = () => { window.printed = [...document.querySelectorAll("
        "'#sheet article')].map(each => [each.innerHTML.includes('blob:'), each.textContent]); }"
    )
    visit.page.get_by_role("button", name="Print", exact=True).click()
    dialog = visit.page.get_by_role("dialog", name="Print")
    dialog.get_by_role("button", name="All 2 pictures").click()
    sync_api.expect(dialog).to_be_hidden()
    first, second, table = visit.page.evaluate("window.printed")
    assert first[0] and second[0] and "squares.png" in first[1] and "b.png" in second[1]
    assert "total 6" in table[1] and "no.txt" in table[1] and "Not a picture" in table[1]
    visit.page.get_by_role("button", name="Print", exact=True).click()
    visit.page.keyboard.press("Escape")
    sync_api.expect(dialog).to_be_hidden()
