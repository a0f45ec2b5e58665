// The picture with its boxes, as a JPEG.

/** The picture with the boxes that count, at full size, or halved until this device has a canvas that large. */
const annotated = (item) => withPicture(item, async (image) => {
  if (item.undecodable) {
    if (!item.drawnBlob || item.drawnFor !== drawingOf()) await drawByServer(item);
    return item.drawnBlob;
  }
  for (let side = Math.max(item.width, item.height); ; side /= 2) {
    let sheet = null;
    try {
      sheet = draw(image, item.width, item.height, side, "high");
      annotate(sheet, item);
      return await blobOf(sheet, "image/jpeg", 0.92);
    } catch (error) {
      if (side < 1024) throw error;
    } finally {
      if (sheet) sheet.width = sheet.height = 0; // or Safari does not free its memory
    }
  }
});

$("save-picture").addEventListener("click", async () => {
  const item = current;
  $("save-picture").disabled = true;
  try {
    save(await annotated(item), `${stem(item.name)}-annotated.jpg`);
  } catch (error) {
    say(`The picture could not be saved: ${error.message}.`);
  } finally {
    $("save-picture").disabled = item !== current ? current.state !== "done" : false;
  }
});

function annotate(sheet, item) {
  const pen = sheet.getContext("2d"), scale = sheet.width / item.width, long = Math.max(sheet.width, sheet.height);
  drawRegion(pen, item, ({ x, y }) => ({ x: x * scale, y: y * scale }), scale, Math.max(1, Math.round(long / 500)));
  const isOn = isPressed("labels");
  drawBoxes(pen, placed(item, shown(item), scale), Math.max(1, Math.round(long / 500)), isOn ? Math.max(11, long / 90) : 0);
  if (Math.min(sheet.width, sheet.height) < 64) return;
  const tally = Object.entries(countsOf(item)).filter(([, n]) => n).slice(0, 12).map(([label, n]) => [label, formatCount(n), colourOf(label)]);
  const lines = tally.length ? tally : [["nothing found", "", "#000"]];
  const size = Math.max(10, long / 45);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, Math.max(...lines.map(([label, n]) => pen.measureText(`${label}  ${n}`).width)) + size * 1.2, size * 1.4 * lines.length + size * 0.4);
  lines.forEach(([label, n, colour], i) => {
    pen.fillStyle = colour;
    pen.fillText(`${label}  ${n}`, size * 0.6, size * (0.9 + 1.4 * i));
  });
  const um = scaleOf(item);
  if (um) drawScaleBar(pen, sheet.width, sheet.height, um / scale, size);
}
