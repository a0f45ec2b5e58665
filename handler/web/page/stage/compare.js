// The toolbar's toggles; the divider between the picture alone and the picture with boxes.

const THUMB = 48; // px, as in style.css
const splitAt = () => THUMB / 2 + (compare.value / 100) * (stage.clientWidth - THUMB);

const isPressed = (id) => $(id).getAttribute("aria-pressed") === "true";

function toggle(id, act) {
  $(id).addEventListener("click", () => {
    const on = !isPressed(id);
    $(id).setAttribute("aria-pressed", String(on));
    act(on);
  });
}
toggle("labels", paint);
toggle("compare-on", (on) => {
  paintNow();
  if (on) compare.focus({ preventScroll: true });
});
compare.addEventListener("input", () => {
  compare.setAttribute("aria-valuetext", `${compare.value} % original`);
  paint();
});
