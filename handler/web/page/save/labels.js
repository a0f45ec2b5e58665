// Labels for training: the boxes of whole pictures, as `scripts/run train --data FOLDER` reads them, in either format.

/** A file's name without its folders; without its suffix. */
const baseOf = (path) => path.slice(path.lastIndexOf("/") + 1);
const bareOf = (path) => path.replace(/\.[^./]*$/, "");

/** Boxes of all classes, inside a region and outside: a picture that is labelled in part teaches that the rest is nothing. */
const labelsOf = (item) => boxesOf(item).map(({ label, x0, y0, x1, y1 }) => ({ label, box: [x0, y0, x1, y1].map(round) })).filter(({ box: [x0, y0, x1, y1] }) => x1 - x0 >= 1 && y1 - y0 >= 1);

/** Pascal VOC's XML of a picture whose file has this name. */
function vocOf(item, name) {
  const text = (value) => value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, "_").replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt()};`); // control characters are not XML
  const tag = (tag, inner) => `<${tag}>${inner}</${tag}>`, tags = (values) => Object.entries(values).map(([key, value]) => tag(key, value)).join("");
  const size = tag("size", tags({ width: item.width, height: item.height, depth: 3 }));
  const objects = labelsOf(item).map(({ label, box: [xmin, ymin, xmax, ymax] }) => {
    const truncated = Number(xmin <= 0 || ymin <= 0 || xmax >= item.width || ymax >= item.height);
    return "\n" + tag("object", tags({ name: text(label), pose: "Unspecified", truncated, difficult: 0, bndbox: tags({ xmin, ymin, xmax, ymax }) }));
  });
  return new Blob([tag("annotation", `\n${tag("filename", text(name))}\n${size}${objects.join("")}\n`), "\n"], { type: "text/xml" });
}

/** COCO's JSON of pictures: [item, name of its file] of each. */
function cocoOf(some) {
  const annotations = [], images = some.map(([{ width, height }, name], i) => ({ id: i + 1, file_name: name, width, height }));
  some.forEach(([item], i) => {
    for (const { label, box: [x0, y0, x1, y1] } of labelsOf(item)) {
      const [w, h] = [round(x1 - x0), round(y1 - y0)];
      annotations.push({ id: annotations.length + 1, image_id: i + 1, category_id: model.classes.indexOf(label) + 1, bbox: [x0, y0, w, h], area: round(w * h), iscrowd: 0 });
    }
  });
  return jsonOf(JSON.stringify({ images, annotations, categories: model.classes.map((name, i) => ({ id: i + 1, name })) }));
}

// The current picture's labels lie beside its file under the name that it has there.
$("save-voc").addEventListener("click", () => save(vocOf(current, baseOf(current.path)), `${bareOf(baseOf(current.path))}.xml`));
$("save-coco").addEventListener("click", () => save(cocoOf([[current, baseOf(current.path)]]), `${bareOf(baseOf(current.path))}-coco.json`));
on("items", () => { for (const id of ["save-voc", "save-coco"]) $(id).disabled = current?.state !== "done"; });
