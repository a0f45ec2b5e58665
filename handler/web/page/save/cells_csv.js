// A row for each cell that counts, of one picture or of all. A picture without cells, or not counted, has a row, too.

const cellsCsv = (some) => csvOf([
  ["file", "state", "error", "cell", "label", "score", "xmin_px", "ymin_px", "xmax_px", "ymax_px", "width_px", "height_px", ...cellColumns.map(({ name }) => name)],
  ...some.flatMap((item) => {
    const boxes = isDone(item) ? shown(item) : [];
    const rows = boxes.map((each, i) => [
      i + 1, each.label, each.score, ...[each.x0, each.y0, each.x1, each.y1, each.x1 - each.x0, each.y1 - each.y0].map(round),
      ...cellColumns.map(({ value }) => value(item, each)),
    ]);
    return (rows.length ? rows : [Array(9 + cellColumns.length).fill("")]).map((row) => [item.name, item.state, errorOf(item), ...row]);
  }),
]);

$("save-csv").addEventListener("click", () => save(cellsCsv([current]), `${stem(current.name)}.csv`));
