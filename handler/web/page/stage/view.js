// The picture's place on the stage: zoom and pan.

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

$("zoom-in").addEventListener("click", () => zoom(1.5));
$("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", fit);
new ResizeObserver(() => (current?.width ? fit() : 0)).observe(stage);
