// Pictures out of folders: all in it, whatever the depth; other files are left out.

const isPicture = ({ name, type }) => !name.startsWith(".") && (type.startsWith("image/") || /\.(hei[cf]|tiff?|jpe?g|png|webp|bmp|gif)$/i.test(name)) && !/svg/.test(type);

/** Adds the pictures among files, in the order of their names, and says how many others there are. */
function addPictures(files) {
  const byPath = (one, other) => (one.path || one.webkitRelativePath).localeCompare(other.path || other.webkitRelativePath, "en", { numeric: true });
  const some = files.filter(isPicture).sort(byPath);
  add(some, files.filter(({ name }) => !name.startsWith(".")).length - some.length);
}

/** Adds what was dropped: files as they are, of folders the pictures. */
async function addDropped({ items: dropped, files }) {
  const entries = [...dropped].map((each) => each.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return add(files);
  const found = [];
  try {
    for (const entry of entries) await collect(entry, found);
  } catch (error) { notice(`The folder could not be read: ${error.message}.`); }
  addPictures(found);
}

async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push(Object.assign(file, { path: entry.fullPath.slice(1) }));
    return;
  }
  const reader = entry.createReader();
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) for (const each of some) await collect(each, found); // 100 at a time
}
