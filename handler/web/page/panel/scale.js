// The card of scale and sizes, and the bar of the measuring tool.

const readUm = (id, what) => readNumber($(id).value, what, 1e-4, 1e5);

/** Does what a button asks for; says what is wrong with the input. */
function tryScale(act) {
  try {
    act();
    $("scale-said").textContent = "";
  } catch (error) {
    $("scale-said").textContent = error.message;
    say(error.message);
  }
}

const setLine = () => tryScale(() => {
  if (!lineLength()) throw new Error("Draw a line first.");
  setScale(readUm("line-um", "The length") / lineLength(), current);
  say(`${significant(scaleOf(current))} µm per px.`);
});
$("measure-bar").append(Object.assign(document.createElement("span"), { id: "line-said" }), ...makeFields([["line-um", "Its length, µm", "number"]], () => {}), button("Set the scale", setLine));
$("line-um").addEventListener("keydown", (event) => { if (event.key === "Enter") setLine(); });

function showMeasureBar() {
  $("measure-bar").hidden = tool !== measureTool;
  $("line-said").textContent = lineLength() ? lineWords() : "Draw a line along a known length.";
}

const scaleNames = () => setting("scales", []);
const makeElement = (name, id, className = "small") => Object.assign(document.createElement(name), { id, className });
$("scale-card").append(
  ...makeFields([["um", "µm per px", "number", "Or draw a known length: Measure, below the picture."], ["scales", "Saved scales", "select"]], (id, value) => {
    if (id === "um") return;
    const scale = scaleNames().find((each) => each.name === value);
    if (scale) setScale(scale.um, scale, scale.name);
  }),
  makeElement("p", "scale-said", "small bad"), makeElement("p", "scale-is"), makeElement("p", "scale-keep", "row"), makeElement("div", "sizes", ""),
);
$("um").addEventListener("change", () => tryScale(() => setScale($("um").value.trim() ? readUm("um", "µm per px") : null, current)));

const sameView = button("It is the same view in another size", () => {
  const scale = setting("scale");
  setSetting("scale", { ...scale, also: [...scale.also, sides(current).join("x")] });
  tell("scale");
  paint();
});
const keepScale = button("Save", () => tryScale(() => {
  const name = $("scale-name").value.trim(), scale = setting("scale");
  if (!name) throw new Error("A name is missing, such as 10× objective.");
  setSetting("scales", [...scaleNames().filter((each) => each.name !== name), { ...scale, name }]);
  setScale(scale.um, scale, name);
}));
const forgetScale = button("Forget this scale", () => {
  setSetting("scales", scaleNames().filter(({ name }) => name !== setting("scale").name));
  const scale = setting("scale");
  setScale(scale.um, scale);
});
$("scale-keep").append(sameView, ...makeFields([["scale-name", "A name, to save this scale", "text"]], () => {}), keepScale, forgetScale);

function showScale() {
  const scale = setting("scale"), own = scaleOf(current), name = scale?.name || "";
  $("scale-card").hidden = !current?.width;
  if ($("scale-card").hidden) return;
  if (document.activeElement !== $("um")) $("um").value = own ? Number(own.toPrecision(5)) : ""; // what is being typed stays
  fillSelect($("scales"), [["", scaleNames().length ? "–" : "None yet"], ...scaleNames().map((each) => [each.name, each.name])], name);
  $("scales").parentNode.hidden = !scaleNames().length;
  const size = ({ width, height }) => `${formatInteger(width)} × ${formatInteger(height)} px`;
  $("scale-is").textContent = !scale ? "" : own ? `For pictures of ${size(scale)}${scale.also.length ? ", and others of the same view" : ""}.` : `The scale is of pictures of ${size(scale)}; this one has ${size(current)}.`;
  sameView.hidden = !scale || !!own || !mayBeSameView(current);
  keepScale.hidden = $("scale-name").parentNode.hidden = !own || !!name;
  forgetScale.hidden = !name;
  $("scale-short").textContent = own ? `${significant(own)} µm per px` : "";
  if ($("scale-card").open) showSizes();
}

/** A bar chart of lengths and one of widths, and what they come to. */
function showSizes() {
  const unit = scaleOf(current) ? "µm" : "px", sizes = current.state === "done" ? sizesOf(current) : [], cut = shown(current).length - sizes.length;
  if (!sizes.length) return $("sizes").replaceChildren();
  const most = Math.max(...sizes.map(({ length }) => length)), step = roundLength(most / 8), n = Math.floor(most / step) + 1;
  const parts = ["length", "width"].flatMap((side) => {
    const values = sizes.map((size) => size[side]), bins = histogram(values, step, most), { mean, sd, median } = summary(values);
    const words = `${side === "length" ? "Length" : "Width"}: mean ${significant(mean)}${sd === null ? "" : `, SD ${significant(sd)}`}, median ${significant(median)} ${unit}`;
    return [Object.assign(makeElement("p", `mean-${side}`), { textContent: words }), makeChart(bins, step, unit, words)];
  });
  const note = Object.assign(makeElement("p", "sizes-note"), { textContent: `${formatInteger(sizes.length)} boxes${cut ? `, without ${formatInteger(cut)} cut by the edge` : ""}. Approximate: boxes are upright, so a slanting cell looks shorter and wider than it is.` });
  $("sizes").replaceChildren(...parts, note);
}

function makeChart(bins, step, unit, words) {
  const make = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const wide = 300 / bins.length, most = Math.max(...bins);
  return make("svg", { viewBox: "0 0 320 96", role: "img", "aria-label": words },
    ...bins.map((count, i) => make("rect", { x: 10 + i * wide + 0.5, y: 78 - (70 * count) / most, width: wide - 1, height: (70 * count) / most }, make("title", {}, `${significant(i * step)} to ${significant((i + 1) * step)} ${unit}: ${count}`))),
    make("path", { d: "M10 78.5H310" }),
    ...[0, bins.length].map((i) => make("text", { x: 10 + i * wide, y: 92, "text-anchor": i ? "end" : "start" }, `${significant(i * step)}${i ? ` ${unit}` : ""}`)));
}
for (const name of ["show", "answer", "count", "scale"]) on(name, showScale);
on("scale", showMeasureBar);
$("scale-card").addEventListener("toggle", showScale);
