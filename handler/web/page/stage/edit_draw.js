// What the tool for corrections draws: the selected box with its handles, and what was removed.

overlays.push((pen) => {
  if (tool !== editTool || !isEditable(current)) return;
  const rect = ({ x0, y0, x1, y1 }) => [toStage({ x: x0, y: y0 }), toStage({ x: x1, y: y1 })];
  const outline = (box, colour, width, dash = []) => {
    const [a, b] = rect(box);
    pen.setLineDash(dash);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
    pen.setLineDash([]);
  };
  pen.save();
  pen.globalAlpha = 0.6;
  for (const box of removedBoxes()) {
    const [a, b] = rect(box);
    for (const [colour, width] of [["#fff", 3], ["#333", 1.2]]) {
      outline(box, colour, width, [3, 4]);
      pen.beginPath();
      pen.moveTo(a.x, a.y); pen.lineTo(b.x, b.y);
      pen.moveTo(b.x, a.y); pen.lineTo(a.x, b.y);
      pen.stroke();
    }
  }
  const inside = new Set(shown(current).map(({ id }) => id));
  for (const box of editable()) if (!inside.has(box.id)) outline(box, box.colour, 1.5);
  pen.globalAlpha = 1;
  const box = selectedBox();
  if (box) {
    outline(box, "#fff", 5);
    outline(box, "#111", 2, box.by ? [6, 3] : []);
    for (const { left, top } of handlesOf(box)) {
      pen.beginPath();
      pen.arc(left, top, coarse.matches ? 8 : 6, 0, 7);
      pen.fillStyle = "#fff";
      pen.strokeStyle = "#111";
      pen.lineWidth = 2;
      pen.fill();
      pen.stroke();
    }
  }
  pen.restore();
});
