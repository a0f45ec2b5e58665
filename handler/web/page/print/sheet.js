// The print sheet: a page for each picture, with its boxes, its count and what it was counted with.

const SHEET_SIDE = 2400; // px of the printed picture's longer side
const STAGE_SIDE = 1000; // px of the stage that the boxes' lines and letters are made for

/** An element with text and children. */
function make(tag, className, ...inside) {
  const element = Object.assign(document.createElement(tag), { className });
  element.append(...inside);
  return element;
}

/** A canvas with the picture, its boxes and what lies over them on the stage. */
function sheetPicture(item, image, side) {
  const sheet = draw(image, item.width, item.height, side, "high"), pen = sheet.getContext("2d");
  const ratio = Math.max(0.5, Math.max(sheet.width, sheet.height) / STAGE_SIDE), scale = sheet.width / ratio / item.width;
  pen.save();
  pen.scale(ratio, ratio);
  if (!item.undecodable) drawBoxes(pen, placed(item, shown(item), scale), 2, isPressed("labels") ? 12 : 0);
  pen.restore();
  const onStage = current, fit = Math.min(stage.clientWidth / item.width, stage.clientHeight / item.height); // they draw on a stage
  pen.scale(sheet.width / item.width / fit, sheet.width / item.width / fit);
  current = item; // whose region and scale the overlays draw
  try {
    for (const overlay of overlays) overlay(pen, ({ x, y }) => ({ x: x * fit, y: y * fit }), fit);
  } finally {
    current = onStage;
  }
  return sheet;
}

const SAID = /^(chamber|pooled|dilution|cells_per|um_per)/; // columns of the tables whose content is in a sentence
const sizeText = (width, height) => `${formatInteger(width)} × ${formatInteger(height)} px`;

/** What a picture was counted with: [what, text], without those that say nothing. */
function sheetFacts(item) {
  const { answer, sent, width, height, notes, edits } = item, typed = correctedOf(item), scale = scaleOf(item), perMl = concentrationOf(item);
  const isOwn = threshold === model.thresholds.score;
  return [
    ["Corrected", typed != null && `${formatCount(typed)}${edits ? ", box by box" : ""}; the model's count is ${formatCount(modelCountOf(item))}`],
    ["Score above", `${threshold.toFixed(2)}${isOwn ? ", the model's default" : `; the model's default is ${model.thresholds.score.toFixed(2)}`}`],
    ["Classes hidden", [...off].join(", ")],
    ["Concentration", perMl?.sentence && `${perMl.sentence} (${perMl.detail})`],
    ["Scale", scale && `1 px is ${significant(scale)} µm`],
    ...pictureColumns.filter(({ name }) => !SAID.test(name)).map(({ name, value }) => [name[0].toUpperCase() + name.slice(1).replaceAll("_", " "), value(item)]),
    ["Counted", `${modeOf(item)}${answer.tiles ? ` (${answer.tiles.columns} × ${answer.tiles.rows})` : ""}${sent.isScaled ? `, sent as ${sizeText(sent.width, sent.height)}` : ""}`],
    ["Picture", sizeText(width, height)],
    ["Model", `${answer.model.name} ${answer.model.version}`],
    ["Date", isoTime(sent.at).slice(0, 16).replace("T", " ")],
    ["Warnings", [...(answer.warnings || []), ...(perMl?.warnings || [])].join("; ")],
    ["Sample", item.sample],
    ["Notes", notes],
  ].filter(([, text]) => text != null && text !== "" && text !== false);
}

/** The page of one picture. picture: a canvas or image that is drawn already. */
function sheetPage(item, picture) {
  const list = make("dl", "", ...sheetFacts(item).flatMap(([what, text]) => [make("dt", "", what), make("dd", "", typeof text === "number" ? formatCount(text) : text)]));
  const counts = Object.entries(countsOf(item)).filter(([, n]) => n);
  const classes = make("ul", "", ...counts.map(([name, n]) => {
    const spot = make("i", "spot");
    showLook(spot, name);
    return make("li", "", spot, `${name} ${formatCount(n)}`);
  }));
  return make("article", "", make("h2", "", item.name), make("figure", "", picture), make("div", "",
    make("p", "count", formatCount(countOf(item))), make("p", "count-of", whatOf(item)), make("p", "interval", intervalWords(item)),
    counts.length > 1 ? classes : "", list, make("p", "id", `Prediction ${item.answer.prediction_id}`)));
}

/** The table of all pictures, by the columns that it has on the page. */
function sheetTable(some) {
  const columns = tableColumns.filter(({ value }) => some.some((item) => value(item) != null));
  const table = make("table", "", make("thead", "", make("tr", "", ...columns.map(({ title }) => make("th", "", title)))), make("tbody", "", ...some.map((item) => make("tr", "", ...columns.map(({ value, text = String }) => {
    const known = value(item);
    return make("td", "", known == null ? "" : text(known, item));
  })))));
  return make("article", "", make("h2", "", `${formatInteger(some.length)} pictures`), make("p", "", totalsText(totalsOf(some))), table);
}

let isPrepared = false; // whether what is printed next is on the sheet already
function clearSheet() {
  for (const each of $("sheet").querySelectorAll("img")) URL.revokeObjectURL(each.src);
  $("sheet").replaceChildren();
  $("sheet").hidden = true;
}

addEventListener("beforeprint", () => {
  if (isPrepared || current?.state !== "done") return;
  $("sheet").replaceChildren(sheetPage(current, sheetPicture(current, current.image || $("picture"), SHEET_SIDE)));
  $("sheet").hidden = false;
});
addEventListener("afterprint", clearSheet);
