// Draws the boxes: on the stage, and on pictures that are saved.

let frame = 0;
function paint() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(paintNow);
}

function paintNow() {
  const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = stage;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  const line = splitAt(), isSplit = isCompared();
  compare.hidden = $("divide").hidden = !isSplit;
  $("divide").style.left = `${line}px`;
  if (!current?.width || current.state === "failed") return;
  const scale = view.k * view.fit;
  const drawSide = (from, to) => {
    pen.save();
    pen.beginPath();
    pen.rect(from, 0, to - from, h);
    pen.clip();
    const boxes = placed(current, shownAt(from), scale, view.x, view.y);
    drawBoxes(pen, boxes.filter((box) => box.x1 > -50 && box.y1 > -50 && box.x0 < w + 50 && box.y0 < h + 50), 2, isPressed("labels") ? 12 : 0, [hovered, picked]);
    pen.restore();
  };
  if (current.found && !current.undecodable) {
    if (isSplit) drawSide(0, line);
    drawSide(isSplit ? line : 0, w);
  }
  for (const overlay of overlays) overlay(pen, toStage, scale);
}

/** An item's boxes in px of what they are drawn on, with how much each counts. */
const placed = (item, boxes, scale, x = 0, y = 0) => boxes.map((each) => ({ ...each, weight: weightOf(item, each), x0: x + each.x0 * scale, y0: y + each.y0 * scale, x1: x + each.x1 * scale, y1: y + each.y1 * scale }));

const labelOf = ({ label, score }) => (model.classes.length > 1 ? `${label} ` : "") + (score?.toFixed(2) ?? "by hand");

/** Draws boxes, the best on top. labels: height of their text in px, or 0 to label only those that are marked. */
function drawBoxes(pen, boxes, lineWidth, labels, marked = []) {
  const isMarked = (box) => marked.some((each) => each && each.id === box.id);
  pen.lineJoin = "round";
  for (const box of [...boxes].reverse()) {
    const isBold = isMarked(box);
    pen.strokeStyle = "rgb(255 255 255 / 60%)"; // sets a box off from objects of the same colour
    pen.lineWidth = lineWidth * (isBold ? 2.6 : 1.8);
    pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    pen.strokeStyle = box.colour;
    pen.lineWidth = isBold ? lineWidth * 1.8 : lineWidth;
    const isMany = model.classes.length > COLOURS.length; // then dashes tell classes apart
    pen.setLineDash((isMany ? DASHES[dashOf(box.label)] : box.weight === 0.5 ? [1, 2] : box.by ? [3, 2] : []).map((part) => part * lineWidth));
    pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    pen.setLineDash([]);
    if (isMany && box.by) { // corrected by hand
      pen.fillStyle = box.colour;
      pen.fillRect(box.x0, box.y0, 4 * lineWidth, 4 * lineWidth);
    }
    if (isBold) {
      pen.fillStyle = `${box.colour}30`;
      pen.fillRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    }
  }
  const size = labels || 13;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (const box of [...boxes].reverse()) {
    if (!labels && !isMarked(box)) continue;
    const text = labelOf(box);
    const width = pen.measureText(text).width + size * 0.7, height = size * 1.45;
    const x = Math.max(0, box.x0 - lineWidth / 2), y = box.y0 - height < 0 ? box.y0 : box.y0 - height;
    pen.fillStyle = box.colour;
    pen.fillRect(x, y, width, height);
    pen.fillStyle = inkOn(box.colour);
    pen.fillText(text, x + size * 0.35, y + height / 2 + size * 0.04);
  }
}
