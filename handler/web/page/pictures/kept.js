// Keeps the pictures over a reload, in IndexedDB: fields in the store "pictures", files in "files", both by the item's id.

const DATABASE = ["icebox", 1]; // its name, and the version of its form
/* Fields of an item that are not kept. All others are, so they hold what structured cloning takes: no functions, no elements. */
const FLEETING = new Set(["file", "plain", "wrong", "url", "image", "tile", "opening", "uses", "upload", "progress", "gone", "tries", "isKept", "seen"]);
let batches = []; // ids of this tab's pictures in the store; another tab has others
let whyNot = "", isTold = false; // why nothing is kept any more, "" while it is; whether the user knows
const dirty = new Set();
let saving = Promise.resolve(), saveLater = 0;

const promiseOf = (request) => new Promise((resolve, reject) => {
  request.onsuccess = request.oncomplete = () => resolve(request.result);
  request.onerror = request.onabort = () => reject(request.error);
});

let opening = null;
const database = () => (opening ??= (async () => {
  const request = indexedDB.open(...DATABASE);
  request.onupgradeneeded = () => { // version 1
    request.result.createObjectStore("pictures", { keyPath: "id" }).createIndex("batch", "batch");
    request.result.createObjectStore("files");
  };
  const made = await promiseOf(request);
  made.onversionchange = () => made.close(); // a newer page in another tab
  return made;
})());

/** Runs `act` (pictures, files) in one transaction that writes. */
async function write(act) {
  const transaction = (await database()).transaction(["pictures", "files"], "readwrite");
  act(transaction.objectStore("pictures"), transaction.objectStore("files"));
  await promiseOf(transaction);
}

function recordOf(item) {
  const record = Object.fromEntries(Object.entries(item).filter(([name]) => !FLEETING.has(name)));
  return { ...record, batch: (item.batch ??= batches[0]), trouble: item.trouble ? { ...item.trouble } : null };
}

/** Keeps an item's fields, in a moment; its file is kept already. */
function keep(...some) {
  for (const item of some) if (item.isKept) dirty.add(item);
  saveLater ||= setTimeout(saveNow, 400);
}

function saveNow() {
  clearTimeout(saveLater);
  saveLater = 0;
  const some = [...dirty].filter((item) => !item.gone);
  dirty.clear();
  if (some.length) inTurn(() => write((pictures) => some.filter((item) => !item.gone).forEach((item) => pictures.put(recordOf(item)))));
}

/** Ends when all is written. */
async function settled() {
  do {
    saveNow();
    await saving;
  } while (dirty.size);
}

/** Keeps new pictures with their files, one after the other. */
function keepFiles(added) {
  for (const item of added) {
    inTurn(async () => {
      if (item.gone) return;
      await write((pictures, files) => { pictures.put(recordOf(item)); files.put(item.file, item.id); });
      item.isKept = true;
      keep(item); // what was found meanwhile
    });
  }
}

const keepNoMore = (gone) => inTurn(() => write((pictures, files) => gone.forEach(({ id }) => { pictures.delete(id); files.delete(id); })));

/** Does one piece of storing after the other. The first that fails is told, and the page goes on in memory. */
function inTurn(act) {
  saving = saving.then(ready).then(() => !whyNot && act()).catch((error) => {
    if (error?.name === "DataCloneError") return console.error(error); // a field that belongs into FLEETING
    whyNot ||= error?.name === "QuotaExceededError" ? "The browser's storage is full: what is added or changed from now on is gone after a reload." : "This browser stores no pictures: they are gone after a reload.";
  }).then(() => {
    if (!whyNot || isTold || !items.length) return;
    isTold = true;
    notice(whyNot);
  });
  return saving;
}

/** The kept copy of an item's file, or null. */
async function keptFile({ id, isKept }) {
  try { return isKept ? await promiseOf((await database()).transaction("files").objectStore("files").get(id)) : null; } catch { return null; }
}

// ---- tabs: each has a batch of its own, which it holds by a lock as long as it is open; a new tab takes those that no tab holds

const BATCHES = "icebox-batches";
const hold = (id) => new Promise((resolve) => {
  if (!navigator.locks) return resolve(true);
  navigator.locks.request(`icebox-${id}`, { ifAvailable: true }, (lock) => {
    resolve(!!lock);
    return lock && new Promise(() => {});
  }).catch(() => resolve(false));
});

async function claim() {
  let own = [];
  try { own = JSON.parse(sessionStorage.getItem(BATCHES)) || []; } catch { /* a new tab */ }
  for (const id of own) if (await hold(id)) batches.push(id);
  if (!batches.length && navigator.locks) {
    const seen = new Set();
    const cursorOf = (await database()).transaction("pictures").objectStore("pictures").index("batch").openKeyCursor(null, "nextunique");
    await new Promise((resolve, reject) => {
      cursorOf.onerror = reject;
      cursorOf.onsuccess = () => {
        if (!cursorOf.result) return resolve();
        seen.add(cursorOf.result.key);
        cursorOf.result.continue();
      };
    });
    for (const id of seen) if (await hold(id)) batches.push(id);
  }
  if (!batches.length) {
    batches = [crypto.randomUUID?.() ?? String(Math.random())];
    await hold(batches[0]);
  }
  try { sessionStorage.setItem(BATCHES, JSON.stringify(batches)); } catch { /* asked for again */ }
}
let claiming = null;
const ready = () => (claiming ??= claim());

/** Shows what was kept. What waited goes on only when the user says so. */
async function restore() {
  let kept = [];
  await inTurn(async () => {
    const store = (await database()).transaction(["pictures", "files"]);
    for (const id of batches) kept.push(...(await promiseOf(store.objectStore("pictures").index("batch").getAll(id))));
    const files = await Promise.all(kept.map(({ id }) => promiseOf(store.objectStore("files").get(id))));
    kept.forEach((record, i) => { record.file = files[i]; });
  });
  kept = kept.filter(({ file, id }) => file && !items.some((item) => item.id === id)).sort((a, b) => a.order - b.order);
  if (!kept.length) return;
  for (const item of kept) {
    const { trouble, state } = item;
    Object.assign(item, { isKept: true, seen: state, state: state === "working" ? "waiting" : state });
    if (trouble) item.trouble = Object.assign(new Trouble(trouble.title, trouble.detail, trouble.actions, trouble.status), trouble);
  }
  if (!items.length && kept.some((item) => item.state === "waiting")) stopped = KEPT_BACK;
  else for (const item of kept) if (item.state === "waiting") item.state = "cancelled";
  items = [...kept, ...items];
  showPlaces();
  tell("items");
  current ? refreshStrip() : show(kept.find(({ id }) => id === shownBefore) || kept[0]);
}

const SHOWN = "icebox-shown";
const shownBefore = (() => { try { return sessionStorage.getItem(SHOWN); } catch { return null; } })();
on("show", ({ id }) => { try { sessionStorage.setItem(SHOWN, id); } catch { /* the first is shown */ } });

on("answer", keep);
on("count", () => keep(current, ...items.filter((item) => item !== current && (item.edits || item.region))));
on("items", () => {
  for (const item of items) {
    if (item.seen === item.state) continue;
    item.seen = item.state;
    keep(item);
  }
});
document.addEventListener("visibilitychange", () => { if (document.hidden) saveNow(); });
addEventListener("pagehide", saveNow);
