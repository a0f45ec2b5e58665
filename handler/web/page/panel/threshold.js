// The score threshold.

function showThreshold() {
  const item = current;
  $("threshold-value").textContent = threshold.toFixed(2);
  const isDefault = model && threshold === model.thresholds.score;
  $("threshold").setAttribute("aria-valuetext", `${threshold.toFixed(2)}${isDefault ? ", the model's default" : ""}`);
  $("threshold-reset").hidden = !model || isDefault;
  $("threshold-hint").textContent = item.full ? `The API returned only the best ${formatInteger(item.found.length)} boxes.` : isDefault ? "The model's default." : model ? `The model's default is ${model.thresholds.score.toFixed(2)}.` : "";
}

$("threshold").addEventListener("input", (event) => {
  const defaultThreshold = model.thresholds.score, value = Number(event.target.value);
  threshold = Math.abs(value - defaultThreshold) < 0.0051 ? defaultThreshold : value; // the model's default may lie between two steps
  changed();
});
$("threshold").addEventListener("change", drawAgain);
$("threshold-reset").addEventListener("click", () => {
  threshold = model.thresholds.score;
  $("threshold").value = threshold;
  $("threshold").focus();
  changed();
  drawAgain();
});
