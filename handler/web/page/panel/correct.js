// Sends a correction to the API as feedback: the corrected boxes, or the count that was typed.

const MAX_SENT = 2000; // boxes of one correction, as in handler.routes.feedback

/** What is sent, always of the whole picture and of all classes: boxes in px of the picture that the API saw, or a count. */
function correctionOf(item) {
  if (!item.edits) return { count: Number(item.corrected ?? boxesOf(item).length) };
  const sx = item.answer.image.width / item.width, sy = item.answer.image.height / item.height;
  return { detections: boxesOf(item).map(({ label, x0, y0, x1, y1 }) => ({ label, box: { xmin: round(x0 * sx), ymin: round(y0 * sy), xmax: round(x1 * sx), ymax: round(y1 * sy) } })) };
}
/** The correction as text, to tell whether it was sent (item.told) or has changed since. */
const wordingOf = (item) => `${item.answer.prediction_id} ${JSON.stringify(correctionOf(item))}`;

let sending = null; // the item whose correction is on its way

/** Shows what would be sent, and whether it was. With corrected boxes the number is theirs, and not typed. */
function showCorrection() {
  const item = current, done = item?.state === "done", field = $("corrected"), n = done ? boxesOf(item).length : 0;
  const isTyped = done && !item.edits, value = String(item?.corrected ?? n);
  if (done && field.value !== value) field.value = value;
  field.disabled = !done;
  field.readOnly = !isTyped;
  $("fewer").disabled = $("more").disabled = !isTyped;
  $("correct-send").disabled = !done || item === sending || (!isTyped && n > MAX_SENT);
  const hints = !done ? [] : [
    !isTyped && (n > MAX_SENT ? `At most ${formatInteger(MAX_SENT)} boxes can be sent.` : "Your corrected boxes are sent."),
    (item.region || off.size > 0) && "Of the whole picture and all classes.",
    item.told && item.told !== wordingOf(item) ? "Changed since it was sent." : !isTyped && !item.told && "Not sent yet.",
  ].filter(Boolean);
  $("correct-hint").textContent = hints.join(" ");
}
for (const name of ["items", "show", "answer", "count"]) on(name, showCorrection);

$("fewer").addEventListener("click", () => step(-1));
$("more").addEventListener("click", () => step(1));
function step(by) {
  $("corrected").value = Math.max(0, Number($("corrected").value || 0) + by);
  typed();
}
function typed() {
  current.corrected = $("corrected").value;
  tell("count");
}
$("corrected").addEventListener("input", typed);
$("correct").addEventListener("submit", async (event) => {
  event.preventDefault();
  const item = current, status = $("correct-said"), text = $("corrected").value.trim(), { edits } = item;
  status.className = "small";
  if (!edits && !/^\d{1,7}$/.test(text)) {
    status.className = "small bad";
    status.textContent = "A count is a whole number, 0 or more.";
    $("corrected").focus();
    return;
  }
  if (!edits) item.corrected = text;
  const sent = correctionOf(item), told = wordingOf(item), n = sent.count ?? sent.detections.length;
  sending = item;
  showCorrection();
  status.textContent = "Sending …";
  try {
    await postJson(`v1/predictions/${encodeURIComponent(item.answer.prediction_id)}/feedback`, sent);
    item.told = told;
    keep(item);
    if (item === current) status.textContent = `Thank you: ${edits ? `${countedBoxes(n)} ${n === 1 ? "is" : "are"}` : `${formatInteger(n)} is`} stored with this prediction.`;
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
    sending = null;
    showCorrection();
    tell("items");
  }
});
