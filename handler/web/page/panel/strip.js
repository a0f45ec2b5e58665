// The strip of pictures. It has tiles for those in sight only, and room for the others.

const AROUND = 12; // tiles beyond each end of what is in sight
let stripWidth = 0, onStrip = null; // px of one tile with its gap; the current picture when the strip last followed it

function refreshStrip() {
  $("strip").hidden = items.length < 2;
  document.body.classList.toggle("with-strip", items.length > 1);
  if (items.length < 2) return;
  const list = $("items"), strip = $("strip");
  stripWidth = list.firstChild ? list.firstChild.offsetWidth + parseFloat(getComputedStyle(list).columnGap) : stripWidth || 92;
  const at = items.indexOf(current);
  if (current !== onStrip && at >= 0) {
    onStrip = current;
    const left = at * stripWidth;
    list.style.minWidth = `${items.length * stripWidth}px`; // or it cannot scroll that far yet
    if (left < strip.scrollLeft || left + stripWidth > strip.scrollLeft + strip.clientWidth) strip.scrollTo({ left: left - (strip.clientWidth - stripWidth) / 2 });
  }
  const first = Math.max(0, Math.floor(strip.scrollLeft / stripWidth) - AROUND);
  const last = Math.min(items.length, Math.ceil((strip.scrollLeft + strip.clientWidth) / stripWidth) + AROUND);
  const some = items.slice(first, last), held = document.activeElement?.closest?.("#items li");
  list.style.paddingLeft = `${4 + first * stripWidth}px`;
  list.style.paddingRight = `${4 + (items.length - last) * stripWidth}px`;
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
