// The region's card: its shape, its rule for the border, its numbers, and the round field.

const sayRegion = (text) => { $("region-said").textContent = text; };

/** Shows the region in its card, and the card where there is a picture. */
function showRegion() {
  const item = current, { region, width, height, found } = item || {}, isOpen = !!width && item.state !== "failed";
  $("region-card").hidden = $("region-on").hidden = !isOpen;
  if (!isOpen) return;
  $("result").classList.toggle("in-region", !!region);
  $("region-shape").value = polygonDraft ? "polygon" : !region ? "" : regionArea(item) > width * height - 1 ? "edge" : region.shape;
  $("region-border").parentNode.hidden = $("region-numbers").parentNode.hidden = $("region-clear").hidden = !region;
  $("region-find-all").hidden = items.length < 2;
  $("region-all").hidden = !region || items.length < 2;
  if (!region) return;
  $("region-border").lastElementChild.hidden = region.shape !== "rectangle";
  $("region-border").value = region.border;
  $("region-numbers").previousSibling.textContent = { circle: "Centre x y, radius", rectangle: "Left, top, right, bottom", polygon: "Corners, x y" }[region.shape] + " in px";
  if (document.activeElement !== $("region-numbers")) $("region-numbers").value = region.numbers.map((each) => +each.toFixed(1)).join(" ");
  const { inside, border, outside } = found ? regionTally(item) : {}, area = regionArea(item);
  sayRegion(`${found ? `${formatInteger(inside)} inside, ${formatInteger(border)} on the border, ${formatInteger(outside)} outside. ` : ""}${formatCount((100 * area) / (width * height))} % of the picture, ${formatInteger(Math.round(area))} px².`);
}

/** Begins a shape: a polygon by its corners, all others in the middle of the picture. */
function startRegion(shape) {
  const { width, height } = current;
  if (shape && shape !== "edge") nextShape = shape;
  sayRegion("");
  setRegion(!shape || shape === "polygon" ? null : shape === "edge" ? { ...regionBetween("rectangle", [0, 0], [width, height]), border: "exclude" } : regionInMiddle(shape));
  useTool(shape && shape !== "edge" ? regionTool : null);
  if (shape !== "polygon") return;
  polygonDraft = [];
  sayRegion("Tap its corners on the picture, the first one again to close it.");
  showRegion();
  stage.focus();
}

/** Gives an item the region of another one, at the same fractions, once its size is known. */
function takeRegion(item) {
  const { regionFrom: from, width, height } = item;
  if (!from || !width) return;
  item.region = mappedRegion(from.region, width / from.width, height / from.height);
  item.regionFrom = null;
}

/** Sets the field of each item that has one, and says which have none. */
async function findFields(some) {
  const without = [];
  for (const item of some) {
    const region = item.width && (await fieldOf(item).catch(() => null));
    if (region) item.region = { ...region, border: item.region?.border.replace("two-sides", "half") || "half" };
    else without.push(item.name);
  }
  changed();
  if (without.length) sayRegion(some.length > 1 ? `No round field found on ${without.join(", ")}.` : "No round field found.");
}

$("region-shape").addEventListener("change", ({ target }) => startRegion(target.value));
$("region-border").addEventListener("change", ({ target }) => setRegion({ ...current.region, border: target.value }));
$("region-numbers").addEventListener("change", ({ target }) => {
  const numbers = (target.value.match(/-?\d+(\.\d+)?/g) || []).map(Number), n = numbers.length, { region } = current;
  if (region.shape === "polygon" ? n > 5 && n % 2 === 0 : n === region.numbers.length) setRegion({ ...region, numbers });
  showRegion();
});
$("region-clear").addEventListener("click", () => { startRegion(""); $("region-shape").focus(); });
$("region-find").addEventListener("click", () => findFields([current]));
$("region-find-all").addEventListener("click", () => findFields(items));
$("region-all").addEventListener("click", () => {
  const { region, width, height } = current;
  for (const item of items) takeRegion(Object.assign(item, { regionFrom: { region, width, height } }));
  changed();
  say(`Applied to ${formatInteger(items.length)} pictures.`);
});
$("region-on").addEventListener("click", () => {
  if (tool !== regionTool) return;
  $("region-card").open = true;
  if (!current.region) sayRegion("Drag from the middle of a circle to its rim, or press Enter.");
});
for (const name of ["show", "items", "count"]) on(name, showRegion);
on("answer", takeRegion);
