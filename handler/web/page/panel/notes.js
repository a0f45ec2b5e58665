// The user's notes on a picture, and the name of its sample.

for (const name of ["sample", "notes"]) {
  $(name).addEventListener("input", () => {
    current[name] = $(name).value;
    keep(current);
  });
}
on("show", (item) => {
  for (const name of ["sample", "notes"]) $(name).value = item[name] || "";
});
$("forget").addEventListener("click", async () => {
  const item = current;
  if (hasWork(item) && !(await ask(`Forget ${item.name} with its corrections and notes?`, "Forget"))) return;
  forget(item);
  (current ? $("stage") : $("choose")).focus();
  say(`${item.name} is forgotten.`);
});

/** Whether the user has put work into a picture. */
const hasWork = (item) => !!(item.edits || item.region || item.corrected != null || item.notes || item.sample);

/** Asks before something is lost. */
function ask(question, yes) {
  const dialog = $("ask");
  $("question").textContent = question;
  $("ask-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

pictureColumns.push({ name: "sample", value: (item) => item.sample });
reportParts.push(({ sample }) => ({ sample: sample || "" }));
