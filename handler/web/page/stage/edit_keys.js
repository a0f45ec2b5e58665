// Corrections by keyboard: from box to box, each step said.

let lastPlace = 0; // in reading order, where the selection was last
let nudged = null; // the edits that the last arrow key made: the next one mends them, so that undo takes back all

/** The boxes in reading order: in bands as high as most boxes, from left to right. */
function inOrder() {
  const boxes = editable(), heights = boxes.map(({ y0, y1 }) => y1 - y0).sort((a, b) => a - b);
  const band = ({ y0, y1 }) => Math.floor((y0 + y1) / 2 / (heights[heights.length >> 1] || 1));
  return boxes.sort((a, b) => band(a) - band(b) || a.x0 - b.x0);
}

const placeOf = (id) => inOrder().findIndex((each) => each.id === id);
const countedBoxes = (n) => `${formatInteger(n)} ${n === 1 ? "box" : "boxes"}`;

/** Says which box is selected, and what was done to it. */
function sayBox(what) {
  const boxes = inOrder(), box = boxes[placeOf(selected)];
  if (!box) return say(`${what}, ${countedBoxes(boxes.length)}`);
  const [x, y, w, h] = [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0].map((px) => formatInteger(Math.round(px)));
  const more = { moved: `, left ${x}, top ${y}`, resized: `, ${w} by ${h} px`, added: `, ${countedBoxes(boxes.length)}` }[what] || "";
  say(`Box ${placeOf(selected) + 1} of ${boxes.length}, ${labelOf(box)} ${what}${more}${weightOf(current, box) > 0 ? "" : ", outside the region"}`);
}

/** Notes corrections of the current picture, shows and says them. */
function noteEdit(what, ...steps) {
  if (current.corrected !== null) $("correct-said").textContent = "The boxes are counted now, not the number that was typed.";
  edit(current, ...steps);
  afterEdit(what);
}

function afterEdit(what) {
  showClasses();
  changed();
  sayBox(what);
}

function selectBox(box) {
  selected = box.id;
  lastPlace = placeOf(box.id);
  const { clientWidth: w, clientHeight: h } = stage, a = toStage({ x: box.x0, y: box.y0 }), b = toStage({ x: box.x1, y: box.y1 });
  if (a.x < 0 || a.y < 0 || b.x > w || b.y > h) pan((w - a.x - b.x) / 2, (h - a.y - b.y) / 2);
  paint();
  updateEditBar();
  sayBox("selected");
}

function deselect() {
  selected = null;
  paint();
  updateEditBar();
}

function removeSelected() {
  const id = selected, place = placeOf(id), before = editable().length;
  if (place < 0) return;
  selected = null;
  lastPlace = place;
  noteEdit("", { does: "remove", id });
  say(`Box ${place + 1} of ${before} removed, ${formatInteger(before - 1)} left`);
}

function takeBack() { if (undo(current)) afterEdit("Taken back"); }
function doAgain() { if (redo(current)) afterEdit("Done again"); }

function stepBox(by) {
  const boxes = inOrder(), place = placeOf(selected);
  const next = place >= 0 ? place + by : by > 0 ? lastPlace : lastPlace - 1;
  if (boxes.length) selectBox(boxes[(next + boxes.length) % boxes.length]);
}

const addInView = () => addAt(toPicture({ x: stage.clientWidth / 2, y: stage.clientHeight / 2 }));

/** Moves or resizes the selected box by px of the screen. */
function nudgeBox(dx, dy, isSize) {
  const box = selectedBox(), scale = scaleNow(), x = dx / scale, y = dy / scale;
  const corners = isSize ? boxOf({ x: box.x0, y: box.y0 }, { x: Math.max(box.x0, box.x1 + x), y: Math.max(box.y0, box.y1 + y) }) : shifted(box, x, y);
  if (!corners) return;
  if (nudged && nudged === current.edits && nudged.at(-1).id === box.id) undo(current);
  noteEdit(isSize ? "resized" : "moved", { does: "move", id: box.id, box: corners });
  nudged = current.edits;
}

/** A key on the stage, or on the bar beneath it, where arrows keep their meaning. Returns whether it was one of these. */
function editKey(event, isBar = false) {
  const { key, shiftKey, altKey } = event, name = key.toLowerCase(), isCommand = event.ctrlKey || event.metaKey;
  if (!isEditable(current)) return false;
  if (isCommand) {
    if (name === "z") shiftKey ? doAgain() : takeBack();
    else if (name === "y") doAgain();
    return name === "z" || name === "y";
  }
  if (key === "Escape") {
    if (selected === null) return false;
    deselect();
    return true;
  }
  if (key === "Delete" || (key === "Backspace" && !isBar)) {
    removeSelected();
    return true;
  }
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  if (isBar || (altKey && !arrow)) return false;
  if (arrow && selectedBox()) nudgeBox(...arrow.map((by) => by * (shiftKey ? 10 : 1)), altKey);
  else if (name === "n" || name === "p") stepBox(name === "n" ? 1 : -1);
  else if (name === "a" || key === "Insert") addInView();
  else return false;
  return true;
}
