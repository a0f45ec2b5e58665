// The strip of pictures.

function refreshStrip() {
  $("strip").hidden = items.length < 2;
  document.body.classList.toggle("with-strip", items.length > 1);
  if (items.length < 2) return;
  const list = $("items");
  items.forEach((item, i) => {
    item.tile ??= Object.assign(document.createElement("li"), { innerHTML: "<button type=button><span></span></button>" });
    const tile = item.tile.firstChild, badge = tile.querySelector("span");
    if (list.children[i] !== item.tile) list.insertBefore(item.tile, list.children[i] || null);
    if (item.thumb && item.thumb.parentNode !== tile) {
      tile.querySelector("canvas")?.remove();
      tile.prepend(item.thumb);
    }
    badge.textContent = item.state === "done" ? formatCount(countOf(item)) : item.state === "failed" ? "!" : "…";
    tile.setAttribute("aria-label", `${item.name}, ${item.state === "done" ? `count ${formatCount(countOf(item))}` : item.state}`);
    item === current ? tile.setAttribute("aria-current", "true") : tile.removeAttribute("aria-current");
    tile.onclick = () => { show(item); announce(); };
  });
  while (list.children.length > items.length) [...list.children].find((tile) => !items.some((item) => item.tile === tile)).remove();
  if (current?.tile && current !== refreshStrip.last) {
    refreshStrip.last = current;
    current.tile.scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }
}
