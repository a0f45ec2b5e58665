"""The scale of pictures: drawn, typed, saved; where it holds; and sizes of cells by their boxes."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.browser.conftest import PHONE, Visit, opened
from tests.e2e.browser.pictures import STRONG, squares
from tests.support.paths import ROOT

PICTURE = ("squares.png", "image/png", squares())
DOCS = (ROOT / "docs" / "page.md").read_text()


def resized(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.open(io.BytesIO(squares())).resize((width, height)).save(stream, "PNG")
    return stream.getvalue()


def scale(visit: Visit) -> Any:
    return visit.page.evaluate("() => scaleOf(current)")


def test_a_known_length_is_drawn_by_mouse_and_keyboard(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.get_by_role("button", name="Measure").click()
    visit.expect("#line-said").to_have_text("Draw a line along a known length.")
    mouse = visit.page.mouse
    mouse.move(*visit.place(100, 100))
    mouse.down()
    mouse.move(*visit.place(300, 300))
    mouse.move(*visit.place(400, 500))  # 300 and 400 px apart
    mouse.up()
    visit.expect("#line-said").to_have_text("500 px")
    mouse.move(*visit.place(402, 498))  # an end is grasped near it
    mouse.down()
    mouse.move(*visit.place(100, 350))
    mouse.up()
    visit.expect("#line-said").to_have_text("250 px")
    visit.page.locator("#line-um").fill("1,000")
    visit.page.get_by_role("button", name="Set the scale").click()
    visit.expect("#live").to_contain_text("has two meanings")
    assert scale(visit) is None
    visit.page.locator("#line-um").fill("62,5")
    visit.page.locator("#line-um").press("Enter")
    assert scale(visit) == pytest.approx(0.25)
    visit.expect("#line-said").to_have_text("250 px, 62.5 µm")
    # By keyboard: the other end, moved.
    visit.page.locator("#stage").focus()
    visit.page.keyboard.press("Enter")
    visit.expect("#live").to_contain_text("Other end.")
    visit.page.keyboard.press("ArrowUp")
    visit.expect("#line-said").not_to_have_text("250 px, 62.5 µm")
    visit.page.keyboard.press("Escape")
    visit.expect("#measure-bar").to_be_hidden()
    # All is done by number fields, too.
    visit.page.locator("#scale-card summary").click()
    visit.page.locator("#um").fill("none")
    visit.page.locator("#um").press("Enter")
    visit.expect("#scale-said").to_have_text("µm per px must be a number such as 20, 0.5 or 0,5.")
    visit.page.locator("#um").fill("0.5")
    visit.page.evaluate("showScale()")  # as an answer that comes late would have it
    visit.page.locator("#um").press("Enter")
    assert scale(visit) == 0.5
    # The squares are 80 px wide.
    visit.expect("#mean-length").to_have_text("Length: mean 40, SD 0, median 40 µm")
    visit.expect("#sizes-note").to_contain_text("3 boxes. Approximate: boxes are upright")
    text = visit.page.evaluate("() => cellsCsv(items).text()")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["length_um"], row["width_um"]) for row in rows] == [("40", "40")] * STRONG


def test_a_line_is_drawn_by_a_finger(chromium: Any, url: str) -> None:
    with opened(chromium, url, **PHONE) as visit:
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Measure").tap()
        wire = visit.page.context.new_cdp_session(visit.page)
        for kind, place in (
            ("touchStart", (100, 200)),
            ("touchMove", (300, 200)),
            ("touchMove", (420, 200)),
            ("touchEnd", None),
        ):
            points = [dict(zip("xy", visit.place(*place), strict=True))] if place else []
            wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        visit.expect("#line-said").to_have_text(re.compile(r"3[12]\d px"))
        small = visit.page.evaluate(
            "() => [...document.querySelectorAll('#measure-bar button, #measure-bar input')]"
            ".filter(each => each.getBoundingClientRect().height < 44).length"
        )
        assert small == 0


def test_a_scale_holds_for_pictures_of_its_size(visit: Visit) -> None:
    half = ("half.png", "image/png", resized(320, 320))
    other = ("other.png", "image/png", resized(640, 480))
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.locator("#scale-card summary").click()
    visit.page.locator("#um").fill("0.5")
    visit.page.locator("#um").press("Enter")
    visit.page.locator("#scale-name").fill("10× objective")
    visit.page.get_by_role("button", name="Save", exact=True).click()
    visit.expect("#scales").to_have_value("10× objective")
    same = visit.page.get_by_role("button", name="It is the same view in another size")
    visit.choose(half)
    visit.expect("#scale-is").to_contain_text("of pictures of 640 × 640 px; this one has 320 × 320")
    assert scale(visit) is None
    same.click()
    assert scale(visit) == 1
    visit.choose(other)
    visit.expect("#scale-is").to_contain_text("this one has 640 × 480 px")
    assert scale(visit) is None
    visit.expect("button >> text=It is the same view").to_be_hidden()
    visit.page.reload()
    visit.expect("#name").to_contain_text("squares")
    assert visit.page.evaluate("() => setting('scale').um") == 0.5


def test_bars_bins_and_means(visit: Visit) -> None:
    page = visit.page
    lengths = [9.99, 10, 19, 20, 49, 50, 0.7, 1234]
    assert page.evaluate("most => most.map(roundLength)", lengths) == pytest.approx(
        [5, 10, 10, 20, 20, 50, 0.5, 1000]
    )
    values = [1.0, 2.5, 2.5, 7.0]
    found = page.evaluate("values => summary(values)", values)
    assert found == pytest.approx(
        {"n": 4, "mean": 3.25, "sd": np.std(values, ddof=1), "median": 2.5}
    )
    assert page.evaluate("values => histogram(values, 2.5, 7)", values) == [1, 2, 1]
    cut = "box => sizeOf({width: 100, height: 100}, box, 2)"
    assert page.evaluate(cut, {"x0": 0.5, "y0": 10, "x1": 9, "y1": 20}) is None
    assert page.evaluate(cut, {"x0": 5, "y0": 10, "x1": 9, "y1": 20}) == {"length": 20, "width": 8}


def test_the_page_tells_what_upright_boxes_make_of_slanting_cells() -> None:
    """Ellipses of length 1 at all angles alike, beside the table of docs/page.md."""
    rows = re.findall(r"^\| (length ÷ width|length|width) \|(.*)\|$", DOCS, re.M)
    table = {name: [float(cell) for cell in cells.split("|")] for name, cells in rows}
    angles = (np.arange(100_000) + 0.5) * np.pi / 200_000
    for column, aspect in enumerate(table["length ÷ width"]):
        across = np.hypot(np.cos(angles), np.sin(angles) / aspect)
        upward = np.hypot(np.sin(angles), np.cos(angles) / aspect)
        length = np.maximum(across, upward).mean()
        width = np.minimum(across, upward).mean() * aspect
        assert [length, width] == pytest.approx(
            [table["length"][column], table["width"][column]], abs=0.0051
        )


def test_the_example_of_the_page_is_what_the_page_computes(visit: Visit) -> None:
    said = re.findall(r"<!-- example -->(.*?)<!-- /example -->", DOCS)
    shown = visit.page.evaluate(
        """() => {
          const parts = Array(10).fill({count: 45, volume: 0.1});
          const {perMl, low, high} = concentrate(parts, 5);
          const show = powersOf(perMl, high);
          return `${show(perMl, true)} cells per mL, 95 %: ${show(low)}–${show(high, true)}`;
        }"""
    )
    assert said == [shown]
