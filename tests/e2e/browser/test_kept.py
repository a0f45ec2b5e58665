"""What the browser keeps: pictures with all that was done to them, until they are forgotten."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser.conftest import WAIT_MS, Visit, opened, sync_api
from tests.e2e.browser.pictures import ALL, STRONG, squares

PICTURE = squares()
STORED = """async () => {
  const database = await new Promise(done => {
    const asked = indexedDB.open('icebox');
    asked.onsuccess = () => done(asked.result);
  });
  const count = name => new Promise(done => {
    const asked = database.transaction(name).objectStore(name).count();
    asked.onsuccess = () => done(asked.result);
  });
  const counts = [await count('pictures'), await count('files')];
  database.close();
  return counts;
}"""


def pictures(*names: str) -> list[tuple[str, str, bytes]]:
    return [(name, "image/png", PICTURE) for name in names]


def reload(visit: Visit) -> None:
    visit.page.evaluate("settled()")
    visit.page.reload()
    visit.expect("#name").to_contain_text("squares")


def test_pictures_outlive_a_reload_with_all_that_was_done_to_them(visit: Visit) -> None:
    visit.choose(*pictures("a.png", "b.png"), ("no.png", "image/png", b"no"))
    visit.expect("#progress-text").to_have_text("2 counted · 1 failed", timeout=WAIT_MS)
    visit.page.get_by_text("Notes", exact=True).click()
    visit.page.get_by_label("Sample", exact=True).fill("dish 7")
    visit.page.get_by_label("Notes on this picture").fill("pale cells")
    visit.page.get_by_role("button", name="One more").click()
    visit.page.evaluate("edit(items[1], {does: 'remove', id: 0}); changed(); tell('items')")
    visit.page.evaluate("stop(PAUSED)")
    visit.choose(*pictures("late.png"))
    visit.page.get_by_role("button", name="a.png").click()
    asked = len(visit.posts)
    reload(visit)
    visit.expect_count(STRONG)
    visit.expect("#facts").to_contain_text("a.png, 640 × 640 px.")
    visit.expect("#picture").to_be_visible()
    visit.expect("#corrected").to_have_value(str(STRONG + 1))
    visit.expect("#sample").to_have_value("dish 7")
    visit.expect("#notes").to_have_value("pale cells")
    visit.expect("#progress-text").to_contain_text("Paused: Not all were counted", timeout=WAIT_MS)
    visit.page.get_by_role("button", name=f"b.png, count {STRONG - 1}").wait_for()
    visit.page.get_by_role("button", name="no.png, failed").click()
    visit.expect("#trouble-title").to_contain_text("Not a ")
    visit.page.get_by_role("button", name=f"a.png, count {STRONG}").click()
    visit.slide(0.2)
    visit.expect_count(ALL)
    assert len(visit.posts) == asked
    visit.page.get_by_role("button", name="Continue").click()
    visit.page.get_by_role("button", name=f"late.png, count {ALL}").wait_for()
    assert len(visit.posts) == asked + 1


def test_pictures_are_forgotten_one_or_all(visit: Visit) -> None:
    visit.choose(*pictures("a.png", "b.png", "c.png"))
    visit.expect("#progress-text").to_have_text("3 counted", timeout=WAIT_MS)
    visit.page.evaluate("settled()")
    assert visit.page.evaluate(STORED) == [3, 3]
    forget = visit.page.get_by_role("button", name="Forget this picture")
    forget.click()  # at once, since nothing was done to it
    visit.expect("#facts").to_contain_text("b.png")
    visit.page.get_by_role("button", name="One more").click()
    forget.click()
    visit.expect("#question").to_contain_text("Forget b.png with its corrections and notes?")
    visit.page.get_by_role("button", name="Cancel").click()
    visit.expect("#facts").to_contain_text("b.png")
    visit.page.get_by_role("button", name="Forget all pictures").click()
    visit.expect("#question").to_contain_text("Forget all 2 pictures")
    visit.page.get_by_role("button", name="Forget all", exact=True).click()
    visit.expect("#start").to_be_visible()
    visit.expect("#choose").to_be_focused()
    reload(visit)
    assert visit.page.evaluate(STORED) == [0, 0]
    visit.expect("#start").to_be_visible()
    visit.choose(*pictures("d.png"))
    visit.expect_count(STRONG)


def test_a_browser_that_stores_nothing_or_no_more_counts_all_the_same(
    chromium: Any, url: str
) -> None:
    none = "Object.defineProperty(window, 'indexedDB', {value: undefined})"
    full = (
        "IDBObjectStore.prototype.put = () => {"
        " throw new DOMException('no room', 'QuotaExceededError'); }"
    )
    for script, words in ((none, "stores no pictures"), (full, "storage is full")):
        before = lambda page, script=script: page.add_init_script(script)  # noqa: E731
        with opened(chromium, url, before=before) as visit:
            visit.choose(*pictures("a.png", "b.png"))
            visit.expect("#progress-text").to_have_text("2 counted", timeout=WAIT_MS)
            visit.expect("#notice").to_contain_text(words)


def test_tabs_have_pictures_of_their_own_and_a_new_one_takes_what_no_tab_has(
    visit: Visit,
) -> None:
    visit.choose(*pictures("a.png"))
    visit.expect_count(STRONG)
    visit.page.evaluate("settled()")
    other = visit.page.context.new_page()
    other.goto(visit.url)
    sync_api.expect(other.locator("#name")).to_contain_text("squares")
    sync_api.expect(other.locator("#start")).to_be_visible()
    other.set_input_files("#files", [{"name": "b.png", "mimeType": "image/png", "buffer": PICTURE}])
    sync_api.expect(other.locator("#facts")).to_contain_text("b.png")
    other.evaluate("settled()")
    reload(visit)
    visit.expect("#facts").to_contain_text("a.png")
    assert visit.page.evaluate("items.length") == 1
    other.close()
    third = visit.page.context.new_page()
    third.goto(visit.url)
    sync_api.expect(third.locator("#facts")).to_contain_text("b.png")
    assert third.evaluate("items.map(item => item.name)") == ["b.png"]
