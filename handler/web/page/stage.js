// Draws the picture and the boxes on it: zoom, pan, compare, and the box under a pointer.

const MAX_ZOOM = 40;
const view = { k: 1, x: 0, y: 0, fit: 1 }; // k: zoom relative to fit; x, y: offset in CSS px
let hovered = null;

const stage = $("stage"), canvas = $("boxes"), compare = $("compare");

function fit() {
  const { clientWidth: w, clientHeight: h } = stage;
  if (!current?.width || !w) return;
  const aspect = String(current.width / current.height);
  if (stage.style.getPropertyValue("--aspect") !== aspect) { // on a phone the stage has the picture's aspect ratio
    stage.style.setProperty("--aspect", aspect);
    return fit();
  }
  view.fit = Math.min(w / current.width, h / current.height);
  view.k = 1;
  view.x = (w - current.width * view.fit) / 2;
  view.y = (h - current.height * view.fit) / 2;
  place();
}

function place() {
  const { clientWidth: w, clientHeight: h } = stage;
  const scale = view.k * view.fit;
  const pw = current.width * scale, ph = current.height * scale;
  view.x = pw <= w ? (w - pw) / 2 : Math.min(0, Math.max(w - pw, view.x));
  view.y = ph <= h ? (h - ph) / 2 : Math.min(0, Math.max(h - ph, view.y));
  const picture = $("picture");
  // always the original's size: a picture drawn by the API is smaller
  picture.style.width = `${current.width}px`;
  picture.style.height = `${current.height}px`;
  picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale})`;
  stage.classList.toggle("zoomed", view.k > 1.001);
  $("zoom").textContent = `${Math.round(view.k * 100)} %`;
  paint();
}

function zoom(factor, cx = stage.clientWidth / 2, cy = stage.clientHeight / 2) {
  if (!current?.width) return;
  const k = Math.min(MAX_ZOOM, Math.max(1, view.k * factor));
  view.x = cx - ((cx - view.x) * k) / view.k;
  view.y = cy - ((cy - view.y) * k) / view.k;
  view.k = k;
  place();
}

function pan(dx, dy) {
  if (!current?.width) return;
  view.x += dx;
  view.y += dy;
  place();
}

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
  const line = splitAt(), isCompared = $("compare-on").getAttribute("aria-pressed") === "true" && !current?.undecodable && current?.state === "done";
  compare.hidden = $("divide").hidden = !isCompared;
  $("divide").style.left = `${line}px`;
  if (!current?.found || current.undecodable || !current.width || current.state === "failed") return;
  pen.save();
  if (isCompared) {
    pen.beginPath();
    pen.rect(line, 0, w - line, h);
    pen.clip();
  }
  const scale = view.k * view.fit;
  const boxes = shown(current).map((each) => ({ ...each, each, x0: view.x + each.x0 * scale, y0: view.y + each.y0 * scale, x1: view.x + each.x1 * scale, y1: view.y + each.y1 * scale }));
  const near = boxes.filter((box) => box.x1 > -50 && box.y1 > -50 && box.x0 < w + 50 && box.y0 < h + 50);
  drawBoxes(pen, near, 2, $("labels").getAttribute("aria-pressed") === "true" ? 12 : 0, hovered);
  pen.restore();
}

/** Draws boxes, the best on top. labels: height of their text in px, or 0 to label only `marked`. */
function drawBoxes(pen, boxes, lineWidth, labels, marked) {
  pen.lineJoin = "round";
  for (const box of [...boxes].reverse()) {
    const isMarked = marked && box.each === marked;
    pen.strokeStyle = "rgb(255 255 255 / 60%)"; // sets a box off from objects of the same colour
    pen.lineWidth = lineWidth * (isMarked ? 2.6 : 1.8);
    pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    pen.strokeStyle = box.colour;
    pen.lineWidth = isMarked ? lineWidth * 1.8 : lineWidth;
    pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    if (isMarked) {
      pen.fillStyle = `${box.colour}30`;
      pen.fillRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    }
  }
  if (!labels && !marked) return;
  const size = labels || 13;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (const box of [...boxes].reverse()) {
    if (!labels && box.each !== marked) continue;
    const text = (model.classes.length > 1 ? `${box.label} ` : "") + box.score.toFixed(2);
    const width = pen.measureText(text).width + size * 0.7, height = size * 1.45;
    const x = Math.max(0, box.x0 - lineWidth / 2), y = box.y0 - height < 0 ? box.y0 : box.y0 - height;
    pen.fillStyle = box.colour;
    pen.fillRect(x, y, width, height);
    pen.fillStyle = ["#e69f00", "#56b4e9", "#cc79a7"].includes(box.colour) ? "#000" : "#fff";
    pen.fillText(text, x + size * 0.35, y + height / 2 + size * 0.04);
  }
}

const THUMB = 48; // px, as in style.css
const splitAt = () => THUMB / 2 + (compare.value / 100) * (stage.clientWidth - THUMB);

function boxUnder(x, y) {
  if (!current?.found || current.undecodable || current.state !== "done") return null;
  const scale = view.k * view.fit, px = (x - view.x) / scale, py = (y - view.y) / scale;
  const hits = shown(current).filter((each) => px >= each.x0 && px <= each.x1 && py >= each.y0 && py <= each.y1);
  return hits.sort((a, b) => (a.x1 - a.x0) * (a.y1 - a.y0) - (b.x1 - b.x0) * (b.y1 - b.y0))[0] || null;
}

const pointers = new Map();
let moved = 0, tapped = 0;
const local = (event) => {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};
const onPicture = (event) => event.target === stage || event.target === $("picture");

stage.addEventListener("pointerdown", (event) => {
  if (!onPicture(event) || (event.pointerType === "mouse" && event.button !== 0)) return;
  pointers.set(event.pointerId, local(event));
  stage.setPointerCapture(event.pointerId);
  moved = 0;
  stage.classList.add("held");
});
stage.addEventListener("pointermove", (event) => {
  const now = local(event), before = pointers.get(event.pointerId);
  if (!before) {
    const found = event.pointerType === "mouse" && onPicture(event) ? boxUnder(now.x, now.y) : null;
    if (found !== hovered) { hovered = found; paint(); }
    return;
  }
  moved += Math.hypot(now.x - before.x, now.y - before.y);
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const from = Math.hypot(before.x - other.x, before.y - other.y), to = Math.hypot(now.x - other.x, now.y - other.y);
    zoom(to / Math.max(1, from), (now.x + other.x) / 2, (now.y + other.y) / 2);
    pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  } else if (pointers.size === 1) {
    pan(now.x - before.x, now.y - before.y);
  }
  pointers.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"]) {
  stage.addEventListener(name, (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (!pointers.size) stage.classList.remove("held");
    if (name !== "pointerup" || moved > 8 || pointers.size) return;
    const { x, y } = local(event);
    if (event.timeStamp - tapped < 320) { // a double tap zooms in, or shows the whole picture again
      view.k > 1.5 ? fit() : zoom(3, x, y);
      tapped = 0;
      return;
    }
    tapped = event.timeStamp;
    hovered = boxUnder(x, y);
    paint();
  });
}
stage.addEventListener("pointerleave", () => { if (hovered && !pointers.size) { hovered = null; paint(); } });
stage.addEventListener("wheel", (event) => {
  if (event.target.closest("#trouble") || !current?.width) return;
  if (view.k <= 1 && event.deltaY > 0 && !event.ctrlKey) return; // already zoomed out, so the page scrolls
  event.preventDefault();
  const { x, y } = local(event);
  const lines = event.deltaMode === 1 ? 16 : 1;
  zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), x, y);
}, { passive: false });
stage.addEventListener("keydown", (event) => {
  if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "_": () => zoom(1 / 1.4), "0": fit,
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  }[event.key];
  // without zoom, arrows scroll the page as usual
  if (!act || (event.key.startsWith("Arrow") && view.k <= 1)) return;
  event.preventDefault();
  act();
});
$("zoom-in").addEventListener("click", () => zoom(1.5));
$("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", fit);
new ResizeObserver(() => (current?.width ? fit() : 0)).observe(stage);

function toggle(id, act) {
  $(id).addEventListener("click", () => {
    const on = $(id).getAttribute("aria-pressed") !== "true";
    $(id).setAttribute("aria-pressed", String(on));
    act(on);
  });
}
toggle("labels", paint);
toggle("compare-on", (on) => {
  paintNow();
  if (on) compare.focus({ preventScroll: true });
});
compare.addEventListener("input", () => {
  compare.setAttribute("aria-valuetext", `${compare.value} % original`);
  paint();
});

$("threshold").addEventListener("input", (event) => {
  const defaultThreshold = model.thresholds.score, value = Number(event.target.value);
  threshold = Math.abs(value - defaultThreshold) < 0.0051 ? defaultThreshold : value; // the model's default may lie between two steps
  changed();
});
$("threshold").addEventListener("change", drawAgain);
$("threshold-reset").addEventListener("click", () => {
  threshold = model.thresholds.score;
  $("threshold").value = threshold;
  $("threshold").focus();
  changed();
  drawAgain();
});
$("listing").addEventListener("toggle", () => $("listing").open && current && showRows());
