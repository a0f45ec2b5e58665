// Corrections of boxes by hand: a list of what was done, applied to the model's boxes; with undo and redo.

/* One correction: { does, id, label, box }, plain JSON. does: "add" (label, box), "remove", "move" (box), "label" (label) or
 * "keep", which takes a box of the model's below the threshold, or a removed one, after all. id: of the model's box, or of one
 * that was added ("h1", "h2", …). box: [x0, y0, x1, y1] in px of the upright picture.
 * item.edits: what was done, in order, null for nothing; never changed in place. item.undone: lists of what redo does again. */

const cornersOf = ({ x0, y0, x1, y1 }) => [x0, y0, x1, y1];
const toCorners = ([x0, y0, x1, y1]) => ({ x0, y0, x1, y1 });

/** The model's boxes with corrections, removed ones too. by: "added", "changed" or "kept", where a person had a hand in it. */
function apply(found, edits) {
  const boxes = new Map(found.map((each) => [each.id, each]));
  for (const { does, id, label, box } of edits || []) {
    const before = boxes.get(id);
    if (does === "add") boxes.set(id, { id, label, score: null, colour: colourOf(label), ...toCorners(box), by: "added" });
    else if (before && does === "remove") boxes.set(id, { ...before, isRemoved: true });
    else if (before) {
      const by = before.by === "added" ? "added" : does === "keep" ? before.by || "kept" : "changed";
      boxes.set(id, { ...before, ...(label && { label, colour: colourOf(label) }), ...(box && toCorners(box)), by, isRemoved: false });
    }
  }
  return [...boxes.values()];
}

const applied = new WeakMap(); // edits → { found, boxes }, since boxes are asked for at every move of the pointer

/** All boxes of an item with its corrections, at any score, removed ones too. */
function corrected({ found, edits }) {
  if (!edits) return found || [];
  let known = applied.get(edits);
  if (known?.found !== found) applied.set(edits, (known = { found, boxes: apply(found || [], edits) }));
  return known.boxes;
}

/** Notes corrections. A typed count no longer holds: the boxes are counted. */
function edit(item, ...done) {
  item.edits = [...(item.edits || []), ...done];
  item.undone = [];
  item.corrected = null;
}

/** Takes back the last correction, or all; false where there is none. */
function undo(item, count = 1) {
  if (!item.edits) return false;
  const kept = item.edits.slice(0, -count);
  item.undone = [...(item.undone || []), item.edits.slice(-count)];
  item.edits = kept.length ? kept : null;
  return true;
}

function redo(item) {
  if (!item.undone?.length) return false;
  item.edits = [...(item.edits || []), ...item.undone.at(-1)];
  item.undone = item.undone.slice(0, -1);
  item.corrected = null;
  return true;
}

/** An id that no added box has had. */
const newId = ({ edits, undone }) => `h${1 + Math.max(0, ...[...(edits || []), ...(undone || []).flat()].filter(({ does }) => does === "add").map(({ id }) => Number(id.slice(1))))}`;

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const w = Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0), h = Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0);
  const both = Math.max(0, w) * Math.max(0, h), area = ({ x0, y0, x1, y1 }) => (x1 - x0) * (y1 - y0);
  return both / (area(a) + area(b) - both || 1);
}

/** The item's corrections, said of other boxes of the model's, as when the picture was counted anew: a box stands for the one
 * that overlaps it most, so that none is counted twice. null for none. */
function carryEdits(item, next) {
  const taken = new Set(), carried = [];
  for (const each of corrected(item).filter(({ by, isRemoved }) => by || isRemoved)) {
    const own = item.found.find(({ id }) => id === each.id);
    if (each.isRemoved && !own) continue;
    const place = own || each;
    const twin = next.filter(({ id }) => !taken.has(id)).map((box) => [overlap(place, box), box]).filter(([iou]) => iou >= 0.5).sort((a, b) => b[0] - a[0])[0]?.[1];
    if (twin) taken.add(twin.id);
    const { id } = twin || each, { label } = each, box = cornersOf(each);
    if (each.isRemoved) twin && carried.push({ does: "remove", id });
    else if (!twin) carried.push({ does: "add", id: `h${carried.length + 1}`, label, box });
    else if (each.by === "kept") carried.push({ does: "keep", id });
    else carried.push({ does: "move", id, box }, ...(label === twin.label ? [] : [{ does: "label", id, label }]));
  }
  return carried.length ? carried : null;
}
