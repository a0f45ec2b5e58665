// Shows a picture with all that is known of it.

function show(item) {
  current = item;
  hovered = picked = null;
  $("correct-said").textContent = "";
  showPicture();
  showClasses();
  refresh(item);
  tell("show", item);
  const { top, bottom } = stage.getBoundingClientRect();
  // as from a table below it
  if (top < 0 || bottom > innerHeight + 4) $("main").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
}

function refresh(item) {
  refreshStrip();
  tell("items");
  if (item !== current) return;
  const { state, trouble, answer } = item;
  showBusy();
  if (state === "working") say(`Counting on ${item.name} …`);
  $("trouble").hidden = !trouble;
  if (trouble) {
    $("trouble-title").textContent = trouble.title;
    $("trouble-detail").textContent = trouble.detail;
    const actions = trouble.actions.filter((name) => !item.undecodable || name !== "scaled");
    $("trouble-actions").replaceChildren(...actions.map((name, i) => button(ACTIONS[name][0], () => ACTIONS[name][1](item), i === 0)));
  }
  $("result").classList.toggle("stale", state !== "done");
  $("result").classList.toggle("failed", state === "failed");
  for (const id of ["save-picture", "save-csv", "save-json", "print", "threshold"]) $(id).disabled = state !== "done";
  for (const id of ["labels", "compare-on"]) $(id).disabled = !!item.undecodable;
  if (answer) showClasses();
  showCount();
  showWarnings();
  showFacts();
  if ($("listing").open) showRows();
  paint();
}

function showPicture() {
  const item = current, picture = $("picture");
  const url = item.undecodable || item.image ? urlOf(item) : "";
  if (url && picture.src !== url) picture.src = url;
  if (!url) picture.removeAttribute("src");
  picture.hidden = !url;
  picture.alt = url ? item.name : "";
  refit();
}
