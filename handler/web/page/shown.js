// Shows count, classes, facts, table and strip for the current picture, threshold and classes.

const passes = (each) => each.score > threshold; // strictly greater, as in the API
const counted = (item) => (item?.found || []).filter(passes);
const shown = (item) => counted(item).filter((each) => !off.has(each.label));

function show(item) {
  current = item;
  hovered = null;
  $("correct-said").textContent = "";
  showPicture();
  showClasses();
  refresh(item);
}

function refresh(item) {
  refreshStrip();
  if (item !== current) return;
  const { state, trouble, answer } = item;
  showBusy();
  if (state === "working") say(`Counting on ${item.name} …`);
  $("trouble").hidden = !trouble;
  if (trouble) {
    $("trouble-title").textContent = trouble.title;
    $("trouble-detail").textContent = trouble.detail;
    const actions = trouble.actions.filter((name) => !item.undecodable || !["scaled", "anyway"].includes(name));
    $("trouble-actions").replaceChildren(...actions.map((name, i) => button(ACTIONS[name][0], () => ACTIONS[name][1](item), i === 0)));
  }
  $("result").classList.toggle("stale", state !== "done");
  $("result").classList.toggle("failed", state === "failed");
  for (const id of ["save-picture", "save-csv", "save-json", "correct-send", "threshold"]) $(id).disabled = state !== "done";
  for (const id of ["labels", "compare-on"]) $(id).disabled = !!item.undecodable;
  if (answer) showClasses();
  showCount();
  showWarnings();
  showFacts();
  if ($("listing").open) showRows();
  paint();
}

/** Shows what is being done, and the progress of an upload. */
function showBusy() {
  const { state, progress } = current;
  $("busy").hidden = state !== "working" && state !== "waiting";
  $("busy-text").textContent = state === "waiting" ? "Waiting …" : progress != null ? `Sending ${Math.floor(progress * 100)} % …` : "Counting …";
  $("stage").setAttribute("aria-busy", String(!$("busy").hidden));
}

const ACTIONS = {
  again: ["Try again", retry],
  other: ["Choose another", () => $("files").click()],
  scaled: ["Send it scaled", (item) => { item.wantsScaled = true; retry(item); }],
  anyway: ["Send anyway", (item) => { item.sendsAnyway = true; retry(item); }],
  key: ["Enter the key", retry],
};

function retry(item) {
  item.state = "waiting";
  item.trouble = null;
  if (item === current) $("stage").focus({ preventScroll: true }); // the pressed button disappears
  refresh(item);
  work();
}

function button(text, act, primary) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  if (primary) element.className = "primary";
  element.addEventListener("click", act);
  return element;
}

function showPicture() {
  const item = current, picture = $("picture");
  const url = item.undecodable ? item.drawn : item.width ? item.url : "";
  if (url && picture.src !== url) picture.src = url;
  if (!url) picture.removeAttribute("src");
  picture.hidden = !url;
  picture.alt = url ? item.name : "";
  fit();
}

/** The interval of the true count, as in handler.detection.count_interval; null where the model is not calibrated.
 * The API's answer has none, since the page asks for scores below the calibrated threshold. */
function intervalOf(item, count) {
  const calibration = model.count_calibration;
  if (!calibration || off.size || threshold !== calibration.score_threshold || item.answer.thresholds.iou !== calibration.iou_threshold || item.full) return null;
  const scale = Math.sqrt(count + 1);
  const low = Math.ceil(count + calibration.below * scale - 1e-6), high = Math.floor(count + calibration.above * scale + 1e-6);
  return { low: Math.max(0, Math.min(low, count)), high: Math.max(high, count), coverage: calibration.coverage };
}

function showCount() {
  const item = current, done = item.found && item.state !== "failed";
  const all = counted(item), some = shown(item);
  $("count").textContent = done ? formatInteger(some.length) : "–";
  const labels = [...new Set(all.map((each) => each.label))];
  const hidden = all.length - some.length;
  const what = model?.classes.length === 1 ? model.classes[0] : labels.length === 1 ? labels[0] : some.length === 1 ? "object" : "objects";
  $("count-of").textContent = !done ? (item.state === "failed" ? "No count" : "Counting …") : hidden ? `${what}, ${formatInteger(hidden)} more hidden` : what;
  const interval = done && intervalOf(item, some.length);
  $("interval").hidden = !interval;
  if (interval) {
    const { low, high, coverage } = interval;
    $("interval").textContent = `${formatInteger(low)} to ${formatInteger(high)} with ${Math.round(coverage * 100)} % certainty`;
  }
  const tally = Map.groupBy ? Map.groupBy(all, (each) => each.label) : all.reduce((map, each) => map.set(each.label, [...(map.get(each.label) || []), each]), new Map());
  for (const chip of $("classes").children) {
    const name = chip.dataset.name, n = (tally.get(name) || []).length;
    chip.querySelector("b").textContent = formatInteger(n);
    chip.hidden = n === 0 && !off.has(name);
  }
  $("threshold-value").textContent = threshold.toFixed(2);
  const isDefault = model && threshold === model.thresholds.score;
  $("threshold").setAttribute("aria-valuetext", `${threshold.toFixed(2)}${isDefault ? ", the model's default" : ""}`);
  $("threshold-reset").hidden = !model || isDefault;
  $("threshold-hint").textContent = item.full ? `The API returned only the best ${formatInteger(item.found.length)} boxes.` : isDefault ? "The model's default." : model ? `The model's default is ${model.thresholds.score.toFixed(2)}.` : "";
  if (done) $("corrected").value = item.corrected ?? all.length;
  $("corrected").disabled = $("fewer").disabled = $("more").disabled = !done;
  $("stage").setAttribute("aria-label", done ? `${item.name} with ${some.length} boxes` : item.name);
}

