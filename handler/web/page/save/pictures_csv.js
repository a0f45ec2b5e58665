// A row for each picture, failed ones with their error.

const picturesCsv = (some) => inOneGo(() => {
  const labels = model?.classes.length > 1 ? model.classes.filter((label) => some.some((item) => isDone(item) && shown(item).some((each) => each.label === label))) : [];
  const columns = [
    { name: "count", value: modelCountOf },
    { name: "corrected_count", value: correctedOf },
    ...intervalColumns,
    ...labels.map((label) => ({ name: `count_${label}`, value: (item) => countsOf(item)[label] })),
    ...answerColumns, ...pictureColumns,
  ];
  return csvOf([
    ["file", "state", "error", ...columns.map(({ name }) => name), "notes"],
    ...some.map((item) => [item.name, item.state, errorOf(item), ...columns.map(({ value }) => (isDone(item) ? value(item) : "")), item.notes]),
  ]);
});

const intervalColumns = ["low", "high", "coverage"].map((name) => ({ name: `interval_${name}`, value: (item) => intervalOf(item)?.[name] }));
const answerColumns = [
  ["score_threshold", () => threshold],
  ["iou_threshold", ({ answer }) => answer.thresholds.iou],
  ["mode", modeOf],
  ["tiles", ({ answer }) => answer.tiles && `${answer.tiles.columns}x${answer.tiles.rows}`],
  ["classes_hidden", () => [...off].join("; ")],
  ["width_px", ({ width }) => width],
  ["height_px", ({ height }) => height],
  ["sent_width_px", ({ sent }) => sent.width],
  ["sent_height_px", ({ sent }) => sent.height],
  ["sent_bytes", ({ sent }) => sent.bytes],
  ["counted_at", ({ sent }) => sent.at && isoTime(sent.at)],
  ["model", ({ answer }) => answer.model.name],
  ["model_version", ({ answer }) => answer.model.version],
  ["prediction_id", ({ answer }) => answer.prediction_id],
  ["warnings", ({ answer }) => (answer.warnings || []).join("; ")],
].map(([name, value]) => ({ name, value }));
