// Sends a corrected count to the API as feedback.

$("fewer").addEventListener("click", () => step(-1));
$("more").addEventListener("click", () => step(1));
function step(by) {
  $("corrected").value = Math.max(0, Number($("corrected").value || 0) + by);
  current.corrected = $("corrected").value;
}
$("corrected").addEventListener("input", () => { current.corrected = $("corrected").value; });
$("correct").addEventListener("submit", async (event) => {
  event.preventDefault();
  const item = current, status = $("correct-said"), text = $("corrected").value.trim();
  status.className = "small";
  if (!/^\d{1,7}$/.test(text)) {
    status.className = "small bad";
    status.textContent = "A count is a whole number, 0 or more.";
    $("corrected").focus();
    return;
  }
  $("correct-send").disabled = true;
  status.textContent = "Sending …";
  try {
    await postJson(`v1/predictions/${encodeURIComponent(item.answer.prediction_id)}/feedback`, { count: Number(text) });
    item.corrected = text;
    if (item === current) status.textContent = `Thank you: ${formatInteger(Number(text))} is stored with this prediction.`;
  } catch (error) {
    if (error.noRoute) {
      $("correct").hidden = true;
      say("This API does not store corrections.");
      $("save-picture").focus();
    } else if (item === current) {
      status.className = "small bad";
      status.textContent = error.detail || error.message;
    }
  } finally {
    $("correct-send").disabled = current.state !== "done";
  }
});