/** Shows a chip for each class on this picture. Existing chips stay, with the focus. */
function showClasses() {
  const list = $("classes");
  const names = !model || model.classes.length < 2 ? [] : model.classes.filter((name) => off.has(name) || (current.found || []).some((each) => each.label === name));
  list.hidden = !names.length;
  if (names.join("\n") === [...list.children].map((chip) => chip.dataset.name).join("\n")) return;
  list.replaceChildren(...names.map((name) => {
    const chip = document.createElement("li");
    chip.dataset.name = name;
    const label = Object.assign(document.createElement("label"), { className: "chip" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !off.has(name) });
    box.addEventListener("change", () => {
      box.checked ? off.delete(name) : off.add(name);
      changed();
      drawAgain();
    });
    const spot = document.createElement("i");
    spot.style.background = COLOURS[model.classes.indexOf(name) % COLOURS.length];
    label.append(box, spot, `${name} `, document.createElement("b"));
    chip.append(label);
    return chip;
  }));
}

/** Shows the API's sentences on what is odd about the picture or the model's output. */
function showWarnings() {
  const sentences = current.state === "done" ? current.answer.warnings || [] : [];
  $("warnings").hidden = !sentences.length;
  $("warnings").replaceChildren(...sentences.map((text) => Object.assign(document.createElement("li"), { textContent: text[0].toUpperCase() + text.slice(1) })));
}

function showFacts() {
  const { sent, answer, file, width, height, undecodable } = current;
  if (!sent) { $("facts").textContent = ""; return; }
  const sentences = [`${current.name}, ${formatInteger(width)} × ${formatInteger(height)} px.`];
  sentences.push(sent.isScaled ? `Sent as ${formatInteger(sent.width)} × ${formatInteger(sent.height)} px: ${bytes(sent.bytes)} instead of ${bytes(file.size)}.` : `Sent as it is, ${bytes(sent.bytes)}${sent.uploadId ? ", by an upload" : ""}.`);
  if (undecodable) sentences.push(`This browser cannot open ${answer.image.format}; the API drew the picture.`);
  sentences.push(`${answer.model.name} ${answer.model.version} took ${Math.round(answer.timing_ms?.total ?? 0)} ms, ${(sent.ms / 1000).toFixed(1)} s in all.`);
  $("facts").textContent = sentences.join(" ");
}
const bytes = (n) => (n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(1)} MB`);

function showRows() {
  $("rows").replaceChildren(...shown(current).map((each, i) => {
    const row = document.createElement("tr");
    const cells = [i + 1, each.label, each.score.toFixed(3), each.x0.toFixed(0), each.y0.toFixed(0), (each.x1 - each.x0).toFixed(0), (each.y1 - each.y0).toFixed(0)];
    for (const text of cells) row.insertCell().textContent = text;
    return row;
  }));
}

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
    badge.textContent = item.state === "done" ? formatInteger(shown(item).length) : item.state === "failed" ? "!" : "…";
    tile.setAttribute("aria-label", `${item.name}, ${item.state === "done" ? `count ${shown(item).length}` : item.state}`);
    item === current ? tile.setAttribute("aria-current", "true") : tile.removeAttribute("aria-current");
    tile.onclick = () => { show(item); announce(); };
  });
  while (list.children.length > items.length) [...list.children].find((tile) => !items.some((item) => item.tile === tile)).remove();
  if (current?.tile && current !== refreshStrip.last) {
    refreshStrip.last = current;
    current.tile.scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }
}

let sayLater = 0;
function say(text) {
  clearTimeout(sayLater);
  $("live").textContent = text;
}
function announce() {
  const item = current;
  if (item.state === "failed") return; // the alert speaks for itself
  const parts = [...$("classes").children].filter((chip) => !chip.hidden && !off.has(chip.dataset.name)).map((chip) => `${chip.querySelector("b").textContent} ${chip.dataset.name}`);
  const interval = $("interval").hidden ? "" : `, ${$("interval").textContent}`;
  say(`${$("count").textContent} ${$("count-of").textContent}${interval}${parts.length > 1 ? `: ${parts.join(", ")}` : ""}, at threshold ${threshold.toFixed(2)}, on ${item.name}.`);
}

/** Shows the effect of another threshold or other classes, without a request. */
function changed() {
  if (!current) return;
  hovered = null;
  showCount();
  refreshStrip();
  if ($("listing").open) showRows();
  paint();
  clearTimeout(sayLater);
  sayLater = setTimeout(announce, 400);
}
