// The toolbar's toggles; the divider between the picture with boxes and, left of it, the picture alone or another threshold.

const THUMB = 48; // px, as in stage.css
const splitAt = () => THUMB / 2 + (compare.value / 100) * (stage.clientWidth - THUMB);
const isPressed = (id) => $(id).getAttribute("aria-pressed") === "true";
const isCompared = () => isPressed("compare-on") && !current?.undecodable && current?.state === "done";
const hasOther = () => $("compare-with").value === "threshold";

/** What `act` gives at another threshold. */
function atThreshold(value, act) {
  const own = threshold;
  threshold = value;
  try { return act(); } finally { threshold = own; }
}

/** The boxes that are drawn at x px of the stage: left of the divider those of the other threshold, or none. */
function shownAt(x) {
  if (!isCompared() || x >= splitAt()) return shown(current);
  return hasOther() ? atThreshold(Number($("other").value), () => shown(current)) : [];
}

function toggle(id, act) {
  $(id).addEventListener("click", () => {
    const on = !isPressed(id);
    $(id).setAttribute("aria-pressed", String(on));
    act(on);
  });
}

/** What stands on both sides of the divider, in words; the bar is there as long as one compares. */
function showCompare() {
  const isOn = isCompared();
  $("compare-bar").hidden = !isOn;
  if (!isOn) return;
  const words = (value) => `${formatCount(atThreshold(value, () => countOf(current)))} at ${value.toFixed(2)}`, value = Number($("other").value);
  const left = hasOther() ? words(value) : "no boxes", right = words(threshold);
  $("other").hidden = !hasOther();
  $("other").setAttribute("aria-valuetext", `${value.toFixed(2)}, ${left}`);
  $("compare-left").textContent = `◀ ${left}`;
  $("compare-right").textContent = `${right} ▶`;
  compare.setAttribute("aria-valuetext", `${compare.value} %; left: ${left}, right: ${right}`);
  paint();
}

toggle("labels", paint);
toggle("compare-on", (on) => {
  showCompare();
  paintNow();
  if (on) compare.focus({ preventScroll: true });
});
on("model", () => {
  const { min, max, step } = $("threshold");
  Object.assign($("other"), { min, max, step, value: Math.min(max, threshold + 0.2) });
});
for (const id of ["compare", "compare-with", "other"]) $(id).addEventListener("input", showCompare);
$("other").addEventListener("change", () => say(`${$("compare-left").textContent} and ${$("compare-right").textContent}`.replace(/[◀▶]/g, "")));
for (const name of ["show", "count", "items"]) on(name, showCompare);
