// The list of pictures, and their turn at the API.

/* Requests at once. A second one hides the time on the wire and the browser's own work behind the function's, which has an
 * execution environment for each; a phone's uplink and memory are best used by one. One, too, once the API was busy. */
const LANES = matchMedia("(pointer: coarse)").matches ? 1 : 2;
let lanes = 0; // how many work
let stopped = ""; // why no picture is taken up, in words; "" while the queue runs
const KEPT_BACK = "Not all were counted when this page was left", PAUSED = "Paused";

const someAre = (...states) => items.some((item) => states.includes(item.state));
const isSame = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

/** Adds pictures to the list, and counts them. files: Files; one from a folder may have its `path` there. */
function add(files, skipped = 0) {
  const names = new Set(items.map((item) => item.name)), added = [], here = [];
  for (const file of files) {
    const path = file.path || file.webkitRelativePath || file.name || "picture";
    const same = [...items, ...added].find((item) => item.path === path && isSame(item.file, file));
    if (same) { here.push(same); continue; }
    let name = path;
    for (let n = 2; names.has(name); n += 1) name = path.replace(/(\.[^./]*)?$/, ` (${n})$1`);
    names.add(name);
    added.push({ id: crypto.randomUUID?.() ?? String(Math.random()), order: Date.now() + added.length / 1e4, file, path, name, state: "waiting", wantsScaled: false, edits: null, region: null, corrected: null, notes: "", sample: "" });
  }
  const some = (n, one, more) => (n ? `${n === 1 ? one : `${formatInteger(n)} ${more}`}. ` : "");
  notice(some(here.length, `${here[0]?.name} is here already`, "pictures are here already") + some(skipped, "One file is no picture and was left out", "files are no pictures and were left out"));
  if (!added.length && !here.length) return;
  if (stopped === KEPT_BACK && added.length) cancelWaiting();
  if (stopped !== PAUSED) stopped = "";
  items.push(...added);
  tell("items");
  showPlaces();
  show(added[0] || here[0]);
  if (added[0]) keepFiles(added);
  else if (["failed", "cancelled"].includes(current.state)) retry(current);
  work();
}

/** The start without pictures, the result with some. */
function showPlaces() {
  $("start").hidden = items.length > 0;
  $("result").hidden = $("next").hidden = $("next-photo").hidden = !items.length;
}

/** Removes pictures from the page and from what the browser keeps. */
function forget(...gone) {
  const next = items[items.indexOf(gone[0]) + 1] || items[items.indexOf(gone[0]) - 1];
  for (const item of gone) {
    item.gone = true;
    item.tile?.remove();
  }
  items = items.filter((item) => !item.gone);
  keepNoMore(gone);
  if (current?.gone) {
    current = null;
    if (items.length) show(next?.gone === undefined ? next : items[0]);
  }
  for (const item of gone) letGo(item);
  showPlaces();
  tell("items");
  refreshStrip();
  if (!items.length) stopped = "";
}

/** Counts waiting pictures until there are none, or the queue is stopped. */
function work() {
  while (!stopped && someAre("waiting") && lanes < (wasBusy ? 1 : LANES)) lane();
}

async function lane() {
  lanes += 1;
  for (;;) {
    await waitForRetry();
    const item = current?.state === "waiting" ? current : items.find((each) => each.state === "waiting");
    if (stopped || !item || (wasBusy && lanes > 1)) break;
    await count(item);
  }
  lanes -= 1;
  if (lanes) return;
  if (!someAre("waiting")) wasBusy = false;
  tell("items");
}

async function count(item) {
  item.state = "working";
  item.trouble = null;
  refresh(item);
  try {
    await loadModel();
    await detect(item);
    item.state = "done";
    item.tries = inRow = 0;
    if (!item.gone) tell("answer", item);
  } catch (error) {
    if (!(error instanceof Trouble)) console.error(error);
    fail(item, error instanceof Trouble ? error : new Trouble("That went wrong", `This page failed: ${error.message}. Try again.`));
    if (error.status === 404) item.upload = null; // the upload has expired, or belongs to another key
  }
  letGo(item);
  if (item.gone) return;
  refresh(item);
  if (item === current && item.state !== "waiting") announce();
}

function retry(...some) {
  for (const item of some) {
    item.state = "waiting";
    item.trouble = null;
    item.tries = 0;
    if (item === current) $("stage").focus({ preventScroll: true }); // the pressed button disappears
  }
  if (stopped !== PAUSED) stopped = "";
  for (const item of some) if (item === current) refresh(item);
  refreshStrip();
  tell("items");
  work();
}

/** What waits is not counted, until it is asked for again. */
function cancelWaiting() {
  for (const item of items) if (item.state === "waiting") item.state = "cancelled";
  stopped = "";
  endWait();
  if (current) refresh(current);
}
