// The table of all boxes: a row marks its box on the stage, a marked box its row.

const listingPages = makePages("listing-pages", () => showRows());
let markedRow; // the box whose row is marked

function showRows() {
  const boxes = shown(current), list = $("rows");
  $("listing").classList.toggle("one-class", model?.classes.length === 1);
  listingPages.set(boxes.length);
  const rows = boxes.slice(listingPages.at, listingPages.at + PAGE_ROWS).map((each, i) => {
    const row = document.createElement("tr");
    const cells = [listingPages.at + i + 1, each.label, each.score?.toFixed(3) ?? "by hand", ...[each.x0, each.y0, each.x1 - each.x0, each.y1 - each.y0].map((px) => px.toFixed(0))];
    for (const text of cells) row.insertCell().textContent = text;
    row.box = each;
    row.tabIndex = i ? -1 : 0; // one stop for Tab; arrows go on
    return row;
  });
  list.replaceChildren(...rows);
  markedRow = undefined;
  markRow();
}

/** Marks the row of the box that is marked on the stage, on its page of the table. */
function markRow() {
  if (!$("listing").open || !current || hovered === markedRow) return;
  markedRow = hovered;
  const list = $("rows"), index = hovered ? shown(current).indexOf(hovered) : -1;
  if (index >= 0 && (index < listingPages.at || index >= listingPages.at + PAGE_ROWS)) {
    listingPages.hold(index);
    return showRows();
  }
  for (const row of list.children) row.classList.toggle("marked", row.box === hovered);
  if (!list.matches(":hover, :focus-within")) list.querySelector(".marked")?.scrollIntoView({ block: "nearest" });
}
overlays.push(markRow); // after each drawing, so whatever marked the box

/** Marks a box on the stage, and moves a zoomed picture so that it is seen; isClose zooms in on it. */
function mark(box, isClose) {
  hovered = box;
  if (!box || current.undecodable) return paint();
  const { clientWidth: w, clientHeight: h } = stage, { x0, y0, x1, y1 } = box;
  if (isClose) view.k = Math.min(MAX_ZOOM, Math.max(view.k, 1, Math.min(w / (x1 - x0), h / (y1 - y0)) / 5 / view.fit));
  const a = toStage({ x: x0, y: y0 }), b = toStage({ x: x1, y: y1 }), scale = view.k * view.fit;
  if (isClose || a.x < 0 || a.y < 0 || b.x > w || b.y > h) {
    view.x = w / 2 - (scale * (x0 + x1)) / 2;
    view.y = h / 2 - (scale * (y0 + y1)) / 2;
    place();
  }
  paint();
}

const rowOf = (event) => event.target.closest("tr");
$("rows").addEventListener("pointermove", (event) => { // not pointerover, which scrolling tells, too
  const box = rowOf(event)?.box;
  if (event.pointerType === "mouse" && box && box !== hovered) mark(box);
});
$("rows").addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") mark(document.activeElement.box ?? null); });
$("rows").addEventListener("focusin", (event) => mark(rowOf(event).box));
$("rows").addEventListener("focusout", () => mark(null));
$("rows").addEventListener("click", (event) => {
  mark(rowOf(event).box, true);
  stage.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
});
$("rows").addEventListener("keydown", (event) => {
  const row = rowOf(event), by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Enter") mark(row.box, true);
  if (!by) return;
  event.preventDefault();
  const index = listingPages.at + [...$("rows").children].indexOf(row) + by, total = shown(current).length;
  if (index < 0 || index >= total) return;
  const before = listingPages.at;
  listingPages.hold(index);
  if (listingPages.at !== before) showRows();
  const next = $("rows").children[index - listingPages.at];
  row.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

$("listing").addEventListener("toggle", () => $("listing").open && current && showRows());
on("show", () => { listingPages.at = 0; });
