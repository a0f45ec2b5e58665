// The table of all boxes.

function showRows() {
  $("rows").replaceChildren(...shown(current).map((each, i) => {
    const row = document.createElement("tr");
    const cells = [i + 1, each.label, each.score?.toFixed(3) ?? "by hand", each.x0.toFixed(0), each.y0.toFixed(0), (each.x1 - each.x0).toFixed(0), (each.y1 - each.y0).toFixed(0)];
    for (const text of cells) row.insertCell().textContent = text;
    return row;
  }));
}

$("listing").addEventListener("toggle", () => $("listing").open && current && showRows());
