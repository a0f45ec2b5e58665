// What is shown, as CSV.

$("save-csv").addEventListener("click", () => {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const lines = [["file", "label", "score", "xmin", "ymin", "xmax", "ymax"], ...shown(current).map((each) => [current.name, each.label, each.score, round(each.x0), round(each.y0), round(each.x1), round(each.y1)])];
  save(new Blob([lines.map((line) => line.map(cell).join(",") + "\r\n").join("")], { type: "text/csv" }), `${stem(current.name)}.csv`);
});
