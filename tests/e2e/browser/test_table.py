"""The tables: of all pictures, with their total, and of all boxes beside the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.e2e.browser.conftest import Visit
from tests.e2e.browser.pictures import ALL, STRONG, squares
from tests.support.pictures import encoded

PNG = squares()
GREEN = encoded([("green", (400, 480, 480, 560))], "PNG")
# 130 pictures, as if they had been counted, the last of which failed. Item i has i % 7 boxes.
MANY = """() => {
  const box = (id) => ({ id, label: "red", score: 0.9, colour: "#d55e00", x0: 9 * id, y0: 0, x1: 9 * id + 5, y1: 9 });
  const { answer, sent, file } = items[0];
  items = Array.from({ length: 130 }, (_, i) => ({
    ...items[0], id: String(i), name: `${i}.png`, answer, sent, file, edits: null, corrected: null,
    found: Array.from({ length: i % 7 }, (_, id) => box(id)), trouble: null, state: "done",
  }));
  Object.assign(items[129], { state: "failed", trouble: new Trouble("Not read", "It is odd.") });
  tell("items");
}"""  # noqa: E501


def rows(visit: Visit, column: int = 0) -> list[str]:
    cells = visit.page.locator(f"#table-rows tr > :nth-child({column + 1})")
    return [text.strip() for text in cells.all_text_contents()]


def sort_by(visit: Visit, title: str) -> str:
    head = visit.page.get_by_role("columnheader", name=title, exact=True)
    head.get_by_role("button").press("Enter")
    return head.get_attribute("aria-sort") or ""


def test_the_table_of_all_pictures(visit: Visit) -> None:
    visit.choose(("b10.png", "image/png", PNG))
    visit.expect_count(STRONG)
    visit.expect("#batch").to_be_hidden()  # nothing to add up
    visit.choose(("b9.png", "image/png", GREEN), ("c.png", "image/png", b"no picture"))
    visit.expect("#totals").to_have_text("total 4, mean 2.0 ± 1.4 (SD), of 2 of 3 pictures")
    visit.page.locator("#table summary").click()
    assert rows(visit) == ["b10.png", "b9.png", "c.png"]
    assert rows(visit, 1) == ["3", "1", "failed"]
    visit.expect("#table-rows").to_contain_text("Not a picture: This file is no picture")
    assert visit.page.get_by_role("columnheader", name="Corrected").count() == 0  # nobody has
    assert sort_by(visit, "File") == "ascending" and rows(visit) == ["b9.png", "b10.png", "c.png"]
    assert sort_by(visit, "Count") == "ascending" and rows(visit, 1) == ["1", "3", "failed"]
    assert sort_by(visit, "Count") == "descending" and rows(visit, 1) == ["3", "1", "failed"]
    assert sort_by(visit, "Count") == "" and rows(visit) == ["b10.png", "b9.png", "c.png"]

    visit.page.get_by_role("button", name="b10.png", exact=True).press("Enter")
    visit.expect_count(STRONG)
    visit.expect("#table-rows [aria-current]").to_contain_text("b10.png")
    assert visit.page.evaluate("document.activeElement.textContent") == "b10.png"
    visit.slide(0.2)
    visit.expect("#totals").to_have_text("total 5, mean 2.5 ± 2.1 (SD), of 2 of 3 pictures")
    assert rows(visit, 1)[0] == str(ALL) and rows(visit, 4)[0] == "0.20"
    visit.page.get_by_role("button", name="One more").click()
    visit.expect("#totals").to_have_text(
        "total 6, mean 3.0 ± 2.8 (SD), of 2 of 3 pictures, 1 corrected"
    )
    assert rows(visit, 2) == [str(ALL + 1), "", ""]  # beside what the model counted
    assert rows(visit, 1) == [str(ALL), "1", "failed"]

    # against NumPy; of nothing and of one there is no spread
    counts = [99, 37, 60, 103, 111, 52]
    found: Any = visit.page.evaluate(
        """counts => {
          const item = (corrected) => ({ state: "done", found: [], edits: null, corrected });
          const failed = { state: "failed" };
          return [[...counts.map(item), failed], [item(3)], [failed]].map(totalsOf);
        }""",
        counts,
    )
    assert found[0]["total"] == sum(counts) and (found[0]["n"], found[0]["of"]) == (6, 7)
    np.testing.assert_allclose(found[0]["mean"], np.mean(counts))
    np.testing.assert_allclose(found[0]["sd"], np.std(counts, ddof=1))
    assert (found[1]["mean"], found[1]["sd"]) == (3, None)
    assert (found[2]["n"], found[2]["mean"], found[2]["sd"]) == (0, None, None)


def test_many_pictures_are_in_pages_and_none_is_lost(visit: Visit) -> None:
    visit.choose(("a.png", "image/png", PNG))
    visit.expect_count(STRONG)
    visit.page.evaluate(MANY)
    visit.page.locator("#table summary").click()
    visit.expect("#totals").to_contain_text("of 129 of 130 pictures")
    seen = []
    later = visit.page.locator("#table-pages").get_by_role("button", name="Later rows")
    for line in ("1–50 of 130", "51–100 of 130", "101–130 of 130"):
        visit.expect("#table-pages span").to_have_text(line)
        seen += rows(visit)
        if later.is_enabled():
            later.click()
    assert seen == [f"{i}.png" for i in range(130)]
    sort_by(visit, "Error")
    assert rows(visit)[0] == "129.png"  # the only one that has one
    assert visit.page.locator("#table-rows tr").count() == 50


def test_rows_and_boxes_mark_each_other(visit: Visit) -> None:
    visit.choose(("a.png", "image/png", PNG))
    visit.expect_count(STRONG)
    visit.page.locator("#listing summary").click()
    listed = visit.page.locator("#rows tr")
    marked = "hovered && boxesOf(current).indexOf(hovered)"
    listed.nth(1).hover()
    visit.expect("#rows .marked td >> nth=0").to_have_text("2")
    assert visit.page.evaluate(marked) == 1
    listed.nth(0).focus()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("ArrowDown")
    assert visit.page.evaluate(marked) == 2
    visit.page.keyboard.press("Enter")  # zooms in, and the box lies in the middle
    visit.expect("#zoom").not_to_have_text("100 %")
    middle = """() => { const { x0, y0, x1, y1 } = boxesOf(current)[2], at = toStage({ x: (x0 + x1) / 2, y: (y0 + y1) / 2 });
      return [at.x / stage.clientWidth, at.y / stage.clientHeight]; }"""  # noqa: E501
    assert all(0.2 < each < 0.8 for each in visit.page.evaluate(middle))
    visit.page.get_by_role("button", name="Show the whole picture").click()
    visit.page.locator("#stage").hover()
    visit.page.mouse.move(0, 0)
    visit.expect("#rows .marked").to_have_count(0)
    place = visit.page.evaluate(
        "() => { const { x0, y0 } = boxesOf(current)[1], at = toStage({ x: x0 + 9, y: y0 + 9 }),"
        " box = stage.getBoundingClientRect(); return [box.x + at.x, box.y + at.y]; }"
    )
    visit.page.mouse.move(*place)
    visit.expect("#rows .marked td >> nth=0").to_have_text("2")


def test_a_thousand_boxes_are_in_pages_and_no_column_is_cut_off(visit: Visit, phone: Visit) -> None:
    """Five digits and two classes in the panel of 364 px; on a phone the tables scroll inside."""
    visit.choose(("a.png", "image/png", PNG))
    visit.expect_count(STRONG)
    visit.page.locator("#listing summary").click()
    visit.page.evaluate(
        """() => {
          current.found = Array.from({ length: 1000 }, (_, id) => ({ ...current.found[0], id }));
          changed();
        }"""
    )
    visit.expect("#listing-pages span").to_have_text("1–50 of 1,000")
    visit.page.evaluate("hovered = shown(current)[777]; paint()")
    visit.expect("#rows .marked td >> nth=0").to_have_text("778")
    assert visit.page.locator("#rows tr").count() == 50
    visit.page.evaluate("hovered = shown(current)[49]; paint()")
    visit.expect("#rows .marked td >> nth=0").to_have_text("50")
    visit.page.locator("#rows tr").nth(49).focus()
    visit.page.keyboard.press("ArrowDown")  # on to the next page
    visit.expect("#listing-pages span").to_have_text("51–100 of 1,000")
    assert visit.page.evaluate("document.activeElement.cells[0].textContent") == "51"

    wide = """() => {
      for (const each of current.found)
        Object.assign(each, { x0: 10000.4, x1: 23456, y1: each.y0 + 12345 });
      changed();
      const scroll = document.querySelector("#listing .scroll");
      return [scroll.scrollWidth - scroll.clientWidth, document.documentElement.scrollWidth];
    }"""
    assert visit.page.evaluate(wide) == [0, 1280]
    phone.choose(("a.png", "image/png", PNG), ("no.png", "image/png", b"no"))
    phone.expect("#totals").to_contain_text("1 of 2 pictures")
    phone.page.locator("#table summary").click()
    phone.page.get_by_role("button", name="a.png", exact=True).click()
    phone.page.locator("#listing summary").click()
    assert phone.page.evaluate(wide) == [0, 390]
    inner = phone.page.locator("#table .scroll")
    inner.evaluate("each => { each.scrollLeft = 1000; }")
    first = phone.page.locator("#table-rows th >> nth=0").bounding_box()
    assert abs(first["x"] - inner.bounding_box()["x"]) < 1  # it stays in sight
