// Shows the count, its interval, the warnings and the facts.

/** What is counted, in words behind the count. */
function whatOf(item) {
  const all = boxesOf(item), some = shown(item), labels = [...new Set(all.map((each) => each.label))];
  const what = model.classes.length === 1 ? model.classes[0] : labels.length === 1 ? labels[0] : some.length === 1 ? "object" : "objects";
  const hidden = all.filter((each) => off.has(each.label)).length;
  return what + inRegion(item) + (hidden ? `, ${formatInteger(hidden)} more hidden` : "") + (item.edits ? ", corrected by hand" : "") + (isSample(item) ? ", on the sample picture" : "");
}

function showCount() {
  const item = current, done = item.found && item.state !== "failed";
  const all = boxesOf(item), some = shown(item), count = countOf(item);
  $("count").textContent = done ? formatCount(count) : "–";
  $("count-of").textContent = done ? whatOf(item) : item.state === "failed" ? "No count" : "Counting …";
  const words = done ? intervalWords(item) : "";
  $("interval").hidden = !words;
  if (words) $("interval").textContent = words; // else what was there keeps its lines, unseen (panel.css)
  showThreshold();
  const tally = Map.groupBy ? Map.groupBy(all, (each) => each.label) : all.reduce((map, each) => map.set(each.label, [...(map.get(each.label) || []), each]), new Map());
  for (const chip of chips()) {
    const name = chip.dataset.name, n = (tally.get(name) || []).reduce((sum, each) => sum + weightOf(item, each), 0);
    chip.querySelector("b").textContent = formatCount(n);
    chip.hidden = n === 0 && !off.has(name) && chips().length > 8; // few stay, or the slider below would jump
  }
  $("stage").setAttribute("aria-label", done ? `${item.name} with ${some.length} boxes` : item.name);
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
  if (undecodable) sentences.push(`This browser cannot open ${answer.image.format}; the API drew the picture, so its boxes cannot be edited.`);
  sentences.push(`${answer.model.name} ${answer.model.version} took ${Math.round(answer.timing_ms?.total ?? 0)} ms, ${(sent.ms / 1000).toFixed(1)} s in all.`);
  $("facts").textContent = sentences.join(" ");
}
const bytes = (n) => (n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(1)} MB`);
