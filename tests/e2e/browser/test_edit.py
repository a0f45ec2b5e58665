"""Corrections by hand: what they do to the boxes, by mouse, touch and keyboard, where they go."""

from __future__ import annotations

from tests.e2e.browser.conftest import Visit

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
