// Takes pictures (chosen, dropped, pasted, photographed) and keys from the user, and starts the page.

for (const [id, input] of [["choose", "files"], ["next", "files"], ["folder", "folder-files"], ["photo", "camera"], ["next-photo", "camera"]]) $(id).addEventListener("click", () => $(input).click());
for (const id of ["files", "folder-files", "camera"]) {
  $(id).addEventListener("change", (event) => {
    id === "folder-files" ? addPictures([...event.target.files]) : add(event.target.files);
    event.target.value = ""; // or the same file cannot be chosen again
    $("main").focus({ preventScroll: true });
    scrollTo({ top: 0, behavior: calm.matches ? "auto" : "smooth" });
  });
}
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (!files.length) return;
  event.preventDefault();
  add(files);
});
let depth = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; $("drop").hidden = false; } });
addEventListener("dragleave", (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  $("drop").hidden = true;
  addDropped(event.dataTransfer);
});
$("save-data").checked = setting("saveData", false);
$("save-data").addEventListener("change", () => {
  setSetting("saveData", $("save-data").checked);
  for (const item of items) item.wantsScaled = false;
  if (items.length === 1 && !current.undecodable && current.state !== "working") retry(current);
  tell("items");
});

for (const link of document.querySelectorAll("link[data-href]")) link.href = at(link.dataset.href);
$("key-open").hidden = !storedKey();
on("model", () => (restoring ??= restore()));
let restoring = null;
addEventListener("online", () => loadModel().catch(() => {}));
loadModel().catch((error) => {
  $("finds").textContent = error.title === "A key is needed" ? "A key is needed" : `The model could not be loaded: ${error.detail}`;
});
