// The strip of pictures. It has tiles for those in sight only, and room for the others.

const AROUND = 12; // tiles beyond each end of what is in sight
let tileSize = 0, onStrip = null; // px of one tile with its gap; the current picture when the strip last followed it
// The strip runs across, or, beside the picture of a phone on its side, down.
const ACROSS = { at: "scrollLeft", room: "clientWidth", to: "left", tile: "offsetWidth", min: "minWidth", before: "paddingLeft", after: "paddingRight" };
const DOWN = { at: "scrollTop", room: "clientHeight", to: "top", tile: "offsetHeight", min: "minHeight", before: "paddingTop", after: "paddingBottom" };

function refreshStrip() {
  $("strip").hidden = items.length < 2;
  document.body.classList.toggle("with-strip", items.length > 1);
  if (items.length < 2) return;
  const list = $("items"), strip = $("strip");
  const { flexDirection, columnGap } = getComputedStyle(list), [way, other] = flexDirection === "column" ? [DOWN, ACROSS] : [ACROSS, DOWN];
  for (const name of ["min", "before", "after"]) list.style[other[name]] = "";
  tileSize = list.firstChild ? list.firstChild[way.tile] + parseFloat(columnGap) : tileSize || 92;
  const at = items.indexOf(current);
  if (current !== onStrip && at >= 0) {
    onStrip = current;
    const start = at * tileSize;
    list.style[way.min] = `${items.length * tileSize}px`; // or it cannot scroll that far yet
    if (start < strip[way.at] || start + tileSize > strip[way.at] + strip[way.room]) strip.scrollTo({ [way.to]: start - (strip[way.room] - tileSize) / 2 });
  }
  const first = Math.max(0, Math.floor(strip[way.at] / tileSize) - AROUND);
  const last = Math.min(items.length, Math.ceil((strip[way.at] + strip[way.room]) / tileSize) + AROUND);
  const some = items.slice(first, last), held = document.activeElement?.closest?.("#items li");
  list.style[way.before] = `${4 + first * tileSize}px`;
  list.style[way.after] = `${4 + (items.length - last) * tileSize}px`;
  some.forEach((item, i) => {
    const tile = showTile(item, first + i);
    if (list.children[i] !== tile && tile !== held) list.insertBefore(tile, list.children[i] || null); // moving would take its focus
  });
  for (const tile of [...list.children]) if (!some.some((item) => item.tile === tile)) tile.remove();
  for (const item of items) if (item.tile && !item.tile.parentNode) item.tile = null;
}

function showTile(item, i) {
  if (!item.tile) {
    item.tile = Object.assign(document.createElement("li"), { innerHTML: "<button type=button><img alt='' hidden><span></span></button>" });
    item.tile.firstChild.addEventListener("click", () => { show(item); announce(); });
  }
  const tile = item.tile.firstChild, [picture, badge] = tile.children, isDone = item.state === "done";
  if (item.thumb && picture.hidden) Object.assign(picture, { src: item.thumb, hidden: false });
  badge.textContent = isDone ? formatCount(countOf(item)) : { failed: "!", cancelled: "–" }[item.state] || "…";
  tile.setAttribute("aria-label", `${item.name}, ${isDone ? `count ${formatCount(countOf(item))}` : item.state === "cancelled" ? "not counted" : item.state}`);
  item === current ? tile.setAttribute("aria-current", "true") : tile.removeAttribute("aria-current");
  item.tile.setAttribute("aria-posinset", i + 1);
  item.tile.setAttribute("aria-setsize", items.length);
  return item.tile;
}

$("strip").addEventListener("scroll", () => requestAnimationFrame(refreshStrip), { passive: true });
new ResizeObserver(() => refreshStrip()).observe($("strip"));
