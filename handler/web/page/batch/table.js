// The table of all pictures: sorted by any column, a row shows its picture.

/* value(item): what a column sorts by, or null; text(value, item): what it shows. A column without values is hidden. */
const ifDone = (value) => (item) => (isDone(item) ? value(item) : null);
const tableColumns = [
  { title: "File", value: ({ name }) => name },
  { title: "Count", value: ifDone(modelCountOf), text: formatCount },
  { title: "Corrected", value: ifDone(correctedOf), text: formatCount },
  { title: "Interval", value: ifDone((item) => intervalOf(item)?.low ?? null), text: (low, item) => `${formatInteger(low)}–${formatInteger(intervalOf(item).high)}` },
  { title: "Threshold", value: ifDone(() => threshold), text: (value) => value.toFixed(2) },
  { title: "Counted", value: ifDone((item) => [modeOf(item), oddity(item)].filter(Boolean).join(", ")) },
  { title: "Warnings", value: ifDone(({ answer }) => answer.warnings?.join("; ") || null), className: "long" },
  { title: "Error", value: (item) => errorOf(item) || null, className: "long bad" },
];

let sortBy = null, isDown = false; // a column, or the order in which the pictures came
const collator = new Intl.Collator("en", { numeric: true });
const tableRows = new WeakMap(); // item → its row
const tablePages = makePages("table-pages", () => showTable());

function sorted(some) {
  if (!sortBy) return some;
  const keyed = some.map((item) => [sortBy.value(item), item]), sign = isDown ? -1 : 1;
  const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);
  return keyed.sort(([a], [b]) => (a == null || b == null ? (a == null) - (b == null) : sign * compare(a, b))).map(([, item]) => item);
}

function makeHead() {
  $("table-head").replaceChildren(...tableColumns.map((column) => {
    const head = Object.assign(document.createElement("th"), { scope: "col", className: column.className || "" });
    head.append(button(column.title, () => {
      [sortBy, isDown] = sortBy !== column ? [column, false] : isDown ? [null, false] : [column, true];
      tablePages.at = 0;
      showTable();
    }));
    return head;
  }));
}

function makeRow(item) {
  const row = document.createElement("tr");
  row.item = item;
  for (const [i, { className }] of tableColumns.entries()) {
    const cell = row.appendChild(Object.assign(document.createElement(i ? "td" : "th"), { className: className || "" }));
    if (!i) cell.append(Object.assign(document.createElement("button"), { type: "button", className: "link" }));
  }
  row.firstChild.scope = "row";
  return row;
}

function showTable() {
  $("totals").textContent = totalsText(totalsOf(items));
  if (!$("table").open) return;
  const heads = $("table-head").children, list = $("table-rows");
  if (heads.length !== tableColumns.length) makeHead();
  const isEmpty = tableColumns.map(({ value }) => items.every((item) => value(item) == null));
  tableColumns.forEach((column, i) => {
    heads[i].hidden = isEmpty[i];
    column === sortBy ? heads[i].setAttribute("aria-sort", isDown ? "descending" : "ascending") : heads[i].removeAttribute("aria-sort");
  });
  tablePages.set(items.length);
  const focused = list.contains(document.activeElement) && document.activeElement;
  const rows = sorted(items).slice(tablePages.at, tablePages.at + PAGE_ROWS).map((item, at) => {
    if (!tableRows.has(item)) tableRows.set(item, makeRow(item));
    const row = tableRows.get(item);
    tableColumns.forEach(({ value, text = String }, i) => {
      const known = value(item), said = known != null ? text(known, item) : i === 1 ? (item.state === "waiting" || item.state === "working" ? "…" : item.state) : "";
      const cell = i ? row.children[i] : row.firstChild.firstChild;
      if (cell.textContent !== said) cell.textContent = said;
      row.children[i].hidden = isEmpty[i];
    });
    item === current ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current");
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] || null);
    return row;
  });
  while (list.children.length > rows.length) list.lastChild.remove();
  if (focused?.isConnected) focused.focus({ preventScroll: true }); // a row that moves loses it
}

let tableLater = 0;
function showTableSoon() {
  $("table").hidden = items.length < 2;
  if (items.length < 2) return;
  cancelAnimationFrame(tableLater);
  tableLater = requestAnimationFrame(showTable);
}
for (const name of ["items", "answer", "show", "count"]) on(name, showTableSoon);
for (const name of ["input", "click", "submit"]) $("correct").addEventListener(name, showTableSoon); // a count is typed
$("table").addEventListener("toggle", showTable);
$("table-rows").addEventListener("click", (event) => {
  const item = event.target.closest("tr")?.item;
  if (!item || String(getSelection())) return; // text is being marked
  show(item);
  announce();
  stage.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
});
