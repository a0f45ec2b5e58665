// Labels of all counted pictures as a zip to train on, with the pictures beside them or without.

const labelButtons = { VOC: "all-voc", COCO: "all-coco" };
for (const format of Object.keys(labelButtons)) {
  $(labelButtons[format]).addEventListener("click", async () => {
    for (const id of Object.values(labelButtons)) $(id).disabled = true;
    try {
      await saveLabels(format, $("with-pictures").checked);
    } catch (error) {
      say(`The labels could not be saved: ${error.message}.`);
    } finally {
      for (const id of Object.values(labelButtons)) $(id).disabled = false;
    }
  });
}

/** Saves one zip, or several where one cannot hold all; each can be trained on by itself. */
async function saveLabels(format, withPictures) {
  const some = items.filter(isDone), taken = new Set();
  let part = 0, zip, inZip;
  const begin = () => { zip = makeZip(ZIP_BYTES - 1e8); inZip = []; }; // room for the labels
  const end = async () => {
    if (format === "COCO") await zip.add("annotations.json", cocoOf(inZip));
    part += 1;
    save(zip.blob(), allName(`${format.toLowerCase()}${part > 1 ? `-${part}` : ""}.zip`));
  };
  begin();
  for (const item of some) {
    const name = freeName(item.name, taken), labels = format === "VOC" && freeName(`${bareOf(name)}.xml`, taken);
    if (withPictures && !(await zip.add(name, item.file))) {
      await end();
      begin();
      if (!(await zip.add(name, item.file))) throw new Error(`${name} is larger than a zip can hold`);
    }
    if (labels) await zip.add(labels, vocOf(item, baseOf(name)));
    inZip.push([item, name]);
  }
  await end();
  say(`Labels of ${formatInteger(some.length)} of ${formatInteger(items.length)} pictures saved.`);
}
