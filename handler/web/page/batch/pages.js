// Long tables in pages.

const PAGE_ROWS = 50;

/** Two buttons and a line that turn a table's pages. moved: called after a turn. Returns the pages:
 * at: index of the first row, set(total): how many rows there are now, hold(index): turns to the page with this row. */
function makePages(id, moved) {
  const line = document.createElement("span"), pages = { at: 0 };
  const turn = (by) => { pages.at += by; moved(); };
  const back = button("‹", () => turn(-PAGE_ROWS)), on = button("›", () => turn(PAGE_ROWS));
  back.setAttribute("aria-label", "Earlier rows");
  on.setAttribute("aria-label", "Later rows");
  $(id).append(back, line, on);
  pages.hold = (index) => { pages.at = Math.max(0, Math.floor(index / PAGE_ROWS) * PAGE_ROWS); };
  pages.set = (total) => {
    if (pages.at >= total) pages.hold(total - 1);
    $(id).hidden = total <= PAGE_ROWS;
    back.disabled = !pages.at;
    on.disabled = pages.at + PAGE_ROWS >= total;
    line.textContent = `${formatInteger(pages.at + 1)}–${formatInteger(Math.min(total, pages.at + PAGE_ROWS))} of ${formatInteger(total)}`;
  };
  return pages;
}
