// A chip for each class on the picture, which hides it.

/** Shows a chip for each class on this picture. Existing chips stay, with the focus. */
function showClasses() {
  const list = $("classes");
  const names = !model || model.classes.length < 2 ? [] : model.classes.filter((name) => off.has(name) || (current.found || []).some((each) => each.label === name));
  list.hidden = !names.length;
  if (names.join("\n") === [...list.children].map((chip) => chip.dataset.name).join("\n")) return;
  list.replaceChildren(...names.map((name) => {
    const chip = document.createElement("li");
    chip.dataset.name = name;
    const label = Object.assign(document.createElement("label"), { className: "chip" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !off.has(name) });
    box.addEventListener("change", () => {
      box.checked ? off.delete(name) : off.add(name);
      changed();
      drawAgain();
    });
    const spot = document.createElement("i");
    showLook(spot, name);
    label.append(box, spot, `${name} `, document.createElement("b"));
    chip.append(label);
    return chip;
  }));
}
