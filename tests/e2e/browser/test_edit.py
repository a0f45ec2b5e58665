"""Corrections by hand: what they do to the boxes, by mouse, touch and keyboard, where they go."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from handler.records.feedback import Feedback
from handler.records.record import PredictionRecord
from scripts.accuracy.matching import match
from scripts.monitor.quality import corrected
from scripts.monitor.quality.candidates import read_boxes, read_candidates
from scripts.records.lookup import read_feedback
from scripts.records.source import open_source
from scripts.records.window import Window
from tests.e2e.browser.conftest import PHONE, Visit, opened
from tests.e2e.browser.pictures import SQUARES, STRONG, squares
from tests.support.app import App

PICTURE = ("squares.png", "image/png", squares())
RED_SQUARE, PALE_SQUARE, WEAK_SQUARE, GREEN_SQUARE = SQUARES

# Random corrections beside a plain book-keeping of them: a Map of boxes, copied at each step.
RANDOM_CORRECTIONS = """seed => {
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const pick = list => list[Math.floor(random() * list.length)];
  const made = id => [0, 0, 1 + Math.floor(random() * 50), 1 + Math.floor(random() * 50)];
  const found = [...Array(8).keys()].map(id => ({id, label: pick(model.classes), score: random(),
    x0: 10 * id, y0: 0, x1: 10 * id + 5, y1: 5}));
  const item = {found, edits: null, undone: [], corrected: null};
  const start = new Map(found.map(each => [each.id,
    {box: cornersOf(each), label: each.label, touched: false, gone: false}]));
  let past = [], now = start, future = [];
  const faults = [];
  for (let turn = 0; turn < 300; turn += 1) {
    const does = pick(['add', 'remove', 'move', 'label', 'keep', 'undo', 'undo', 'redo', 'all']);
    if (does === 'undo') {
      if (undo(item) !== past.length > 0) faults.push('undo');
      if (past.length) { future.push([now, past]); now = past.at(-1); past = past.slice(0, -1); }
    } else if (does === 'all') {
      if (random() < 0.8) continue;
      undo(item, item.edits?.length);
      if (past.length) { future.push([now, past]); now = start; past = []; }
    } else if (does === 'redo') {
      if (redo(item) !== future.length > 0) faults.push('redo');
      if (future.length) [now, past] = future.pop();
    } else {
      const id = does === 'add' ? newId(item) : pick([...now.keys()]);
      const step = {does, id};
      const next = new Map([...now].map(([key, each]) => [key, {...each}]));
      const each = next.get(id) || {};
      if (does === 'add' || does === 'move') each.box = step.box = made();
      if (does === 'add' || does === 'label') each.label = step.label = pick(model.classes);
      each.gone = does === 'remove';
      each.touched = each.touched || does !== 'remove';
      next.set(id, each);
      edit(item, step);
      past = [...past, now]; now = next; future = [];
    }
    threshold = random();
    const text = list => JSON.stringify(list.sort((a, b) => String(a[0]) < String(b[0]) ? -1 : 1));
    const expected = [...now].filter(([id, each]) =>
      !each.gone && (each.touched || found[id].score > threshold));
    const got = text(boxesOf(item).map(each => [each.id, each.label, cornersOf(each)]));
    if (got !== text(expected.map(([id, each]) => [id, each.label, each.box]))) faults.push(does);
    if ((item.edits === null) !== (past.length === 0)) faults.push('null');
    if (text(JSON.parse(JSON.stringify(boxesOf(item))).map(x => [x.id]))
      !== text(boxesOf(JSON.parse(JSON.stringify(item))).map(x => [x.id]))) faults.push('JSON');
  }
  return faults;
}"""


def test_random_corrections_are_as_a_plain_bookkeeping_has_them(visit: Visit) -> None:
    """With undo and redo of one or of all; item.edits is null exactly where nothing is done."""
    visit.expect("#name").to_contain_text("squares")
    for seed in range(1, 16):
        assert visit.page.evaluate(RANDOM_CORRECTIONS, seed) == [], seed


# The picture is counted anew: boxes come in another order, a little elsewhere, one less, one more.
COUNTED_ANEW = """() => {
  const box = (id, x0, score = 0.9) => ({id, label: 'red', score, x0, y0: 0, x1: x0 + 10, y1: 10});
  const item = {found: [box(0, 0), box(1, 20), box(2, 40), box(3, 60, 0.01)], edits: null};
  edit(item, {does: 'remove', id: 0}, {does: 'move', id: 1, box: [22, 0, 33, 10]},
    {does: 'keep', id: 3}, {does: 'add', id: 'h1', label: 'green', box: [80, 0, 90, 10]},
    {does: 'add', id: 'h2', label: 'red', box: [100, 0, 110, 10]},
    {does: 'move', id: 2, box: [41, 0, 51, 10]});
  const next = [box(0, 61, 0.02), box(1, 1), box(2, 19), box(3, 81), box(4, 120)];
  const edits = carryEdits(item, next);
  threshold = 0.5;
  const boxes = boxesOf({found: next, edits}).map(each => [each.label, each.x0]);
  return [boxes.sort((a, b) => a[1] - b[1]),
    carryEdits({found: item.found, edits: null}, next),
    newId({edits}) in Object.fromEntries(edits.map(each => [each.id, 1]))];
}"""


def test_corrections_outlive_another_count_of_the_picture(visit: Visit) -> None:
    """The removed stays away, and an added one that the model has now, too, counts once."""
    visit.expect("#name").to_contain_text("squares")
    boxes, nothing, is_taken = visit.page.evaluate(COUNTED_ANEW)
    assert boxes == [
        ["red", 22],
        ["red", 41],
        ["red", 61],
        ["green", 80],
        ["red", 100],
        ["red", 120],
    ]
    assert nothing is None and not is_taken


def middle(box: tuple[int, int, int, int]) -> tuple[float, float]:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def click(visit: Visit, point: tuple[float, float]) -> None:
    visit.page.mouse.click(*visit.place(*point))


def drag(visit: Visit, start: tuple[float, float], end: tuple[float, float], **how: Any) -> None:
    mouse = visit.page.mouse
    mouse.move(*visit.place(*start))
    mouse.down(**how)
    mouse.move(*visit.place(*end), steps=4)
    mouse.up(**how)


def boxes(visit: Visit) -> list[list[Any]]:
    """Label and corners of what counts, to 4 px: the page scales the picture for the model."""
    return visit.page.evaluate(
        """() => boxesOf(current).map(each =>
          [each.label, ...cornersOf(each).map(px => Math.round(px / 4) * 4)])"""
    )


def edit_squares(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.get_by_role("button", name="Edit boxes").click()
    visit.expect("#edit-bar").to_be_visible()


def test_a_mouse_adds_selects_moves_resizes_and_removes(visit: Visit) -> None:
    edit_squares(visit)
    visit.expect("#edit-remove").to_be_disabled()
    visit.expect("#edit-undo").to_be_disabled()
    # A tap on nothing adds a box of the usual size; a double click adds one, not two.
    visit.page.mouse.dblclick(*visit.place(560, 120))
    visit.expect_count(STRONG + 1)
    visit.expect("#live").to_contain_text("by hand added, 4 boxes")
    visit.expect("#count-of").to_have_text("objects, corrected by hand")
    assert ["red", 520, 80, 600, 160] in boxes(visit)
    # A tap where the model has a box below the threshold takes that one.
    click(visit, middle(WEAK_SQUARE))
    visit.expect_count(STRONG + 2)
    assert ["red", *WEAK_SQUARE] in boxes(visit)
    # A drag on nothing draws; into the picture's edge, it ends there.
    drag(visit, (600, 560), (660, 700))
    visit.expect_count(STRONG + 3)
    assert ["red", 600, 560, 640, 640] in boxes(visit)
    # Its corner is pulled by the handle, and the box itself moved, as far as the picture goes.
    drag(visit, (598, 558), (558, 518))
    visit.expect("#live").to_contain_text("resized, 80 by 120 px")
    assert ["red", 560, 520, 640, 640] in boxes(visit)
    drag(visit, middle(GREEN_SQUARE), (0, 300))
    assert ["green", 0, 260, 80, 340] in boxes(visit)
    # The selected one is called otherwise, and removed by another tap.
    visit.page.get_by_label("Label", exact=True).select_option("red")
    assert ["red", 0, 260, 80, 340] in boxes(visit)
    click(visit, middle(RED_SQUARE))
    visit.expect("#live").to_have_text("Box 1 of 6, red 0.94 selected")
    visit.page.evaluate("lastTap.at = -1000")  # long ago: no double click
    click(visit, middle(RED_SQUARE))
    visit.expect_count(STRONG + 2)
    visit.expect("#live").to_have_text("Box 1 of 6 removed, 5 left")
    # Where it was, it is taken back.
    visit.page.evaluate("lastTap.at = -1000")
    click(visit, middle(RED_SQUARE))
    visit.expect_count(STRONG + 3)
    # The threshold moves the model's untouched boxes only.
    visit.slide(0.95)
    visit.expect_count(5)
    visit.slide(0.5)
    # With Shift a box begins inside another.
    count = len(boxes(visit))
    visit.page.keyboard.down("Shift")
    click(visit, middle(PALE_SQUARE))
    visit.page.keyboard.up("Shift")
    assert len(boxes(visit)) == count + 1
    visit.page.get_by_role("button", name="Undo").click()
    # The space bar and the middle button pan, the wheel zooms, and nothing is drawn.
    before = boxes(visit)
    visit.page.mouse.move(*visit.place(300, 300))
    visit.page.mouse.wheel(0, -400)
    visit.page.locator("#stage").focus()
    visit.page.keyboard.down("Space")
    drag(visit, (300, 300), (320, 320))
    visit.page.keyboard.up("Space")
    drag(visit, (300, 300), (320, 320), button="middle")
    assert boxes(visit) == before and visit.page.evaluate("view.k > 1.5")
    # All is taken back in one go, done again, and taken back a step at a time.
    visit.page.get_by_role("button", name="Reset", exact=True).last.click()
    visit.expect_count(STRONG)
    assert visit.page.evaluate("current.edits") is None
    visit.page.get_by_role("button", name="Redo").click()
    visit.expect_count(STRONG + 3)
    for _ in range(8):
        visit.page.get_by_role("button", name="Undo").click()
    assert visit.page.evaluate("current.edits") is None
    visit.expect("#stage").to_be_focused()  # not lost with the button


def test_the_keyboard_alone_corrects(visit: Visit) -> None:
    edit_squares(visit)
    press = visit.page.keyboard.press
    visit.expect("#stage").to_be_focused()
    press("n")
    visit.expect("#live").to_have_text("Box 1 of 3, red 0.94 selected")
    press("n")
    visit.expect("#live").to_have_text("Box 2 of 3, red 0.75 selected")
    press("p")
    scale = visit.page.evaluate("scaleNow()")
    press("Shift+ArrowRight")
    press("ArrowDown")
    assert visit.page.evaluate("cornersOf(selectedBox())") == [
        round(80 + 10 / scale, 2),
        round(80 + 1 / scale, 2),
        round(160 + 10 / scale, 2),
        round(160 + 1 / scale, 2),
    ]
    press("Alt+Shift+ArrowDown")
    assert visit.page.evaluate("current.edits.length") == 1  # one step to take back
    press("Control+z")
    assert ["red", *RED_SQUARE] in boxes(visit)
    press("Delete")
    visit.expect("#live").to_have_text("Box 1 of 3 removed, 2 left")
    visit.expect_count(2)
    press("n")
    visit.expect("#live").to_have_text("Box 1 of 2, red 0.75 selected")
    press("Escape")
    press("a")
    visit.expect("#live").to_contain_text("by hand added, 3 boxes")
    press("Control+z")
    press("Control+Shift+Z")
    visit.expect_count(3)
    press("Escape")
    press("Escape")
    visit.expect("#edit-bar").to_be_hidden()
    visit.expect_count(3)


def test_a_finger_corrects_and_two_fingers_zoom(chromium: Any, url: str) -> None:
    with opened(chromium, url, **PHONE) as visit:
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Edit boxes").tap()
        wire = visit.page.context.new_cdp_session(visit.page)

        def touch(kind: str, *points: tuple[float, float]) -> None:
            made = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": made})

        visit.page.touchscreen.tap(*visit.place(560, 120))
        visit.expect_count(STRONG + 1)
        # Half an inch off its corner: a handle has 44 px for a finger.
        x, y = visit.place(600, 160)
        touch("touchStart", (x + 18, y + 18))
        touch("touchMove", (x + 40, y + 40))
        touch("touchMove", (x + 18, y + 48))
        touch("touchEnd")
        height = 80 + 30 / visit.page.evaluate("scaleNow()")
        visit.expect("#live").to_contain_text(f"resized, 80 by {height:.0f} px")
        # The second finger makes a zoom of what began as a drawing.
        before = boxes(visit)
        x, y = visit.place(250, 250)
        touch("touchStart", (x, y))
        touch("touchMove", (x + 20, y + 20))
        touch("touchStart", (x + 20, y + 20), (x + 80, y + 80))
        touch("touchMove", (x + 10, y + 10), (x + 120, y + 120))
        touch("touchEnd")
        assert boxes(visit) == before and visit.page.evaluate("view.k > 1.2")
        assert visit.page.evaluate("current.edits.length") == 2


def kept(app: App, record: PredictionRecord) -> list[Feedback]:
    """As the monitor reads it."""
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    return read_feedback(open_source(app.log_root.as_uri()), window, [record.prediction_id])


def test_corrected_boxes_are_sent_in_px_of_the_picture_that_the_api_saw(
    visit: Visit, app: App
) -> None:
    visit.page.get_by_role("switch", name="Save data").check()
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.page.get_by_label("Is the count wrong? Correct it").fill("7")
    visit.page.get_by_role("button", name="Edit boxes").click()
    click(visit, (560, 120))
    visit.expect("#correct-said").to_contain_text("not the number that was typed")
    visit.expect("#corrected").to_have_value("4")
    visit.expect("#corrected").to_have_attribute("readonly", "")
    visit.expect("#correct-hint").to_have_text("Your corrected boxes are sent. Not sent yet.")
    visit.page.get_by_role("checkbox", name="green").uncheck()
    visit.expect_count(3)
    visit.expect("#correct-hint").to_contain_text("Of the whole picture and all classes.")
    visit.page.get_by_role("button", name="Send", exact=True).click()
    visit.expect("#correct-said").to_have_text(
        "Thank you: 4 boxes are stored with this prediction."
    )
    [record] = app.records()
    [feedback] = [dataclasses.asdict(each) for each in kept(app, record)]
    assert feedback["prediction_id"] == record.prediction_id
    assert feedback["count"] == 4 and feedback["counts"] == {"red": 3, "green": 1}
    # As the page sent the picture to save data, at 160 px: a fourth of the original.
    added = [each["box"] for each in feedback["detections"] if each["box"]["xmin"] > 110]
    assert added == [{"xmin": 130, "ymin": 20, "xmax": 150, "ymax": 40}]
    # The monitor takes it for a correction, and its boxes lie on those of the record.
    quality = corrected.estimate({record.prediction_id: record}, kept(app, record))
    assert quality and quality.corrections == 1
    candidates = read_candidates(record)
    matches = match(
        candidates.boxes, candidates.labels, *read_boxes(kept(app, record)[0].detections or [])
    )
    assert (matches >= 0).tolist() == candidates.is_detection.tolist() == [True] * 3 + [False]
    visit.page.get_by_role("button", name="Undo").click()
    click(visit, (560, 300))
    visit.expect("#correct-hint").to_contain_text("Changed since it was sent.")
