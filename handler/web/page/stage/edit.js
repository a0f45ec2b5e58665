// The tool that corrects boxes: a tap adds, selects and removes one; a drag draws, moves or resizes one. With Shift it
// starts a new one, inside another box too.

const SLACK = 8; // CSS px from which a small box is hit
const SMALL = 24; // CSS px of such a box's shorter side
let selected = null; // id of the selected box
let grip = null; // what the pointer holds: { item, before, from, box, corner, step, isMoved }
let lastTap = { at: 0, x: 0, y: 0 };

const scaleNow = () => view.k * view.fit;
const isEditable = (item) => item?.state === "done" && !item.undecodable;
/** The boxes that can be corrected: of classes that are shown, outside a region too. */
const editable = () => boxesOf(current).filter(({ label }) => !off.has(label));
const selectedBox = () => (selected === null ? null : editable().find(({ id }) => id === selected) || null);
/** What was removed and would count otherwise, to be seen and taken back. */
const removedBoxes = () => (current.edits ? corrected(current).filter((each) => each.isRemoved && each.score !== null && (each.by || passes(each)) && !off.has(each.label)) : []);
const contains = ({ x0, y0, x1, y1 }, { x, y }) => x >= x0 && x <= x1 && y >= y0 && y <= y1;

/** The smallest box under a point, or the nearest of the small ones. */
function boxAt(point) {
  const scale = scaleNow();
  const hits = editable().map((box) => {
    const away = scale * Math.hypot(Math.max(box.x0 - point.x, 0, point.x - box.x1), Math.max(box.y0 - point.y, 0, point.y - box.y1));
    return { box, away, side: scale * Math.min(box.x1 - box.x0, box.y1 - box.y0), area: (box.x1 - box.x0) * (box.y1 - box.y0) };
  }).filter(({ away, side }) => away === 0 || (side < SMALL && away <= SLACK));
  return hits.sort((a, b) => a.away - b.away || a.area - b.area)[0]?.box || null;
}

/** The corners of a box with their handles, in CSS px on the stage; fingers get them further out, off the object. */
function handlesOf(box) {
  const out = coarse.matches ? 8 : 3, { clientWidth: w, clientHeight: h } = stage;
  return ["x0", "x1"].flatMap((x) => ["y0", "y1"].map((y) => {
    const place = toStage({ x: box[x], y: box[y] });
    return { x, y, left: Math.min(w - 7, Math.max(7, place.x + (x === "x0" ? -out : out))), top: Math.min(h - 7, Math.max(7, place.y + (y === "y0" ? -out : out))) };
  }));
}
const coarse = matchMedia("(pointer: coarse)");

/** The handle of the selected box within `reach` CSS px of a point. Inside a small box there is none: there it is moved. */
function cornerAt(point, reach) {
  const box = selectedBox();
  if (!box || (contains(box, point) && scaleNow() * Math.min(box.x1 - box.x0, box.y1 - box.y0) < 3 * reach)) return null;
  const { x, y } = toStage(point), away = ({ left, top }) => Math.hypot(left - x, top - y);
  const nearest = handlesOf(box).sort((a, b) => away(a) - away(b))[0];
  return away(nearest) <= reach ? nearest : null;
}
const reachOf = (event) => (event.pointerType === "touch" ? 22 : 11); // 44 px across for a finger

/** Two opposite corners as a box inside the picture; null where less than a px is left. */
function boxOf(a, b) {
  const clip = (value, most) => Math.min(most, Math.max(0, value));
  const xs = [a.x, b.x].map((x) => round(clip(x, current.width))).sort((p, q) => p - q), ys = [a.y, b.y].map((y) => round(clip(y, current.height))).sort((p, q) => p - q);
  return xs[1] - xs[0] >= 1 && ys[1] - ys[0] >= 1 ? [xs[0], ys[0], xs[1], ys[1]] : null;
}

/** A box elsewhere, as far as the picture goes. */
function shifted({ x0, y0, x1, y1 }, dx, dy) {
  const x = Math.min(current.width - x1, Math.max(-x0, dx)), y = Math.min(current.height - y1, Math.max(-y0, dy));
  return [x0 + x, y0 + y, x1 + x, y1 + y].map(round);
}

