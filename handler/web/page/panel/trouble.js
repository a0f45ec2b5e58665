// What the page shows while it waits, and where a picture failed.

function showBusy() {
  const { state, progress } = current;
  $("busy").hidden = state !== "working" && state !== "waiting" && state !== "cancelled";
  $("busy-text").textContent = state === "cancelled" ? "Not counted" : state === "waiting" ? waitText() || (stopped ? "Paused" : "Waiting …") : progress != null ? `Sending ${Math.floor(progress * 100)} % …` : "Counting …";
  $("stage").setAttribute("aria-busy", String(!$("busy").hidden));
}

const ACTIONS = {
  again: ["Try again", retry],
  other: ["Choose another", () => $("files").click()],
  scaled: ["Send it scaled", (item) => { item.wantsScaled = true; retry(item); }],
  key: ["Enter the key", retry],
};

function button(text, act, primary) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  if (primary) element.className = "primary";
  element.addEventListener("click", act);
  return element;
}
