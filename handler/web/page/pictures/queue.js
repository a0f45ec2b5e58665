// The list of pictures, and their turn: one after the other goes to the API.

const MAX_ITEMS = 30; // in the strip
let working = false;

function add(files) {
  const added = [...files].map((file) => ({ id: crypto.randomUUID?.() ?? String(Math.random()), file, url: URL.createObjectURL(file), name: file.name || "picture", state: "waiting", wantsScaled: false, edits: null, region: null, corrected: null, notes: "" }));
  if (!added.length) return;
  items.push(...added);
  for (const gone of items.splice(0, Math.max(0, items.length - MAX_ITEMS))) forget(gone);
  tell("items");
  $("start").hidden = true;
  $("result").hidden = $("next").hidden = $("next-photo").hidden = false;
  show(added.find((item) => items.includes(item)) || items[0]);
  work();
}

function forget(item) {
  item.gone = true;
  URL.revokeObjectURL(item.url);
  if (item.drawn) URL.revokeObjectURL(item.drawn);
}

/** Detects on one picture after the other: an environment of the function and a phone's uplink take one at a time. */
async function work() {
  if (working) return;
  working = true;
  for (let item; (item = items.find((each) => each.state === "waiting")); ) {
    item.state = "working";
    item.trouble = null;
    refresh(item);
    try {
      await loadModel();
      await detect(item);
      item.state = "done";
      tell("answer", item);
    } catch (error) {
      if (!(error instanceof Trouble)) console.error(error);
      item.trouble = error instanceof Trouble ? error : new Trouble("That went wrong", `This page failed: ${error.message}. Try again.`);
      item.state = "failed";
      if (error.status === 404) item.upload = null; // the upload has expired, or belongs to another key
    }
    refresh(item);
    if (item === current) announce();
  }
  working = false;
}

function retry(item) {
  item.state = "waiting";
  item.trouble = null;
  if (item === current) $("stage").focus({ preventScroll: true }); // the pressed button disappears
  refresh(item);
  work();
}
