// What a screen reader is told.

let sayLater = 0;
function say(text) {
  clearTimeout(sayLater);
  $("live").textContent = text;
}
function announce() {
  const item = current;
  if (item.state === "failed") return; // the alert speaks for itself
  const parts = [...$("classes").children].filter((chip) => !chip.hidden && !off.has(chip.dataset.name)).map((chip) => `${chip.querySelector("b").textContent} ${chip.dataset.name}`);
  const interval = intervalOf(item) ? `, ${intervalWords(item)}` : "";
  say(`${$("count").textContent} ${$("count-of").textContent}${interval}${parts.length > 1 ? `: ${parts.join(", ")}` : ""}, at threshold ${threshold.toFixed(2)}, on ${item.name}.`);
}

/** Shows the effect of another threshold, other classes, a correction or a region, without a request. */
function changed() {
  if (!current) return;
  hovered = null;
  showCount();
  refreshStrip();
  if ($("listing").open) showRows();
  paint();
  tell("count");
  clearTimeout(sayLater);
  sayLater = setTimeout(announce, 400);
}
