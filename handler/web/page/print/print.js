// The button that prints: this picture, or all, each on its page and a table after them.

const PAGES_SIDE = 1400; // px, where there are many
const MAX_PAGES = 100; // of pictures; the table has all

/** Fills the sheet with the pictures that are counted, one after the other in memory, and prints it. */
async function printAll() {
  const done = items.filter(isDone), some = done.slice(0, MAX_PAGES);
  clearSheet();
  for (const [i, item] of some.entries()) {
    $("print-said").textContent = `Page ${i + 1} of ${some.length} …`;
    const canvas = await withPicture(item, (image) => sheetPicture(item, image, PAGES_SIDE)), picture = new Image();
    picture.src = URL.createObjectURL(await blobOf(canvas, "image/jpeg", 0.9));
    canvas.width = canvas.height = 0;
    await picture.decode();
    if (!$("print-choice").open) return clearSheet(); // cancelled
    $("sheet").append(sheetPage(item, picture));
  }
  $("sheet").append(sheetTable(items));
  $("print-choice").close();
  $("sheet").hidden = false;
  isPrepared = true;
  print();
  isPrepared = false;
}

$("print").addEventListener("click", () => {
  const done = items.filter(isDone).length;
  if (done < 2) return print();
  $("print-all").textContent = `All ${formatInteger(done)} pictures`;
  $("print-all").disabled = false;
  $("print-said").textContent = done > MAX_PAGES ? `Pages of the first ${MAX_PAGES}; the table has all.` : "";
  $("print-choice").showModal();
});
$("print-one").addEventListener("click", () => {
  $("print-choice").close();
  print();
});
$("print-all").addEventListener("click", () => {
  $("print-all").disabled = true;
  printAll().catch((error) => {
    clearSheet();
    $("print-said").textContent = `The pages could not be made: ${error.message}.`;
  });
});
