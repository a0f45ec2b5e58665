// What is shown, as JSON: of one picture, or of all.

function reportOf(item) {
  const { answer, sent, width, height, name: file, state, notes } = item;
  if (!isDone(item)) return { file, state, error: errorOf(item) || null, notes };
  return {
    file, state, prediction_id: answer.prediction_id, model: answer.model, image: { width, height },
    sent: { ...answer.image, bytes: sent.bytes }, // boxes are in px of `image`, not of this
    counted_at: sent.at ? isoTime(sent.at) : null, mode: modeOf(item), tiles: answer.tiles ?? null,
    count: modelCountOf(item), corrected_count: correctedOf(item), counts: countsOf(item), count_interval: intervalOf(item), no_interval: noIntervalOf(item),
    detections: shown(item).map(({ label, score, x0, y0, x1, y1 }) => ({ label, score, box: { xmin: round(x0), ymin: round(y0), xmax: round(x1), ymax: round(y1) } })),
    edits: item.edits, notes,
    thresholds: { ...answer.thresholds, score: threshold }, warnings: answer.warnings || [],
    ...Object.assign({}, ...reportParts.map((part) => part(item))),
  };
}

/** A file of JSON, written in parts so that no text is longer than one of them. */
const jsonOf = (...parts) => new Blob([...parts, "\n"], { type: "application/json" });
const indented = (value) => JSON.stringify(value, null, 2);

$("save-json").addEventListener("click", () => save(jsonOf(indented(reportOf(current))), `${stem(current.name)}.json`));
