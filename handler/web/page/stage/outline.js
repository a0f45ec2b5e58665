// Draws regions: on the stage, and on pictures that are saved.

function traceLine(pen, points, put) {
  points.forEach(([x, y], i) => {
    const to = put({ x, y });
    i ? pen.lineTo(to.x, to.y) : pen.moveTo(to.x, to.y);
  });
}
function traceRegion(pen, region, put, scale) {
  const [cx, cy, r] = region.numbers, { x, y } = put({ x: cx, y: cy });
  if (region.shape !== "circle") traceLine(pen, cornersIn(region), put);
  else {
    pen.moveTo(x + r * scale, y);
    pen.arc(x, y, r * scale, 0, 2 * Math.PI);
  }
  pen.closePath();
}

/** Strokes the path in white on black, which no picture hides. */
function strokeTwice(pen, width) {
  for (const [colour, factor] of [["#000", 2.2], ["#fff", 1]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width * factor;
    pen.stroke();
  }
}

/** Draws an item's region: darkens what is outside, where boxes are only thin, and strokes the outline. */
function drawRegion(pen, item, put, scale, width) {
  const { region } = item, from = put({ x: 0, y: 0 });
  if (!region) return;
  pen.save();
  pen.beginPath();
  pen.rect(from.x, from.y, item.width * scale, item.height * scale);
  pen.clip();
  traceRegion(pen, region, put, scale);
  pen.fillStyle = "rgb(0 0 0 / 45%)";
  pen.fill("evenodd");
  pen.lineWidth = width / 2;
  pen.globalAlpha = 0.7;
  for (const each of boxesOf(item)) {
    if (off.has(each.label) || weightOf(item, each)) continue;
    const { x, y } = put({ x: each.x0, y: each.y0 });
    pen.strokeStyle = each.colour;
    pen.strokeRect(x, y, (each.x1 - each.x0) * scale, (each.y1 - each.y0) * scale);
  }
  pen.globalAlpha = 1;
  pen.beginPath();
  traceRegion(pen, region, put, scale);
  strokeTwice(pen, width);
  pen.restore();
}

overlays.push((pen, put, scale) => {
  if (!current?.width || current.state === "failed") return;
  drawRegion(pen, current, put, scale, 2);
  if (tool !== regionTool) return;
  const points = polygonDraft || (current.region ? cornersIn(current.region) : []);
  pen.beginPath();
  if (polygonDraft) traceLine(pen, points, put);
  strokeTwice(pen, 2);
  pen.fillStyle = "#fff";
  for (const [x, y] of points) { // what can be held
    const to = put({ x, y });
    pen.beginPath();
    pen.arc(to.x, to.y, 6, 0, 2 * Math.PI);
    strokeTwice(pen, 2);
    pen.fill();
  }
});
