"""The stage under fingers, in windows that change, on phones held either way, in forced colours."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handler.bundle.manifest import CountCalibration
from tests.docs.pages import sample_count
from tests.e2e.browser.conftest import DESK, PHONE, WAIT_MS, Visit, opened
from tests.e2e.browser.pictures import ALL, STRONG, squares

PICTURE = ("squares.png", "image/png", squares())
LANDSCAPE = {**PHONE, "viewport": {"width": 844, "height": 390}}
MIDDLE = "toPicture({x: stage.clientWidth / 2, y: stage.clientHeight / 2})"
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def drawn(visit: Visit) -> int:
    """Px of the canvas that are not clear, after the next frame."""
    visit.page.evaluate(SETTLED)
    return visit.page.evaluate(
        "new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.buffer).filter(Boolean).length"
    )


def test_the_score_of_a_tapped_box_stays_until_another_tap(chromium: Any, url: str) -> None:
    for options in (PHONE, DESK):
        with opened(chromium, url, **options) as visit:
            visit.choose(PICTURE)
            visit.expect_count(STRONG)
            press = visit.page.touchscreen.tap if options is PHONE else visit.page.mouse.click
            plain = drawn(visit)
            press(*visit.place(120, 120))
            visit.expect("#live").to_have_text(re.compile(r"red \d\.\d\d"))
            visit.page.mouse.move(1, 1)  # the mouse leaves
            visit.page.evaluate("stage.dispatchEvent(new PointerEvent('pointerleave'))")
            assert drawn(visit) > plain + 100
            assert visit.page.evaluate("picked.label") == "red"
            visit.slide(0.6)  # and while the threshold moves
            assert drawn(visit) > plain + 100
            visit.page.evaluate("scrollTo(0, 0)")
            press(*visit.place(560, 80))  # empty ground
            assert drawn(visit) == plain


def test_zoom_and_centre_survive_a_window_that_changes(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.evaluate("zoom(4, ...Object.values(toStage({x: 440, y: 520})))")
    visit.page.evaluate("pan(stage.clientWidth / 5, 0)")
    before = visit.page.evaluate(MIDDLE)
    visit.expect("#zoom").to_have_text("400 %")
    for width, height in ((1000, 900), (700, 800), (1280, 800)):
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.evaluate(SETTLED)
        visit.expect("#zoom").to_have_text("400 %")
        after = visit.page.evaluate(MIDDLE)
        assert abs(after["x"] - before["x"]) < 2 and abs(after["y"] - before["y"]) < 2, width
    visit.page.get_by_role("button", name="Show the whole picture").click()
    visit.page.set_viewport_size({"width": 1000, "height": 620})  # what is whole stays whole
    visit.page.evaluate(SETTLED)
    side = visit.page.evaluate("Math.min(stage.clientWidth, stage.clientHeight)")
    assert visit.page.evaluate("[view.k, view.fit * 640]") == [1, pytest.approx(side)]


def test_the_slider_stays_where_it_is_while_it_moves(chromium: Any, url: str) -> None:
    calibration = CountCalibration(0.9, -0.6, 1.3, 40, "squares", 0.5, 0.5, "evaluate")

    def calibrated(route: Any) -> None:
        answer = route.fetch()
        known = {"count_calibration": calibration._asdict()}
        route.fulfill(response=answer, json=answer.json() | known)

    before = lambda page: page.route("**/v1/model", calibrated)  # noqa: E731
    with opened(chromium, url, before=before, **PHONE) as visit:
        visit.choose(PICTURE)
        visit.expect("#interval").to_be_visible()
        top = "document.getElementById('threshold').getBoundingClientRect().top + scrollY"
        places = [visit.page.evaluate(top)]
        for value in (0.1, 0.7, 0.9, 0.5):
            visit.slide(value)
            places.append(visit.page.evaluate(top))
        assert len(set(places)) == 1, places


def test_a_phone_shows_strip_picture_and_count_together(chromium: Any, url: str) -> None:
    names = [f"{name}.png" for name in "abc"]
    for options in (PHONE, LANDSCAPE):
        with opened(chromium, url, **options) as visit:
            visit.choose(*[(name, *PICTURE[1:]) for name in names])
            visit.page.get_by_role("button", name=f"c.png, count {STRONG}").wait_for()
            visit.page.evaluate(SETTLED)
            for selector in ("#items li", "#stage", "#count"):
                box = visit.page.locator(selector).first.bounding_box()
                height = options["viewport"]["height"]  # type: ignore[index]
                assert box["y"] >= 0 and box["y"] + box["height"] <= height, (selector, box)
            visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            visit.page.evaluate("show(items[2])")  # as from a table at the end of the page
            visit.page.wait_for_function(
                "() => { const {top, bottom} = stage.getBoundingClientRect();"
                " return top >= 0 && bottom <= innerHeight; }"
            )


def test_forced_colours_tell_on_from_off(chromium: Any, url: str) -> None:
    options = {**DESK, "forced_colors": "active", "reduced_motion": "reduce"}
    with opened(chromium, url, **options) as visit:
        visit.choose(PICTURE, ("b.png", *PICTURE[1:]))
        visit.page.get_by_role("button", name=f"b.png, count {STRONG}").wait_for()

        def seen(selector: str) -> np.ndarray:
            visit.page.mouse.move(1, 1)
            box = visit.page.locator(selector).bounding_box()
            around = {"x": box["x"] - 4, "y": box["y"] - 4}  # with an outline
            data = visit.page.screenshot(
                clip=around | {"width": box["width"] + 8, "height": box["height"] + 8}
            )
            return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

        for selector in ("#save-data", "#labels"):
            off = seen(selector)
            visit.page.locator(selector).click()
            visit.page.evaluate("document.activeElement.blur()")
            on = seen(selector)
            assert (np.abs(on - off).max(axis=2) > 60).mean() > 0.2, selector
        tiles = [seen(f"#items li:nth-child({n})") for n in (1, 2)]
        assert (np.abs(tiles[0] - tiles[1]).max(axis=2) > 60).sum() > 100


def test_two_thresholds_stand_side_by_side(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.get_by_role("button", name="Compare").click()
    visit.expect("#compare-left").to_have_text("◀ no boxes")
    visit.expect("#compare-right").to_have_text(f"{STRONG} at 0.50 ▶")
    visit.page.get_by_label("Left of the divider", exact=True).select_option("Another threshold")
    visit.page.get_by_label("Threshold left of the divider").fill("0.2")
    visit.expect("#compare-left").to_have_text(f"◀ {ALL} at 0.20")
    visit.expect_count(STRONG)  # of the slider's own threshold, as before
    visit.slide(0.9)
    visit.expect("#compare-right").to_have_text("2 at 0.90 ▶")
    divider = visit.page.get_by_role("slider", name="Divider", exact=True)
    divider.press("Home")
    right = drawn(visit)
    assert divider.get_attribute("aria-valuetext") == "0 %; left: 4 at 0.20, right: 2 at 0.90"
    divider.press("End")
    assert drawn(visit) > 1.5 * right  # four boxes for two
    visit.page.get_by_role("button", name="Compare").click()
    visit.expect("#compare-bar").to_be_hidden()


def test_the_sample_picture_is_loaded_by_who_asks_for_it(
    chromium: Any, url: str, real_url: str
) -> None:
    with opened(chromium, real_url) as visit:
        loaded: list[str] = []
        visit.page.on("request", lambda sent: loaded.append(sent.url))
        visit.expect("#finds").to_have_text("Counts Microalgae")
        assert loaded == []
        visit.page.get_by_role("button", name="Try a sample picture").click()
        visit.expect("#count-of").to_have_text("Microalgae, on the sample picture", timeout=WAIT_MS)
        visit.expect_count(sample_count())  # of the same file
        assert loaded[0] == f"{real_url}sample.jpg"
    with opened(chromium, url) as visit:  # a model of something else
        visit.expect("#finds").to_have_text("Finds red, green")
        visit.expect("#try-sample").to_be_hidden()
