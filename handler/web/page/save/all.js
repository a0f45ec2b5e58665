// Saves what is known of all pictures: both tables, JSON, and the pictures with their boxes as a zip.

const allName = (what) => `icebox-${isoTime(Date.now()).slice(0, 10)}-${what}`;

$("all-pictures").addEventListener("click", () => save(picturesCsv(items), allName("pictures.csv")));
$("all-cells").addEventListener("click", () => save(cellsCsv(items), allName("cells.csv")));
$("all-json").addEventListener("click", () => {
  const { n, of, ...totals } = totalsOf(items);
  const head = indented({ created_at: isoTime(Date.now()), score_threshold: threshold, classes_hidden: [...off], totals: { pictures: of, counted: n, ...totals } });
  const reports = inOneGo(() => items.map((item, i) => `${i ? "," : ""}\n    ${JSON.stringify(reportOf(item))}`));
  save(jsonOf(head.slice(0, -2), ',\n  "pictures": [', ...reports, "\n  ]\n}"), allName("pictures.json"));
});

let zipping = null; // { isStopped } while pictures are drawn

/** Draws one picture after the other, so that memory holds one at a time. What could not be drawn is listed in the zip. */
async function saveZip() {
  const job = (zipping = { isStopped: false }), some = [...items], taken = new Set(), missing = [];
  let zip = makeZip(), part = 1, drawn = 0;
  const put = async (name, blob) => {
    if (await zip.add(name, blob)) return;
    save(zip.blob(), allName(`annotated-${part++}.zip`));
    zip = makeZip();
    if (!(await zip.add(name, blob))) missing.push(`${name}: larger than a zip can hold`);
  };
  for (const [i, item] of some.entries()) {
    $("all-zip").textContent = `Stop (${formatInteger(i)} of ${formatInteger(some.length)})`;
    try {
      if (!isDone(item)) throw new Error(errorOf(item) || item.state);
      await put(freeName(`${stem(item.name)}-annotated.jpg`, taken), await annotated(item));
      drawn += 1;
    } catch (error) {
      missing.push(`${item.name}: ${error.message}`);
    }
    if (job.isStopped) break;
  }
  zipping = null;
  $("all-zip").textContent = "Pictures (zip)";
  if (job.isStopped) return say("Stopped: no zip was saved.");
  if (missing.length) await put("not in this zip.txt", new Blob([missing.join("\r\n") + "\r\n"]));
  save(zip.blob(), allName(part > 1 ? `annotated-${part}.zip` : "annotated.zip"));
  say(`${formatInteger(drawn)} of ${formatInteger(some.length)} pictures saved.`);
}

$("all-zip").addEventListener("click", () => {
  if (zipping) zipping.isStopped = true;
  else saveZip();
});
