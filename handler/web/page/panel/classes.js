// A chip for each class on the picture, which hides it; of three and more, each alone, all or none.

const chips = () => [...$("classes").children];

/** Hides the classes of these names, and no others of the picture. */
function hideClasses(names) {
  for (const chip of chips()) {
    const { name } = chip.dataset, isOff = names.includes(name);
    isOff ? off.add(name) : off.delete(name);
    chip.querySelector("input").checked = !isOff;
  }
  changed();
  drawAgain();
}
const namesOn = () => chips().map((chip) => chip.dataset.name);

$("classes").after(Object.assign(document.createElement("div"), { id: "classes-all", className: "row", hidden: true }));
$("classes-all").append(button("All classes", () => hideClasses([])), button("None", () => hideClasses(namesOn())));

/** Shows a chip for each class on this picture. Existing chips stay, with the focus. */
function showClasses() {
  const list = $("classes");
  const names = !model || model.classes.length < 2 ? [] : model.classes.filter((name) => off.has(name) || corrected(current).some((each) => each.label === name));
  list.hidden = !names.length;
  $("classes-all").hidden = names.length < 3;
  if (names.join("\n") === namesOn().join("\n")) return;
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
    if (names.length > 2) {
      const only = button("only", () => hideClasses(namesOn().filter((each) => each !== name)));
      only.className = "link";
      only.setAttribute("aria-label", `Only ${name}`);
      chip.append(only);
    }
    return chip;
  }));
}
