// What is shown, as JSON.

$("save-json").addEventListener("click", () => {
  const { answer, sent, width, height, name } = current, some = shown(current);
  const counts = Object.fromEntries(model.classes.filter((label) => !off.has(label)).map((label) => [label, some.filter((each) => each.label === label).length]));
  const report = {
    file: name, prediction_id: answer.prediction_id, model: answer.model, image: { width, height },
    sent: { ...answer.image, bytes: sent.bytes }, // boxes are in px of `image`, not of this
    count: countOf(current), counts, count_interval: intervalOf(current, countOf(current)),
    detections: some.map(({ label, score, x0, y0, x1, y1 }) => ({ label, score, box: { xmin: round(x0), ymin: round(y0), xmax: round(x1), ymax: round(y1) } })),
    thresholds: { ...answer.thresholds, score: threshold }, warnings: answer.warnings || [],
  };
  save(new Blob([JSON.stringify(report, null, 2) + "\n"], { type: "application/json" }), `${stem(name)}.json`);
});