/** The box that a tap adds: the model's own below the threshold, if it has one there, else one as large as most are here. */
function boxToAdd({ x, y }, label) {
  const known = boxesOf(current), middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const missed = corrected(current).find((each) => {
    const off = [(x - (each.x0 + each.x1) / 2) / (each.x1 - each.x0), (y - (each.y0 + each.y1) / 2) / (each.y1 - each.y0)];
    return !each.isRemoved && !each.by && !passes(each) && each.label === label && Math.hypot(...off) < 0.35 && known.every((other) => overlap(each, other) < 0.5);
  });
  if (missed) return { does: "keep", id: missed.id };
  const alike = known.filter((each) => each.label === label), some = alike.length ? alike : known, usual = Math.max(current.width, current.height) / 20;
  const w = middle(some.map((each) => each.x1 - each.x0)) ?? usual, h = middle(some.map((each) => each.y1 - each.y0)) ?? usual;
  const box = boxOf({ x: x - w / 2, y: y - h / 2 }, { x: x + w / 2, y: y + h / 2 });
  return box && { does: "add", id: newId(current), label, box };
}

function addAt(point) {
  const step = boxToAdd(point, newLabel());
  if (!step) return;
  selected = step.id;
  noteEdit("added", step);
}

function tapAt(point, event) {
  const box = event.shiftKey ? null : boxAt(point), gone = box ? null : removedBoxes().find((each) => contains(each, point));
  // a double click neither adds nor removes a second time
  const isDouble = event.timeStamp - lastTap.at < 350 && scaleNow() * Math.hypot(point.x - lastTap.x, point.y - lastTap.y) < 12;
  lastTap = { at: event.timeStamp, ...point };
  if (box && box.id !== selected) selectBox(box);
  else if (isDouble || (!box && !event.shiftKey && cornerAt(point, 8))) return;
  else if (box) removeSelected();
  else if (gone) {
    selected = gone.id;
    noteEdit("back", { does: "keep", id: gone.id });
  } else addAt(point);
}

const editTool = {
  name: "edit", cursor: "crosshair",
  start: () => showEditBar(true),
  stop() { editTool.cancel(); selected = null; showEditBar(false); },
  /** Stays in hand for the next picture. */
  follow(item) { editTool.cancel(); selected = null; return isEditable(item); },
  down(point, event) {
    if (!isEditable(current)) return false;
    const corner = cornerAt(point, reachOf(event));
    grip = { item: current, before: current.edits, from: point, corner, box: corner ? selectedBox() : event.shiftKey ? null : boxAt(point), isMoved: false };
  },
  move(point, event) {
    if (grip?.item !== current) return;
    const { from, corner, box, before } = grip, dx = point.x - from.x, dy = point.y - from.y;
    if (!grip.isMoved) {
      if (scaleNow() * Math.hypot(dx, dy) < (event.pointerType === "touch" ? 8 : 3)) return;
      grip.isMoved = true;
      grip.id = selected = box?.id ?? newId(current);
      grip.label = newLabel();
    }
    const { id, label } = grip;
    const corners = !box ? boxOf(from, point) : !corner ? shifted(box, dx, dy) : boxOf({ x: box[corner.x] + dx, y: box[corner.y] + dy }, { x: box[corner.x === "x0" ? "x1" : "x0"], y: box[corner.y === "y0" ? "y1" : "y0"] });
    grip.step = !corners ? null : box ? { does: "move", id, box: corners } : { does: "add", id, label, box: corners };
    current.edits = grip.step ? [...(before || []), grip.step] : before; // seen at once, noted when it is let go
    paint();
  },
  up(point, event) {
    if (grip?.item !== current) return;
    const { isMoved, step, box, corner } = grip;
    editTool.cancel();
    if (!isMoved) tapAt(point, event);
    else if (step) noteEdit(!box ? "added" : corner ? "resized" : "moved", step);
  },
  cancel() {
    if (grip) grip.item.edits = grip.before;
    grip = null;
    paint();
  },
  hover(point, event) {
    const corner = cornerAt(point, reachOf(event)), box = corner ? null : boxAt(point);
    stage.style.cursor = corner ? ((corner.x === "x0") === (corner.y === "y0") ? "nwse-resize" : "nesw-resize") : box ? "move" : "crosshair";
    if (box?.id !== hovered?.id) { hovered = box; paint(); }
  },
  key: (event) => editKey(event),
};
bindTool("edit-on", editTool);
