"""Many pictures: their turn at the API, what is tried again, and what stays in memory."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.e2e.browser.conftest import PHONE, WAIT_MS, Visit, opened, sync_api
from tests.e2e.browser.pictures import STRONG, squares
from tests.e2e.browser.test_access import CONTRAST
from tests.e2e.browser.test_trouble import locked
from tests.support.app import App

__all__ = ["locked"]
PICTURE = squares()
QUICK = "Object.assign(RETRY, {base: 1})"  # ms
WHOLE = """() => items.filter(item => item.url || item.image).map(item => item.name)"""
# Counts addresses of files that the page holds.
COUNTED = """
const held = new Set(), make = URL.createObjectURL, free = URL.revokeObjectURL;
URL.createObjectURL = blob => { const made = make(blob); held.add(made); return made; };
URL.revokeObjectURL = url => { held.delete(url); free(url); };
window.held = held;
"""


def pictures(*names: str) -> list[tuple[str, str, bytes]]:
    return [(name, "image/png", PICTURE) for name in names]


def numbered(n: int) -> list[tuple[str, str, bytes]]:
    return pictures(*(f"{i:03}.png" for i in range(1, n + 1)))


class Gate:
    """Holds the requests for detection until they are let through."""

    def __init__(self, app: App) -> None:
        self.answer = json.loads(app.post(PICTURE).body)
        self.held: list[Any] = []

    def __call__(self, page: Any) -> None:
        page.route("**/v1/detect*", lambda route: self.held.append(route))

    def open(self, visit: Visit, n: int, **otherwise: Any) -> None:
        """Answers the next n requests, which may have yet to come."""
        for _ in range(n):
            visit.page.wait_for_function("() => true")
            while not self.held:
                visit.page.wait_for_timeout(20)
            self.held.pop(0).fulfill(**(otherwise or {"json": self.answer}))


def test_nothing_vanishes_and_only_the_current_picture_is_whole_in_memory(
    chromium: Any, url: str, app: App
) -> None:
    answer = json.loads(app.post(PICTURE).body)

    def before(page: Any) -> None:
        page.add_init_script(COUNTED)
        page.route("**/v1/detect*", lambda route: route.fulfill(json=answer))

    with opened(chromium, url, before=before) as visit:
        visit.choose(*numbered(60))
        visit.expect("#progress-text").to_have_text("60 counted", timeout=WAIT_MS)
        visit.expect("#live").to_have_text("All counted: 60 of 60.")
        assert len(visit.posts) == 60
        tiles = visit.page.locator("#items li")
        assert tiles.count() < 45
        assert tiles.first.get_attribute("aria-setsize") == "60"
        visit.page.wait_for_function(f"() => ({WHOLE})().join() === '001.png'")
        assert visit.page.evaluate("held.size") == 1
        visit.page.locator("#strip").evaluate("each => { each.scrollLeft = each.scrollWidth; }")
        last = visit.page.get_by_role("button", name=f"060.png, count {STRONG}")
        last.click()
        visit.expect("#facts").to_contain_text("060.png")
        visit.page.wait_for_function(f"() => ({WHOLE})().join() === '060.png'")
        assert visit.page.evaluate("held.size") == 1
        thumbs = visit.page.evaluate("items.map(item => item.thumb.length)")
        assert max(thumbs) < 20_000


def test_a_batch_is_paused_goes_on_and_is_cancelled(chromium: Any, url: str, app: App) -> None:
    gate = Gate(app)
    with opened(chromium, url, before=gate) as visit:
        visit.choose(*numbered(8))
        gate.open(visit, 1)
        visit.expect("#progress-text").to_contain_text("1 of 8", timeout=WAIT_MS)
        visit.page.get_by_role("button", name="Pause").click()
        gate.open(visit, 2)  # those under way
        visit.expect("#progress-text").to_have_text("Paused · 3 of 8", timeout=WAIT_MS)
        assert len(visit.posts) == 3
        visit.page.get_by_role("button", name="Continue").click()
        gate.open(visit, 1)
        visit.expect("#progress-text").to_contain_text("4 of 8 · about 10 s left", timeout=WAIT_MS)
        visit.page.get_by_role("button", name="Cancel the rest").click()
        gate.open(visit, 2)
        visit.expect("#progress-text").to_have_text("6 counted · 2 not counted", timeout=WAIT_MS)
        visit.page.get_by_role("button", name="008.png, not counted").wait_for()
        visit.page.get_by_role("button", name="Count the rest").click()
        gate.open(visit, 2)
        visit.expect("#progress-text").to_have_text("8 counted", timeout=WAIT_MS)
        assert len(visit.posts) == 8 and not gate.held


def test_what_is_busy_is_tried_again_after_the_time_that_the_api_asks_for(
    chromium: Any, url: str, app: App
) -> None:
    gate = Gate(app)
    with opened(chromium, url, before=gate) as visit:
        visit.choose(*numbered(1))
        gate.open(visit, 1, status=429, headers={"Retry-After": "1800"})
        visit.expect("#busy-text").to_contain_text("Busy: next try in 1,")
        visit.page.get_by_role("button", name="Try now").click()
        gate.open(visit, 1)
        visit.expect_count(STRONG)
        delays = visit.page.evaluate("[1, 2, 3, 4, 9].map(tries => delayOf(tries))")
        for delay, longest in zip(delays, (1000, 2000, 4000, 8000, 60_000), strict=True):
            assert longest / 2 <= delay <= longest
        assert visit.page.evaluate("delayOf(1, 5000)") == 5000
        asked = "[null, '7', 'soon', new Date(Date.now() + 9000).toUTCString()].map(msOf)"
        none, seconds, wrong, date = visit.page.evaluate(asked)
        assert (none, seconds, wrong) == (0, 7000, 0) and 7000 < date <= 9000


def test_failures_are_told_by_name_and_an_api_that_is_down_pauses_the_batch(
    visit: Visit,
) -> None:
    visit.page.evaluate(QUICK)
    down = lambda route: route.fulfill(status=503)  # noqa: E731
    visit.choose(*pictures("a.png"), ("no.png", "image/png", b"no"))
    visit.expect("#failures summary").to_have_text("1 failed")
    visit.page.locator("#failures summary").click()
    visit.expect("#failures li").to_contain_text("no.png Not a ")
    visit.page.route("**/v1/detect*", down)
    visit.choose(*pictures("b.png", "c.png", "d.png", "e.png"))
    visit.expect("#progress-text").to_have_text("Paused: That went wrong · 4 of 6", timeout=WAIT_MS)
    assert len([post for post in visit.posts if "detect" in post.url]) == 1 + 2 * 5
    visit.page.unroute("**/v1/detect*", down)
    visit.page.get_by_role("button", name="Continue").click()
    visit.expect("#progress-text").to_have_text("3 counted · 3 failed", timeout=WAIT_MS)
    visit.page.get_by_role("button", name="Try b.png again").click()
    visit.expect("#progress-text").to_have_text("4 counted · 2 failed", timeout=WAIT_MS)
    visit.page.get_by_role("button", name="Try all again").click()
    visit.expect("#progress-text").to_have_text("5 counted · 1 failed", timeout=WAIT_MS)


def test_a_batch_waits_for_a_connection(visit: Visit) -> None:
    visit.expect("#name").to_contain_text("squares")
    visit.page.context.set_offline(True)
    visit.choose(*pictures("a.png", "b.png", "c.png"))
    visit.expect("#progress-text").to_contain_text(
        "Offline: goes on with the connection", timeout=WAIT_MS
    )
    visit.page.context.set_offline(False)
    visit.expect("#progress-text").to_have_text("3 counted", timeout=WAIT_MS)


def test_a_key_that_is_asked_for_pauses_the_batch(chromium: Any, locked: str) -> None:
    with opened(chromium, locked) as visit:
        visit.page.get_by_role("button", name="Cancel").click()
        visit.choose(*pictures("a.png", "b.png", "c.png", "d.png"))
        visit.page.get_by_role("button", name="Cancel", exact=True).click()
        visit.expect("#progress-text").to_contain_text("Paused: A key is needed", timeout=WAIT_MS)
        visit.page.get_by_role("button", name="Continue").click()
        visit.page.get_by_label("API key").fill("open-sesame")
        visit.page.keyboard.press("Enter")
        visit.expect("#progress-text").to_have_text("4 counted", timeout=WAIT_MS)


def test_pictures_that_were_sent_otherwise_are_told_and_counted_again(visit: Visit) -> None:
    visit.choose(*numbered(3))
    visit.expect("#progress-text").to_have_text("3 counted", timeout=WAIT_MS)
    switch = visit.page.get_by_role("switch")
    switch.click()
    visit.expect("#progress-text").to_have_text(
        re.compile(r"^3 counted · 3 counted from (a scaled picture|the original)$"),
        timeout=WAIT_MS,
    )
    switch.click()
    visit.expect("#progress-text").to_have_text("3 counted", timeout=WAIT_MS)
    switch.click()
    assert len(visit.posts) == 3
    visit.page.get_by_role("button", name="Count all again").click()
    visit.expect("#recount").to_be_hidden()
    visit.expect("#progress-text").to_have_text("3 counted", timeout=WAIT_MS)
    assert len(visit.posts) == 6


SMALL = """() => [...document.querySelectorAll('button, summary, textarea, input[type=text]')]
  .filter(each => each.checkVisibility())
  .map(each => [each.id || each.textContent, each.getBoundingClientRect()])
  .filter(([, box]) => box.height < 40 || box.width < 40).map(([name]) => name)"""


def test_the_bar_is_readable_by_phone_in_the_light_and_in_the_dark(chromium: Any, url: str) -> None:
    for scheme in ("light", "dark"):
        with opened(chromium, url, **PHONE, color_scheme=scheme) as visit:
            visit.choose(*numbered(2), ("no.png", "image/png", b"no"))
            visit.expect("#progress-text").to_have_text("2 counted · 1 failed", timeout=WAIT_MS)
            visit.page.locator("#failures summary").click()
            visit.page.get_by_text("Notes", exact=True).click()
            assert visit.page.evaluate(SMALL) == []
            assert visit.page.evaluate(CONTRAST) == []
            assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
            visit.page.locator("#failures summary").click()
            visit.page.evaluate("stop(PAUSED)")
            visit.choose(*pictures("late.png"))
            visit.expect("#progress-text").to_have_text("Paused · 3 of 4")
            bar = visit.page.locator("#batch-bar").bounding_box()
            assert bar["y"] + bar["height"] < 844 / 2  # in sight, above the picture
            assert visit.page.evaluate(SMALL) == []
            visit.page.get_by_role("button", name="Cancel the rest").click()
            visit.page.get_by_role("button", name="Forget all pictures").click()
            assert visit.page.evaluate(CONTRAST) == []
            sync_api.expect(visit.page.get_by_role("dialog")).to_have_accessible_name(
                "Forget all 4 pictures, with counts, corrections and notes?"
            )


DROP = """async bytes => {
  const file = (name, type) => ({isFile: true, fullPath: `/dish/${name}`, file: done =>
    done(new File([new Uint8Array(bytes)], name.split('/').pop(), {type}))});
  const folder = (...all) => ({isDirectory: true, createReader: () => {
    const parts = [all, []];
    return {readEntries: done => done(parts.shift())};
  }});
  const tree = folder(file('10.png', 'image/png'), file('9.png', 'image/png'),
    file('notes.txt', 'text/plain'), file('.DS_Store', ''), folder(file('b/1.png', 'image/png')));
  await addDropped({files: [], items: [{webkitGetAsEntry: () => tree}]});
}"""


def test_names_twice_pictures_twice_folders_and_files_that_are_gone(
    visit: Visit, tmp_path: Path
) -> None:
    """Two of one name are told apart, one file twice is not counted twice."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cells.png").write_bytes(PICTURE + folder.encode() * len(folder))
    (tmp_path / "two" / "cells.png").write_bytes(PICTURE)
    visit.choose(tmp_path / "one" / "cells.png")
    visit.expect_count(STRONG)
    visit.choose(tmp_path / "two" / "cells.png")
    visit.page.get_by_role("button", name=f"cells (2).png, count {STRONG}").wait_for()
    visit.choose(tmp_path / "one" / "cells.png")
    visit.expect("#notice").to_have_text("cells.png is here already.")
    assert len(visit.posts) == 2
    visit.page.evaluate(DROP, list(PICTURE))
    visit.expect("#notice").to_have_text("One file is no picture and was left out.")
    visit.expect("#progress-text").to_have_text("5 counted", timeout=WAIT_MS)
    names = visit.page.evaluate("items.slice(2).map(item => item.name)")
    assert names == ["dish/9.png", "dish/10.png", "dish/b/1.png"]
    visit.page.evaluate("stop(PAUSED)")
    gone = tmp_path / "gone.png"
    gone.write_bytes(PICTURE)
    visit.page.evaluate("whyNot = 'no storage'")
    visit.choose(gone)
    gone.unlink()
    visit.page.get_by_role("button", name="Continue").click()
    visit.expect("#trouble-title").to_have_text("This file cannot be read")
    sync_api.expect(visit.page.get_by_role("button", name="Choose another")).to_be_visible()
    visit.page.evaluate("whyNot = ''; stop(PAUSED)")
    visit.choose(*pictures("kept.png"))
    visit.page.evaluate("settled()")
    visit.page.evaluate("items.at(-1).file = items.at(-2).file")
    visit.page.get_by_role("button", name="Continue").click()
    visit.expect("#progress-text").to_have_text("6 counted · 1 failed", timeout=WAIT_MS)
