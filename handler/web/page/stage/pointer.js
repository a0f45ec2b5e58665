// Pointers, wheel and keys on the stage: pan, zoom, the box under a pointer.

function boxUnder(x, y) {
  if (!current?.found || current.undecodable || current.state !== "done") return null;
  const scale = view.k * view.fit, px = (x - view.x) / scale, py = (y - view.y) / scale;
  const hits = shownAt(x).filter((each) => px >= each.x0 && px <= each.x1 && py >= each.y0 && py <= each.y1);
  return hits.sort((a, b) => (a.x1 - a.x0) * (a.y1 - a.y0) - (b.x1 - b.x0) * (b.y1 - b.y0))[0] || null;
}

const pointers = new Map();
let moved = 0, tapped = { at: 0, x: 0, y: 0 };
let isSpace = false; // whether the space bar is down on the stage
let isHeld = false; // whether the tool has the pointer
const local = (event) => {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};
const onPicture = (event) => event.target === stage || event.target === $("picture");

stage.addEventListener("pointerdown", (event) => {
  const pans = isSpace || event.button === 1; // whatever the tool
  if (!onPicture(event) || (event.pointerType === "mouse" && event.button !== 0 && !pans)) return;
  if (pans) event.preventDefault(); // the middle button scrolls by itself
  pointers.set(event.pointerId, local(event));
  stage.setPointerCapture(event.pointerId);
  moved = 0;
  if (pointers.size > 1) {
    if (isHeld) tool?.cancel?.();
    isHeld = false;
  } else {
    isHeld = !pans && !!tool?.down && tool.down(toPicture(local(event)), event) !== false;
  }
  stage.classList.add("held");
});
stage.addEventListener("pointermove", (event) => {
  const now = local(event), before = pointers.get(event.pointerId);
  if (isHeld && before) {
    pointers.set(event.pointerId, now);
    tool?.move?.(toPicture(now), event);
    return;
  }
  if (!before && tool) {
    if (onPicture(event)) tool.hover?.(toPicture(now), event);
    return;
  }
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
    if (isHeld) {
      isHeld = false;
      name === "pointerup" ? tool?.up?.(toPicture(local(event)), event) : tool?.cancel?.();
      return;
    }
    if (tool) return;
    if (name !== "pointerup" || moved > 8 || pointers.size) return;
    const { x, y } = local(event);
    if (event.timeStamp - tapped.at < 320 && Math.hypot(x - tapped.x, y - tapped.y) < 40) { // a double tap zooms in, or shows the whole picture again
      view.k > 1.5 ? fit() : zoom(3, x, y);
      tapped.at = 0;
      return;
    }
    tapped = { at: event.timeStamp, x, y };
    picked = boxUnder(x, y); // its score stays until another tap
    if (picked) say(labelOf(picked));
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
  if (event.target !== stage) return;
  if (event.key === " ") {
    isSpace = true;
    return event.preventDefault(); // or the page scrolls
  }
  if (tool) {
    const isDone = event.key === "Escape" ? !tool.key?.(event) && !useTool(null) : tool.key?.(event);
    if (isDone) return event.preventDefault();
  }
  const act = {
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "_": () => zoom(1 / 1.4), "0": () => fit(),
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // without zoom, arrows scroll the page as usual
  if (!act || (event.key.startsWith("Arrow") && view.k <= 1)) return;
  event.preventDefault();
  act();
});
for (const [target, name] of [[stage, "keyup"], [stage, "blur"], [window, "blur"]]) target.addEventListener(name, () => { isSpace = false; });
