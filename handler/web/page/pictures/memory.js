// What is in memory at full size: the current picture, and those that are worked on. Of all others only `thumb` is.

/** The address of a picture that the browser shows: the file, or what the API drew of it; "" if there is nothing yet. */
function urlOf(item) {
  const blob = item.undecodable ? item.drawnBlob : item.plain;
  if (!item.url && blob) item.url = URL.createObjectURL(blob);
  return item.url || "";
}

/** A small picture for lists, as a data: URL of some kB. */
function thumbOf(image, width, height) {
  const small = draw(image, width, height, 168, "medium"), url = small.toDataURL("image/jpeg", 0.8);
  small.width = small.height = 0; // or Safari does not free its memory
  return url;
}

/** Takes the kept copy of a file that was changed or deleted since it was chosen. Throws Trouble where there is none. */
async function readable(item) {
  const { file } = item;
  for (const find of [() => file, () => keptFile(item)]) {
    const found = await find();
    try {
      await (found.size ? found.slice(0, 1) : found).arrayBuffer(); // a slice of a file that is gone may be empty instead
      if (found !== file) Object.assign(item, { file: found, url: null, image: null, plain: null }); // opened anew
      return;
    } catch { /* told below; a private window's copy may be no more than a reference */ }
  }
  throw new Trouble("This file cannot be read", "It was changed, moved or deleted after it was chosen. Choose it again.", ["other"]);
}

/** Opens a picture once, whoever asks. Throws Trouble. */
const opened = (item) => (item.opening ??= readable(item).then(() => openPicture(item)).catch(async (error) => {
  if (!/^Not(Found|Readable)Error$/.test(error.name)) throw error;
  await readable(item); // changed while it was read
  return openPicture(item);
}).finally(() => {
  item.opening = null;
  letGo(item); // left meanwhile
}));

/** Gives `item.image` to `act`, also of a picture that is not on the stage, and frees it afterwards. */
async function withPicture(item, act) {
  item.uses = (item.uses || 0) + 1;
  try {
    await opened(item);
    return await act(item.image);
  } finally {
    item.uses -= 1;
    letGo(item);
  }
}

/** Frees what a picture has at full size, unless it is in use. */
function letGo(item) {
  if (!item || ((item === current || item.uses || item.state === "working") && !item.gone)) return;
  if (item.url) URL.revokeObjectURL(item.url);
  if (item.image) item.image.src = "";
  item.url = item.image = item.plain = null;
}

let onStage = null;
on("show", (item) => {
  if (onStage !== item) letGo(onStage);
  onStage = item;
  opened(item).catch(() => {}); // a file that cannot be read is told when it is counted
});
