// The bar of the tool for corrections: undo, redo, remove, label, reset.

let lastLabel = null; // what an added box is called

/** The label of the next box: the chosen one, else the most frequent that is shown. */
function newLabel() {
  const names = model.classes.filter((name) => !off.has(name));
  if (names.includes(lastLabel)) return lastLabel;
  const tally = Map.groupBy?.(editable(), ({ label }) => label);
  return (tally && [...tally].sort((a, b) => b[1].length - a[1].length)[0]?.[0]) ?? names[0] ?? model.classes[0];
}

function showEditBar(isOn) {
  $("edit-bar").hidden = !isOn;
  stageKeys ??= $("stage-keys").textContent;
  $("stage-keys").textContent = isOn ? `N and P go from box to box. Arrow keys move the selected box, with Shift further, with Alt they resize it. A adds a box, Delete removes one, Control Z takes back. Escape leaves. ${stageKeys}` : stageKeys;
  updateEditBar();
}
let stageKeys = null;

function updateEditBar() {
  const item = current, box = item && tool === editTool ? selectedBox() : null;
  $("edit-on").hidden = !model;
  $("edit-on").disabled = !isEditable(item);
  if (!item || $("edit-bar").hidden) return;
  $("edit-undo").disabled = $("edit-reset").disabled = !item.edits;
  $("edit-redo").disabled = !item.undone?.length;
  $("edit-add").disabled = !isEditable(item);
  $("edit-remove").disabled = !box;
  const list = $("edit-label"), names = model.classes.filter((name) => !off.has(name));
  list.parentNode.hidden = model.classes.length < 2;
  if (names.join("\n") !== [...list.options].map(({ value }) => value).join("\n")) list.replaceChildren(...names.map((name) => new Option(name, name)));
  list.value = box ? box.label : newLabel();
  const focused = document.activeElement;
  if (focused.disabled && $("edit-bar").contains(focused)) stage.focus({ preventScroll: true });
}

$("edit-undo").addEventListener("click", takeBack);
$("edit-redo").addEventListener("click", doAgain);
$("edit-add").addEventListener("click", addInView);
$("edit-remove").addEventListener("click", removeSelected);
$("edit-reset").addEventListener("click", () => { if (undo(current, current.edits?.length)) afterEdit("The model's own boxes again"); });
$("edit-label").addEventListener("change", (event) => {
  const box = selectedBox(), label = (lastLabel = event.target.value);
  if (box && box.label !== label) noteEdit(`is ${label}`, { does: "label", id: box.id, label });
});
$("edit-bar").addEventListener("keydown", (event) => {
  if (editKey(event, true)) event.preventDefault();
  else if (event.key === "Escape") {
    useTool(null);
    $("edit-on").focus();
  }
});
for (const name of ["items", "show", "answer", "count"]) on(name, updateEditBar);
