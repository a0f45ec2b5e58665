// A corrected count in; feedback to the API out.

$("fewer").addEventListener("click", () => step(-1));
$("more").addEventListener("click", () => step(1));
function step(by) {
  $("corrected").value = Math.max(0, Number($("corrected").value || 0) + by);
  current.corrected = $("corrected").value;
}
$("corrected").addEventListener("input", () => { current.corrected = $("corrected").value; });
$("correct").addEventListener("submit", async (event) => {
  event.preventDefault();
  const item = current, said = $("correct-said"), text = $("corrected").value.trim();
  said.className = "small";
  if (!/^\d{1,7}$/.test(text)) {
    said.className = "small bad";
    said.textContent = "A count is a whole number, 0 or more.";
    $("corrected").focus();
    return;
  }
  $("correct-send").disabled = true;
  said.textContent = "Sending …";
  try {
    await postJson(`v1/predictions/${encodeURIComponent(item.answer.prediction_id)}/feedback`, { count: Number(text) });
    item.corrected = text;
    if (item === current) said.textContent = `Thank you: ${whole(Number(text))} is kept with this prediction.`;
  } catch (error) {
    if (error.noRoute) {
      $("correct").hidden = true;
      say("Corrections are not kept here.");
      $("save-picture").focus();
    } else if (item === current) {
      said.className = "small bad";
      said.textContent = error.detail || error.message;
    }
  } finally {
    $("correct-send").disabled = current.state !== "done";
  }
});
