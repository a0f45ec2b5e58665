// The card of cells per mL.

const OTHER_SHOWS = [["field", "The microscope’s field, by its diameter"], ["scale", "An area, by the scale"], ["volume", "A volume that I type"]];

function setChamber(name, value) {
  setSetting("chamber", { ...setting("chamber", {}), [name]: value });
  if (name === "chamber") setSetting("chamber", { ...setting("chamber"), shows: "", squares: "1" }); // squares are those of a chamber
  tell("count");
  clearTimeout(sayLater);
  sayLater = setTimeout(() => say($("per-ml").textContent), 800);
}

$("concentration").append(...makeFields([
  ["chamber", "Chamber", "select"],
  ["shows", "Counted on each picture", "select"],
  ["squares", "How many of these squares", "number"],
  ["diameter", "The field’s diameter, mm", "number", "Or field number / objective: 20/40. All of the field must be on the picture."],
  ["depth", "The chamber’s depth, mm", "number"],
  ["volume", "The volume on each picture, µL", "number"],
  ["dilution", "Diluted 1 in", "number", "1: not diluted; 10: one part in ten"],
  ["pooled", "The pictures are", "select"],
], (id, value) => setChamber(id, id === "pooled" ? value === "one" : value)),
...["per-ml", "per-ml-from"].map((id) => Object.assign(document.createElement("p"), { id })), Object.assign(document.createElement("ul"), { id: "per-ml-warnings", className: "warnings" }));
fillSelect($("chamber"), [["", "Choose …"], ...Object.entries(CHAMBERS).map(([key, { name }]) => [key, name])], chamberSettings().chamber);
fillSelect($("pooled"), [["one", "of one sample: counts are pooled"], ["each", "each of another sample"]], chamberSettings().pooled ? "one" : "each");

function showConcentration() {
  const chosen = chamberSettings(), chamber = CHAMBERS[chosen.chamber], result = concentrationOf(current);
  $("concentration").hidden = !current;
  fillSelect($("shows"), [["", "Choose …"], ...(chamber?.squares || []).map(([name], i) => [String(i), name]), ...OTHER_SHOWS], chosen.shows);
  for (const id of ["squares", "diameter", "depth", "volume", "dilution"]) {
    if ($(id).value !== chosen[id]) $(id).value = chosen[id];
  }
  const needs = {
    shows: chamber, squares: chamber?.squares[chosen.shows]?.[2] > 1, diameter: chosen.shows === "field", volume: chosen.shows === "volume",
    depth: chamber && chamber.depth === null && ["field", "scale"].includes(chosen.shows), dilution: chosen.shows, pooled: items.length > 1 && chosen.shows,
  };
  for (const [id, isNeeded] of Object.entries(needs)) $(id).parentNode.hidden = !isNeeded;
  $("per-ml-short").textContent = result?.short ?? "";
  const [value, rest = ""] = (result?.trouble ?? result?.sentence ?? "").split(/(?<=mL), /);
  $("per-ml").replaceChildren(Object.assign(document.createElement(rest ? "b" : "span"), { textContent: value }), rest && `, ${rest}`);
  $("per-ml").className = result?.trouble ? "small bad" : "";
  $("per-ml-from").textContent = result?.detail ?? "";
  $("per-ml-from").className = "small";
  $("per-ml-warnings").replaceChildren(...(result?.warnings || []).map((textContent) => Object.assign(document.createElement("li"), { textContent })));
}
for (const name of ["show", "items", "count", "answer", "scale"]) on(name, showConcentration);
for (const name of ["input", "click", "submit"]) $("correct").addEventListener(name, showConcentration); // a typed count

/** For rows of tables: all pictures of one sample have one concentration, which is computed once for them. */
let pooledResult = null;
function exportedConcentration(item) {
  if (!chamberSettings().pooled) return concentrationOf(item);
  if (!pooledResult) queueMicrotask(() => { pooledResult = null; });
  return (pooledResult ??= { result: concentrationOf(item) }).result;
}
// in the table of all pictures, where each is a sample of its own
tableColumns.push({ title: "Cells per mL", value: ifDone((item) => (chamberSettings().pooled ? null : concentrationOf(item)?.perMl ?? null)), text: (perMl) => powersOf(perMl, perMl)(perMl, true) });
pictureColumns.push(...[
  ["chamber", "chamber"], ["pooled_pictures", "pictures"], ["pooled_volume_uL", "volume"], ["dilution", "dilution"],
  ["cells_per_mL", "perMl"], ["cells_per_mL_low", "low"], ["cells_per_mL_high", "high"], ["cells_per_mL_interval", "from"],
].map(([name, key]) => ({ name, value: (item) => exportedConcentration(item)?.[key] })));
reportParts.push((item) => ({ concentration: exportedConcentration(item) }));
