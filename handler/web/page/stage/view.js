// The picture's place on the stage: zoom and pan.

const MAX_ZOOM = 40;
/* k: zoom relative to fit; x, y: offset in CSS px; w, h: the stage's size in CSS px when item was fitted to it */
const view = { k: 1, x: 0, y: 0, fit: 1, w: 0, h: 0, item: null };
let hovered = null, picked = null; // the box under the mouse, and the one that was tapped

const stage = $("stage"), canvas = $("boxes"), compare = $("compare");

/** Makes the picture fill the stage. k: the zoom, about the point `centre` of the picture, by default its middle. */
function fit(k = 1, centre) {
  const { clientWidth: w, clientHeight: h } = stage;
  if (!current?.width || !w) return;
  const aspect = String(current.width / current.height);
  if (stage.style.getPropertyValue("--aspect") !== aspect) { // on a phone the stage has the picture's aspect ratio
    stage.style.setProperty("--aspect", aspect);
    return fit(k, centre);
  }
  view.fit = Math.min(w / current.width, h / current.height);
  Object.assign(view, { k, w, h, item: current });
  const { x, y } = centre || { x: current.width / 2, y: current.height / 2 };
  view.x = w / 2 - x * k * view.fit;
  view.y = h / 2 - y * k * view.fit;
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
  const orientation = current.image?.orientation || 1, isTurned = orientation > 4;
  picture.style.width = `${isTurned ? current.height : current.width}px`;
  picture.style.height = `${isTurned ? current.width : current.height}px`;
  picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale}) matrix(${orientationMatrix(orientation, current.width, current.height)})`;
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
/** Fits the picture again, but keeps zoom and centre where it was on the stage already. */
function refit() {
  if (view.item === current && view.k > 1) fit(view.k, toPicture({ x: view.w / 2, y: view.h / 2 }));
  else fit();
}

$("zoom-fit").addEventListener("click", () => fit());
new ResizeObserver(refit).observe(stage);
