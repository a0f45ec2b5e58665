// The measuring tool: a line with two ends, for a known length or to measure one; and the scale bar.

const GRASP = 22; // CSS px round an end, for a finger
let ruler = null; // { item, ends: [{ x, y }, { x, y }] in px of the picture }
let rulerEnd = 1; // the end that is moved
let rulerBefore = null;

const cssScale = () => view.k * view.fit;
const lineLength = () => (ruler?.item === current && ruler ? Math.hypot(ruler.ends[0].x - ruler.ends[1].x, ruler.ends[0].y - ruler.ends[1].y) : 0);
const clampToPicture = ({ x, y }) => ({ x: Math.min(current.width, Math.max(0, x)), y: Math.min(current.height, Math.max(0, y)) });

const measureTool = {
  name: "measure", cursor: "crosshair",
  down(point) {
    if (!current?.width) return false;
    const near = lineLength() ? ruler.ends.map((each) => Math.hypot(each.x - point.x, each.y - point.y)) : [];
    rulerBefore = ruler;
    rulerEnd = near[0] < near[1] ? 0 : 1;
    if (near[rulerEnd] * cssScale() > GRASP || !near.length) ruler = { item: current, ends: [clampToPicture(point), clampToPicture(point)] };
    else ruler = { item: current, ends: [...ruler.ends] };
  },
  move(point) {
    ruler.ends[rulerEnd] = clampToPicture(point);
    lineChanged();
  },
  up() {
    if (lineLength() * cssScale() < 4) this.cancel(); // a tap
    lineChanged();
    say(lineWords());
  },
  cancel() { ruler = rulerBefore; },
  key(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [];
    const swaps = event.key === "Enter" && lineLength();
    if ((dx === undefined && !swaps) || event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = (event.shiftKey ? 20 : 1) / Math.min(1, cssScale());
    if (swaps) rulerEnd = 1 - rulerEnd;
    else if (lineLength()) ruler.ends[rulerEnd] = clampToPicture({ x: ruler.ends[rulerEnd].x + dx * step, y: ruler.ends[rulerEnd].y + dy * step });
    else ruler = { item: current, ends: [-0.25, 0.25].map((part) => ({ x: current.width * (0.5 + part), y: current.height / 2 })) };
    lineChanged();
    say(`${swaps ? "Other end. " : ""}${lineWords()}`);
    return true;
  },
  stop() { $("measure-bar").hidden = true; },
};

/** The line's length in px and, with a scale, in µm. */
function lineWords() {
  const length = lineLength(), scale = scaleOf(current);
  return length ? `${formatInteger(Math.round(length))} px${scale ? `, ${significant(length * scale)} µm` : ""}` : "No line";
}

function lineChanged() {
  showMeasureBar();
  paint();
}

overlays.push((pen, toStage, scale) => {
  const um = scaleOf(current);
  if (um && current.state === "done") { // in the corner of what is visible of the picture
    const corner = toStage({ x: current.width, y: current.height });
    drawScaleBar(pen, Math.min(stage.clientWidth, corner.x), Math.min(stage.clientHeight, corner.y), um / scale, 13, Math.min(stage.clientWidth, current.width * scale));
  }
  if (tool !== measureTool || !lineLength()) return;
  const [a, b] = ruler.ends.map(toStage);
  pen.lineCap = "round";
  for (const [colour, width] of [["#000", 5], ["#fff", 2]]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width });
    pen.beginPath();
    pen.moveTo(a.x, a.y);
    pen.lineTo(b.x, b.y);
    for (const [i, { x, y }] of [a, b].entries()) {
      pen.moveTo(x + 9, y);
      pen.arc(x, y, 9, 0, 7);
      if (i === rulerEnd) pen.rect(x - 1, y - 1, 2, 2);
    }
    pen.stroke();
  }
  drawTag(pen, lineWords(), (a.x + b.x) / 2, (a.y + b.y) / 2 - 24, 14);
});

/** Text in a box round a place. */
function drawTag(pen, text, x, y, size) {
  pen.font = `600 ${size}px system-ui, sans-serif`;
  const width = pen.measureText(text).width + size;
  pen.fillStyle = "rgb(10 20 17 / 82%)";
  pen.fillRect(x - width / 2, y - size * 0.8, width, size * 1.6);
  Object.assign(pen, { fillStyle: "#fff", textAlign: "center", textBaseline: "middle" });
  pen.fillText(text, x, y);
  pen.textAlign = "start";
}

/** A bar of a round length, at most a quarter of `room`, in the corner above (width, height). um: µm a px of the canvas; size: of the text in its px. */
function drawScaleBar(pen, width, height, um, size, room = width) {
  const length = roundLength((room / 4) * um), long = length / um, x = width - size - long, y = height - size;
  const text = length < 1000 ? `${significant(length)} µm` : `${significant(length / 1000)} mm`;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  const wide = Math.max(long, pen.measureText(text).width);
  pen.fillStyle = "rgb(255 255 255 / 80%)";
  pen.fillRect(width - size * 1.5 - wide, y - size * 2.2, wide + size, size * 2.7);
  pen.fillStyle = "#000";
  pen.fillRect(x, y - size * 0.35, long, size * 0.35);
  Object.assign(pen, { textAlign: "right", textBaseline: "alphabetic" });
  pen.fillText(text, width - size, y - size * 0.75);
  pen.textAlign = "start";
}
bindTool("measure-on", measureTool);
$("measure-on").addEventListener("click", () => showMeasureBar());
