// A picture in; its boxes, count and files out, by this very API: GET v1/model, POST v1/detect.
"use strict";
(() => {
  const MAX_BYTES = 4.5e6; // of a picture, once Lambda has it in base64
  const SMALL_BYTES = 1e6; // a file of at most so much, and no larger than the model needs, goes as it is
  const QUALITY = 0.92; // as JPEG: changes counts about as much as the server's own reduced decoding does
  const MOST_BOXES = 1000; // the API's, unless the model's own is more
  const WAIT_MS = 40000; // beyond the API's 30 s
  const MOST_ITEMS = 30; // of the strip
  const MAX_ZOOM = 40;
  const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // as handler.annotate
  // behind a stage (…/prod) the page may come without its last slash
  const BASE = new URL(location.pathname.replace(/\/?$/, "/"), location.origin);
  const KEY = "icebox-key";

  const $ = (id) => document.getElementById(id);
  const at = (path) => new URL(path, BASE).href;
  const whole = new Intl.NumberFormat("en").format;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  let model = null; // the manifest
  let loading = null; // the promise of it
  let items = []; // one a picture, newest last
  let current = null;
  let working = false;
  let threshold = 0.5;
  let floor = 0; // lowest score asked for
  let hovered = null;
  const off = new Set(); // class names not shown
  const view = { k: 1, x: 0, y: 0, fit: 1 }; // zoom over the fit, offset in CSS px

  // ---- the API -------------------------------------------------------------------------------

  /** What went wrong, in words for the person in front. actions: names of what may help. */
  class Trouble extends Error {
    constructor(title, detail, actions = ["again", "other"], status = 0) {
      super(detail);
      Object.assign(this, { title, detail, actions, status });
    }
  }

  function storedKey() {
    try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
  }
  function storeKey(key) {
    try { key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY); } catch { /* storage is off: asked for again */ }
    $("key-open").hidden = !key;
  }

  /** A response with a 2xx status; asks for a key where one is wanted. Throws Trouble. */
  async function api(path, options = {}) {
    for (;;) {
      const key = storedKey();
      const headers = { ...options.headers };
      if (key) headers.Authorization = `Bearer ${key}`;
      let response;
      try {
        response = await fetch(at(path), { ...options, headers, credentials: "same-origin", signal: AbortSignal.timeout(WAIT_MS) });
      } catch (error) {
        if (error.name === "TimeoutError") throw new Trouble("No answer", `The API did not answer within ${WAIT_MS / 1000} seconds. Try again in a moment.`);
        throw new Trouble(navigator.onLine ? "Not reached" : "You are offline", "The API could not be reached. Check the connection, then try again.");
      }
      if (response.ok) return response;
      const trouble = await troubleOf(response);
      const wantsKey = response.status === 401 || (response.status === 403 && key);
      if (!wantsKey) throw trouble;
      if (storedKey() === key && !(await askKey(key ? trouble.detail : ""))) throw new Trouble("A key is needed", trouble.detail, ["key", "other"], response.status);
    }
  }

  /** Words for an answer that is no success: its own, where it has some. */
  async function troubleOf(response) {
    const status = response.status;
    const text = await response.text().catch(() => "");
    let said = {};
    try { said = JSON.parse(text) || {}; } catch { /* no JSON */ }
    const detail = said.detail || "";
    const sentence = detail && detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
    if (status === 413 && !said.title) return new Trouble("Too large", `This picture is too large for the API, which takes about ${MAX_BYTES / 1e6} MB.`, ["scaled", "other"], status);
    if (status === 429) return new Trouble("Busy", "The API has more requests than it takes. Try again in a moment.", undefined, status);
    if (status >= 500) return new Trouble("That went wrong", `The API failed (${status}); the picture is not to blame. Try again.`, undefined, status);
    const trouble = new Trouble(said.title || "Not accepted", sentence || said.message || `The API answered ${status}.`, status === 413 ? ["scaled", "other"] : ["other"], status);
    trouble.noRoute = status === 405 || (status === 404 && (!said.type || said.type.endsWith(":not-configured") || detail.startsWith("there is no such path")));
    return trouble;
  }

  function askKey(said) {
    const dialog = $("key");
    if (dialog.open) return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "key"), { once: true }));
    $("key-said").textContent = said;
    $("key-said").className = said ? "bad" : "";
    $("key-text").value = "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "key"), { once: true }));
  }

  /** The manifest, once. Throws Trouble. */
  function loadModel() {
    loading ??= (async () => {
      try {
        const manifest = await (await api("v1/model")).json();
        model = manifest;
        showModel();
      } catch (error) {
        loading = null;
        throw error instanceof Trouble ? error : new Trouble("Not understood", "The API's model description could not be read.");
      }
    })();
    return loading;
  }

  function showModel() {
    const { name, version, classes, thresholds } = model;
    const first = classes.slice(0, 6).join(", ");
    const finds = classes.length > 6 ? `${first} and ${classes.length - 6} more` : first;
    $("name").replaceChildren(name, " ", Object.assign(document.createElement("small"), { textContent: version }));
    document.title = `${name}: ${finds}`;
    $("finds").textContent = classes.length > 1 ? `Finds ${finds}` : `Counts ${finds}`;
    $("finds").title = classes.slice(0, 200).join(", ");
    $("what").textContent = classes.length === 1 ? `${classes[0]} are there` : "are there";
    floor = Math.min(thresholds.score_floor, thresholds.score);
    threshold = thresholds.score;
    const slider = $("threshold");
    slider.min = Math.floor(floor * 100) / 100;
    slider.max = Math.max(0.99, Math.ceil(threshold * 100) / 100);
    slider.value = threshold;
    const share = (threshold - slider.min) / (slider.max - slider.min);
    $("default-mark").style.left = `calc(${share * 100}% + ${8 - 16 * share}px)`; // a thumb is 16 px
    $("exact-hint").textContent = canScale()
      ? `Otherwise pictures are scaled on this device to ${longSide()} px, twice what the model looks at: a fraction of the bytes.`
      : "This model wants exact pixels: pictures are scaled only where they are too large to send.";
  }

  /** Where the server itself reduces large JPEGs (handler.detector.at_least), so may we. */
  const canScale = () => model.resize.rule === "antialias" && model.resize.fit !== "stretch";
  const longSide = () => 2 * Math.max(model.input.width, model.input.height);

  // ---- pictures in ---------------------------------------------------------------------------

  function add(files) {
    const made = [...files].map((file) => ({ file, url: URL.createObjectURL(file), name: file.name || "picture", state: "waiting", wantsScaled: false }));
    if (!made.length) return;
    items.push(...made);
    for (const gone of items.splice(0, Math.max(0, items.length - MOST_ITEMS))) forget(gone);
    $("start").hidden = true;
    $("result").hidden = $("next").hidden = $("next-photo").hidden = false;
    show(made.find((item) => items.includes(item)) || items[0]);
    work();
  }

  function forget(item) {
    item.gone = true;
    URL.revokeObjectURL(item.url);
    if (item.drawn) URL.revokeObjectURL(item.drawn);
  }

  /** One picture after the other: the function takes one at a time, and a phone has one uplink. */
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
      } catch (error) {
        if (!(error instanceof Trouble)) console.error(error);
        item.trouble = error instanceof Trouble ? error : new Trouble("That went wrong", `This page failed: ${error.message}. Try again.`);
        item.state = "failed";
      }
      refresh(item);
      if (item === current) announce();
    }
    working = false;
  }

  async function detect(item) {
    const started = performance.now();
    await open(item);
    const sent = await prepare(item);
    const most = Math.max(MOST_BOXES, model.thresholds.max_detections);
    const response = await post(sent.body, `score_threshold=${floor}&max_detections=${most}`, "application/json");
    let answer;
    try { answer = await response.json(); } catch { /* cut off, or a proxy's page */ }
    if (!answer || !Array.isArray(answer.detections)) throw new Trouble("Not understood", "The API's answer could not be read. Try again.");
    item.width ??= answer.image.width;
    item.height ??= answer.image.height;
    const sx = item.width / answer.image.width, sy = item.height / answer.image.height;
    item.answer = answer;
    item.found = answer.detections.map(({ label, score, box }) => ({
      label, score, colour: COLOURS[Math.max(0, model.classes.indexOf(label)) % COLOURS.length],
      x0: box.xmin * sx, y0: box.ymin * sy, x1: box.xmax * sx, y1: box.ymax * sy,
    }));
    item.full = item.found.length >= most;
    item.sent = { ...sent, body: null, width: answer.image.width, height: answer.image.height, bytes: sent.body.size, ms: performance.now() - started };
    item.corrected = null;
    if (item.undecodable) await drawByServer(item);
  }

  function post(body, query, accept) {
    // never text or JSON: gateways hand those on as text
    const type = body.type.startsWith("image/") ? body.type : "application/octet-stream";
    return api(`v1/detect?${query}`, { method: "POST", body, headers: { "Content-Type": type, Accept: accept } });
  }

  /** Sets the upright size, or that the browser cannot read the file. */
  async function open(item) {
    if (item.width || item.undecodable) return;
    const image = new Image();
    image.src = item.url;
    try {
      await image.decode();
      item.width = image.naturalWidth;
      item.height = image.naturalHeight;
    } catch { /* told below */ }
    item.cut = !(await isWhole(item.file));
    if (!item.width || !item.height) {
      item.width = item.height = undefined;
      item.undecodable = true;
      return;
    }
    item.image = image;
    item.thumb = draw(image, item.width, item.height, 168, "medium");
    if (item === current) showPicture();
    refreshStrip();
  }

  /** What is sent: the file itself, or a JPEG of what the model needs. Throws Trouble. */
  async function prepare(item) {
    const original = { body: item.file, how: "the original" };
    // browsers show what there is of a file that ends early; the API says so
    if (item.cut && item.file.size <= MAX_BYTES) return original;
    if (item.cut) throw new Trouble("Cut off", "This file ends too early: a part of the picture is missing. Copy or save it again.", ["other"]);
    const exact = $("exact").checked && !item.wantsScaled;
    if (item.undecodable || exact) {
      if (item.file.size > MAX_BYTES && !item.sendsAnyway) {
        const size = (item.file.size / 1e6).toFixed(1);
        throw new Trouble("Too large to send as it is", `This file has ${size} MB; the API takes about ${MAX_BYTES / 1e6} MB.` + (item.undecodable ? " This browser cannot open it, and so not scale it." : ""), item.undecodable ? ["other"] : ["scaled", "anyway", "other"]);
      }
      return original;
    }
    const long = Math.max(item.width, item.height);
    if (!canScale()) {
      if (item.file.size <= MAX_BYTES) return original;
      return scaled(item, Math.min(long, 2 * longSide()));
    }
    if (long <= longSide() && item.file.size <= SMALL_BYTES) return original;
    const small = await scaled(item, longSide());
    return small.body.size < item.file.size || item.file.size > MAX_BYTES ? small : original;
  }

  /** Whether a JPEG, PNG or WebP has its end; true of all other files. */
  async function isWhole(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const has = (at, ...values) => values.every((value, i) => bytes[at + i] === value);
    const from = (at, ...values) => {
      for (let i = bytes.indexOf(values[0], at); i >= 0; i = bytes.indexOf(values[0], i + 1)) if (has(i, ...values)) return i;
      return -1;
    };
    if (has(0, 0x89, 0x50, 0x4e, 0x47)) return from(Math.max(8, bytes.length - 4096), 0x49, 0x45, 0x4e, 0x44) > 0 || from(8, 0x49, 0x45, 0x4e, 0x44, 0xae) > 0;
    if (has(0, 0x52, 0x49, 0x46, 0x46) && has(8, 0x57, 0x45, 0x42, 0x50)) return bytes.length + 1 >= 8 + new DataView(bytes.buffer).getUint32(4, true);
    if (!has(0, 0xff, 0xd8)) return true;
    let at = 2; // segments of a JPEG up to its first scan: thumbnails in them have an end of their own
    while (bytes[at] === 0xff && bytes[at + 1] !== 0xda) at += bytes[at + 1] === 0xff ? 1 : 2 + bytes[at + 2] * 256 + bytes[at + 3];
    return from(at, 0xff, 0xd9) > 0;
  }

  async function scaled(item, side) {
    const canvas = draw(item.image, item.width, item.height, side, "high");
    const body = await blobOf(canvas, "image/jpeg", QUALITY);
    canvas.width = canvas.height = 0; // Safari keeps its memory otherwise
    return { body, how: "scaled" };
  }

  /** A canvas with the picture, upright, its longer side at most `side` px; transparency on white. */
  function draw(image, width, height, side, quality) {
    const share = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * share));
    canvas.height = Math.max(1, Math.round(height * share));
    const pen = canvas.getContext("2d", { alpha: false });
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = quality;
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  function blobOf(canvas, type, quality) {
    return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser could not write the picture"))), type, quality));
  }

  /** HEIC and TIFF, where the browser reads none: the API draws what is shown. */
  async function drawByServer(item) {
    const labels = [...new Set(item.found.map((each) => each.label))].filter((label) => !off.has(label));
    const query = new URLSearchParams({ score_threshold: labels.length || !off.size ? threshold : 1 });
    if (off.size) for (const label of labels) query.append("labels", label);
    const blob = await (await post(item.file, query, "image/jpeg")).blob();
    const image = new Image();
    const url = URL.createObjectURL(blob);
    image.src = url;
    await image.decode();
    if (item.drawn) URL.revokeObjectURL(item.drawn);
    Object.assign(item, { drawn: url, drawnBlob: blob, image });
    item.thumb = draw(image, image.naturalWidth, image.naturalHeight, 168, "medium");
    if (item === current) showPicture();
    refreshStrip();
  }

  async function drawAgain() {
    const item = current;
    if (!item?.undecodable || item.state !== "done") return;
    try { await drawByServer(item); } catch (error) { say(error.detail || "The picture could not be drawn again."); }
  }

  // ---- what is shown -------------------------------------------------------------------------

  const passes = (each) => each.score > threshold; // strictly, as the API
  const counted = (item) => (item?.found || []).filter(passes);
  const shown = (item) => counted(item).filter((each) => !off.has(each.label));

  function show(item) {
    current = item;
    hovered = null;
    $("correct-said").textContent = "";
    showPicture();
    showClasses();
    refresh(item);
  }

  function refresh(item) {
    refreshStrip();
    if (item !== current) return;
    const { state, trouble, answer } = item;
    $("busy").hidden = state !== "working" && state !== "waiting";
    $("busy-text").textContent = state === "waiting" ? "Waiting …" : "Counting …";
    $("stage").setAttribute("aria-busy", String(!$("busy").hidden));
    if (state === "working") say(`Counting on ${item.name} …`);
    $("trouble").hidden = !trouble;
    if (trouble) {
      $("trouble-title").textContent = trouble.title;
      $("trouble-detail").textContent = trouble.detail;
      $("trouble-actions").replaceChildren(...trouble.actions.map((name, i) => button(ACTIONS[name][0], () => ACTIONS[name][1](item), i === 0)));
    }
    $("result").classList.toggle("stale", state !== "done");
    $("result").classList.toggle("failed", state === "failed");
    for (const id of ["save-picture", "save-csv", "save-json", "correct-send", "threshold"]) $(id).disabled = state !== "done";
    for (const id of ["labels", "compare-on"]) $(id).disabled = !!item.undecodable;
    if (answer) showClasses();
    showCount();
    showFacts();
    if ($("listing").open) showRows();
    paint();
  }

  const ACTIONS = {
    again: ["Try again", retry],
    other: ["Choose another", () => $("files").click()],
    scaled: ["Send it scaled", (item) => { item.wantsScaled = true; retry(item); }],
    anyway: ["Send anyway", (item) => { item.sendsAnyway = true; retry(item); }],
    key: ["Enter the key", retry],
  };

  function retry(item) {
    item.state = "waiting";
    item.trouble = null;
    if (item === current) $("stage").focus({ preventScroll: true }); // the pressed button goes away
    refresh(item);
    work();
  }

  function button(text, act, primary) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    if (primary) made.className = "primary";
    made.addEventListener("click", act);
    return made;
  }

  function showPicture() {
    const item = current, picture = $("picture");
    const url = item.undecodable ? item.drawn : item.width ? item.url : "";
    if (url && picture.src !== url) picture.src = url;
    if (!url) picture.removeAttribute("src");
    picture.hidden = !url;
    picture.alt = url ? item.name : "";
    fit();
  }

  /** Where the true count lies, as handler.count_interval has it; null where it was not measured.
   * The answer has none: it was asked for below the threshold that the interval is of. */
  function intervalOf(item, count) {
    const known = model.count_calibration;
    if (!known || threshold !== known.score_threshold || item.answer.thresholds.iou !== known.iou_threshold || item.full) return null;
    const scale = Math.sqrt(count + 1);
    const low = Math.ceil(count + known.below * scale - 1e-6), high = Math.floor(count + known.above * scale + 1e-6);
    return { low: Math.max(0, Math.min(low, count)), high: Math.max(high, count), coverage: known.coverage };
  }

  function showCount() {
    const item = current, done = item.found && item.state !== "failed";
    const all = counted(item), some = shown(item);
    $("count").textContent = done ? whole(some.length) : "–";
    const labels = [...new Set(all.map((each) => each.label))];
    const hidden = all.length - some.length;
    const what = model?.classes.length === 1 ? model.classes[0] : labels.length === 1 ? labels[0] : some.length === 1 ? "object" : "objects";
    $("count-of").textContent = !done ? (item.state === "failed" ? "No count" : "Counting …") : hidden ? `${what}, ${whole(hidden)} more hidden` : what;
    const interval = done && !off.size && intervalOf(item, some.length);
    $("interval").hidden = !interval;
    if (interval) {
      const { low, high, coverage } = interval;
      $("interval").textContent = `${whole(low)} to ${whole(high)} with ${Math.round(coverage * 100)} % certainty`;
    }
    const tally = Map.groupBy ? Map.groupBy(all, (each) => each.label) : all.reduce((map, each) => map.set(each.label, [...(map.get(each.label) || []), each]), new Map());
    for (const chip of $("classes").children) {
      const name = chip.dataset.name, n = (tally.get(name) || []).length;
      chip.querySelector("b").textContent = whole(n);
      chip.hidden = n === 0 && !off.has(name);
    }
    $("threshold-value").textContent = threshold.toFixed(2);
    const isDefault = model && threshold === model.thresholds.score;
    $("threshold").setAttribute("aria-valuetext", `${threshold.toFixed(2)}${isDefault ? ", the model's own" : ""}`);
    $("threshold-reset").hidden = !model || isDefault;
    $("threshold-hint").textContent = item.full ? `Only the best ${whole(item.found.length)} boxes are known.` : isDefault ? "The model's own." : model ? `The model's own is ${model.thresholds.score.toFixed(2)}.` : "";
    if (done) $("corrected").value = item.corrected ?? all.length;
    $("corrected").disabled = $("fewer").disabled = $("more").disabled = !done;
    $("stage").setAttribute("aria-label", done ? `${item.name} with ${some.length} boxes` : item.name);
  }

  /** A chip a class that this picture may have; those that are there keep the focus. */
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
      spot.style.background = COLOURS[model.classes.indexOf(name) % COLOURS.length];
      label.append(box, spot, `${name} `, document.createElement("b"));
      chip.append(label);
      return chip;
    }));
  }

  function showFacts() {
    const { sent, answer, file, width, height, undecodable } = current;
    if (!sent) { $("facts").textContent = ""; return; }
    const said = [`${current.name}, ${whole(width)} × ${whole(height)} px.`];
    said.push(sent.how === "scaled" ? `Sent as ${whole(sent.width)} × ${whole(sent.height)} px: ${bytes(sent.bytes)} instead of ${bytes(file.size)}.` : `Sent as it is, ${bytes(sent.bytes)}.`);
    if (undecodable) said.push(`This browser opens no ${answer.image.format}; the picture was drawn by the API.`);
    said.push(`${answer.model.name} ${answer.model.version} took ${Math.round(answer.timing_ms?.total ?? 0)} ms, ${(sent.ms / 1000).toFixed(1)} s in all.`);
    $("facts").textContent = said.join(" ");
  }
  const bytes = (n) => (n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(1)} MB`);

  function showRows() {
    $("rows").replaceChildren(...shown(current).map((each, i) => {
      const row = document.createElement("tr");
      const cells = [i + 1, each.label, each.score.toFixed(3), each.x0.toFixed(0), each.y0.toFixed(0), (each.x1 - each.x0).toFixed(0), (each.y1 - each.y0).toFixed(0)];
      for (const text of cells) row.insertCell().textContent = text;
      return row;
    }));
  }

  function refreshStrip() {
    $("strip").hidden = items.length < 2;
    document.body.classList.toggle("with-strip", items.length > 1);
    if (items.length < 2) return;
    const list = $("items");
    items.forEach((item, i) => {
      item.tile ??= Object.assign(document.createElement("li"), { innerHTML: "<button type=button><span></span></button>" });
      const tile = item.tile.firstChild, badge = tile.querySelector("span");
      if (list.children[i] !== item.tile) list.insertBefore(item.tile, list.children[i] || null);
      if (item.thumb && item.thumb.parentNode !== tile) {
        tile.querySelector("canvas")?.remove();
        tile.prepend(item.thumb);
      }
      badge.textContent = item.state === "done" ? whole(shown(item).length) : item.state === "failed" ? "!" : "…";
      tile.setAttribute("aria-label", `${item.name}, ${item.state === "done" ? `count ${shown(item).length}` : item.state}`);
      item === current ? tile.setAttribute("aria-current", "true") : tile.removeAttribute("aria-current");
      tile.onclick = () => { show(item); announce(); };
    });
    while (list.children.length > items.length) [...list.children].find((tile) => !items.some((item) => item.tile === tile)).remove();
    if (current?.tile && current !== refreshStrip.last) {
      refreshStrip.last = current;
      current.tile.scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm.matches ? "auto" : "smooth" });
    }
  }

  let sayLater = 0;
  function say(text) {
    clearTimeout(sayLater);
    $("live").textContent = text;
  }
  function announce() {
    const item = current;
    if (item.state === "failed") return; // the alert tells itself
    const parts = [...$("classes").children].filter((chip) => !chip.hidden && !off.has(chip.dataset.name)).map((chip) => `${chip.querySelector("b").textContent} ${chip.dataset.name}`);
    const interval = $("interval").hidden ? "" : `, ${$("interval").textContent}`;
    say(`${$("count").textContent} ${$("count-of").textContent}${interval}${parts.length > 1 ? `: ${parts.join(", ")}` : ""}, at threshold ${threshold.toFixed(2)}, on ${item.name}.`);
  }

  /** Threshold or classes are others: nothing is asked of the API. */
  function changed() {
    if (!current) return;
    hovered = null;
    showCount();
    refreshStrip();
    if ($("listing").open) showRows();
    paint();
    clearTimeout(sayLater);
    sayLater = setTimeout(announce, 400);
  }

  // ---- the stage: picture below, boxes above ---------------------------------------------------

  const stage = $("stage"), canvas = $("boxes"), compare = $("compare");

  function fit() {
    const { clientWidth: w, clientHeight: h } = stage;
    if (!current?.width || !w) return;
    const aspect = String(current.width / current.height);
    if (stage.style.getPropertyValue("--aspect") !== aspect) { // on a phone the stage takes the picture's form
      stage.style.setProperty("--aspect", aspect);
      return fit();
    }
    view.fit = Math.min(w / current.width, h / current.height);
    view.k = 1;
    view.x = (w - current.width * view.fit) / 2;
    view.y = (h - current.height * view.fit) / 2;
    place();
  }

  function place() {
    const { clientWidth: w, clientHeight: h } = stage;
    const scale = view.k * view.fit;
    const pw = current.width * scale, ph = current.height * scale;
    view.x = pw <= w ? (w - pw) / 2 : Math.min(0, Math.max(w - pw, view.x));
    view.y = ph <= h ? (h - ph) / 2 : Math.min(0, Math.max(h - ph, view.y));
    const picture = $("picture");
    // one size, whatever the file's: what the API drew is smaller than the original
    picture.style.width = `${current.width}px`;
    picture.style.height = `${current.height}px`;
    picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", view.k > 1.001);
    $("zoom").textContent = `${Math.round(view.k * 100)} %`;
    paint();
  }

  function zoom(factor, cx = stage.clientWidth / 2, cy = stage.clientHeight / 2) {
    if (!current?.width) return;
    const k = Math.min(MAX_ZOOM, Math.max(1, view.k * factor));
    view.x = cx - ((cx - view.x) * k) / view.k;
    view.y = cy - ((cy - view.y) * k) / view.k;
    view.k = k;
    place();
  }

  function pan(dx, dy) {
    if (!current?.width) return;
    view.x += dx;
    view.y += dy;
    place();
  }

  let frame = 0;
  function paint() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paintNow);
  }

  function paintNow() {
    const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = stage;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    const line = splitAt(), isCompared = $("compare-on").getAttribute("aria-pressed") === "true" && !current?.undecodable && current?.state === "done";
    compare.hidden = $("divide").hidden = !isCompared;
    $("divide").style.left = `${line}px`;
    if (!current?.found || current.undecodable || !current.width || current.state === "failed") return;
    pen.save();
    if (isCompared) {
      pen.beginPath();
      pen.rect(line, 0, w - line, h);
      pen.clip();
    }
    const scale = view.k * view.fit;
    const boxes = shown(current).map((each) => ({ ...each, each, x0: view.x + each.x0 * scale, y0: view.y + each.y0 * scale, x1: view.x + each.x1 * scale, y1: view.y + each.y1 * scale }));
    const near = boxes.filter((box) => box.x1 > -50 && box.y1 > -50 && box.x0 < w + 50 && box.y0 < h + 50);
    drawBoxes(pen, near, 2, $("labels").getAttribute("aria-pressed") === "true" ? 12 : 0, hovered);
    pen.restore();
  }

  /** labels: height of their text in px, 0 for none but that of `marked`. Best on top. */
  function drawBoxes(pen, boxes, lineWidth, labels, marked) {
    pen.lineJoin = "round";
    for (const box of [...boxes].reverse()) {
      const isMarked = marked && box.each === marked;
      pen.strokeStyle = "rgb(255 255 255 / 60%)"; // so that a box stands out from things of its own colour
      pen.lineWidth = lineWidth * (isMarked ? 2.6 : 1.8);
      pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
      pen.strokeStyle = box.colour;
      pen.lineWidth = isMarked ? lineWidth * 1.8 : lineWidth;
      pen.strokeRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
      if (isMarked) {
        pen.fillStyle = `${box.colour}30`;
        pen.fillRect(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
      }
    }
    if (!labels && !marked) return;
    const size = labels || 13;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    for (const box of [...boxes].reverse()) {
      if (!labels && box.each !== marked) continue;
      const text = (model.classes.length > 1 ? `${box.label} ` : "") + box.score.toFixed(2);
      const width = pen.measureText(text).width + size * 0.7, height = size * 1.45;
      const x = Math.max(0, box.x0 - lineWidth / 2), y = box.y0 - height < 0 ? box.y0 : box.y0 - height;
      pen.fillStyle = box.colour;
      pen.fillRect(x, y, width, height);
      pen.fillStyle = ["#e69f00", "#56b4e9", "#cc79a7"].includes(box.colour) ? "#000" : "#fff";
      pen.fillText(text, x + size * 0.35, y + height / 2 + size * 0.04);
    }
  }

  const THUMB = 48; // px, as in style.css
  const splitAt = () => THUMB / 2 + (compare.value / 100) * (stage.clientWidth - THUMB);

  function boxUnder(x, y) {
    if (!current?.found || current.undecodable || current.state !== "done") return null;
    const scale = view.k * view.fit, px = (x - view.x) / scale, py = (y - view.y) / scale;
    const hits = shown(current).filter((each) => px >= each.x0 && px <= each.x1 && py >= each.y0 && py <= each.y1);
    return hits.sort((a, b) => (a.x1 - a.x0) * (a.y1 - a.y0) - (b.x1 - b.x0) * (b.y1 - b.y0))[0] || null;
  }

  const pointers = new Map();
  let moved = 0, tapped = 0;
  const local = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const onPicture = (event) => event.target === stage || event.target === $("picture");

  stage.addEventListener("pointerdown", (event) => {
    if (!onPicture(event) || (event.pointerType === "mouse" && event.button !== 0)) return;
    pointers.set(event.pointerId, local(event));
    stage.setPointerCapture(event.pointerId);
    moved = 0;
    stage.classList.add("held");
  });
  stage.addEventListener("pointermove", (event) => {
    const now = local(event), before = pointers.get(event.pointerId);
    if (!before) {
      const found = event.pointerType === "mouse" && onPicture(event) ? boxUnder(now.x, now.y) : null;
      if (found !== hovered) { hovered = found; paint(); }
      return;
    }
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const from = Math.hypot(before.x - other.x, before.y - other.y), to = Math.hypot(now.x - other.x, now.y - other.y);
      zoom(to / Math.max(1, from), (now.x + other.x) / 2, (now.y + other.y) / 2);
      pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (pointers.size === 1) {
      pan(now.x - before.x, now.y - before.y);
    }
    pointers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (!pointers.size) stage.classList.remove("held");
      if (name !== "pointerup" || moved > 8 || pointers.size) return;
      const { x, y } = local(event);
      if (event.timeStamp - tapped < 320) { // twice: in, or all of it again
        view.k > 1.5 ? fit() : zoom(3, x, y);
        tapped = 0;
        return;
      }
      tapped = event.timeStamp;
      hovered = boxUnder(x, y);
      paint();
    });
  }
  stage.addEventListener("pointerleave", () => { if (hovered && !pointers.size) { hovered = null; paint(); } });
  stage.addEventListener("wheel", (event) => {
    if (event.target.closest("#trouble") || !current?.width) return;
    if (view.k <= 1 && event.deltaY > 0 && !event.ctrlKey) return; // nothing to zoom out of: the page scrolls
    event.preventDefault();
    const { x, y } = local(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), x, y);
  }, { passive: false });
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "_": () => zoom(1 / 1.4), "0": fit,
      ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
    }[event.key];
    // at the whole picture arrows scroll the page as ever
    if (!act || (event.key.startsWith("Arrow") && view.k <= 1)) return;
    event.preventDefault();
    act();
  });
  $("zoom-in").addEventListener("click", () => zoom(1.5));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
  $("zoom-fit").addEventListener("click", fit);
  new ResizeObserver(() => (current?.width ? fit() : 0)).observe(stage);

  function toggle(id, act) {
    $(id).addEventListener("click", () => {
      const on = $(id).getAttribute("aria-pressed") !== "true";
      $(id).setAttribute("aria-pressed", String(on));
      act(on);
    });
  }
  toggle("labels", paint);
  toggle("compare-on", (on) => {
    paintNow();
    if (on) compare.focus({ preventScroll: true });
  });
  compare.addEventListener("input", () => {
    compare.setAttribute("aria-valuetext", `${compare.value} % original`);
    paint();
  });

  $("threshold").addEventListener("input", (event) => {
    const own = model.thresholds.score, value = Number(event.target.value);
    threshold = Math.abs(value - own) < 0.0051 ? own : value; // the model's own may lie between steps
    changed();
  });
  $("threshold").addEventListener("change", drawAgain);
  $("threshold-reset").addEventListener("click", () => {
    threshold = model.thresholds.score;
    $("threshold").value = threshold;
    $("threshold").focus();
    changed();
    drawAgain();
  });
  $("listing").addEventListener("toggle", () => $("listing").open && current && showRows());

  // ---- out: files and corrections --------------------------------------------------------------

  const stem = (name) => name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "_") || "picture";

  function save(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${name} saved.`);
  }

  const round = (number) => Math.round(number * 100) / 100;

  $("save-json").addEventListener("click", () => {
    const { answer, sent, width, height, name } = current, some = shown(current);
    const counts = Object.fromEntries(model.classes.filter((label) => !off.has(label)).map((label) => [label, some.filter((each) => each.label === label).length]));
    const whole = {
      file: name, prediction_id: answer.prediction_id, model: answer.model, image: { width, height },
      sent: { ...answer.image, bytes: sent.bytes }, // boxes are in px of `image` all the same
      count: some.length, counts,
      detections: some.map(({ label, score, x0, y0, x1, y1 }) => ({ label, score, box: { xmin: round(x0), ymin: round(y0), xmax: round(x1), ymax: round(y1) } })),
      thresholds: { ...answer.thresholds, score: threshold },
    };
    save(new Blob([JSON.stringify(whole, null, 2) + "\n"], { type: "application/json" }), `${stem(name)}.json`);
  });

  $("save-csv").addEventListener("click", () => {
    const cell = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
    const lines = [["file", "label", "score", "xmin", "ymin", "xmax", "ymax"], ...shown(current).map((each) => [current.name, each.label, each.score, round(each.x0), round(each.y0), round(each.x1), round(each.y1)])];
    save(new Blob([lines.map((line) => line.map(cell).join(",") + "\r\n").join("")], { type: "text/csv" }), `${stem(current.name)}.csv`);
  });

  $("save-picture").addEventListener("click", async () => {
    const item = current, name = `${stem(item.name)}-annotated.jpg`;
    if (item.undecodable) return save(item.drawnBlob, name);
    $("save-picture").disabled = true;
    try {
      // full size, or half and half again where this device has no canvas that large
      for (let side = Math.max(item.width, item.height); ; side /= 2) {
        try {
          const sheet = draw(item.image, item.width, item.height, side, "high");
          annotate(sheet, item);
          save(await blobOf(sheet, "image/jpeg", 0.92), name);
          sheet.width = sheet.height = 0;
          return;
        } catch (error) {
          if (side < 1024) throw error;
        }
      }
    } catch (error) {
      say(`The picture could not be saved: ${error.message}.`);
    } finally {
      $("save-picture").disabled = item !== current ? current.state !== "done" : false;
    }
  });

  function annotate(sheet, item) {
    const pen = sheet.getContext("2d"), scale = sheet.width / item.width, long = Math.max(sheet.width, sheet.height);
    const boxes = shown(item).map((each) => ({ ...each, each, x0: each.x0 * scale, y0: each.y0 * scale, x1: each.x1 * scale, y1: each.y1 * scale }));
    const isOn = $("labels").getAttribute("aria-pressed") === "true";
    drawBoxes(pen, boxes, Math.max(1, Math.round(long / 500)), isOn ? Math.max(11, long / 90) : 0, null);
    if (Math.min(sheet.width, sheet.height) < 64) return;
    const tally = model.classes.map((label, i) => [label, boxes.filter((box) => box.label === label).length, COLOURS[i % COLOURS.length]]).filter(([, n]) => n).slice(0, 12);
    const lines = tally.length ? tally : [["nothing found", "", "#000"]];
    const size = Math.max(10, long / 45);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, Math.max(...lines.map(([label, n]) => pen.measureText(`${label}  ${n}`).width)) + size * 1.2, size * 1.4 * lines.length + size * 0.4);
    lines.forEach(([label, n, colour], i) => {
      pen.fillStyle = colour;
      pen.fillText(`${label}  ${n}`, size * 0.6, size * (0.9 + 1.4 * i));
    });
  }

  $("fewer").addEventListener("click", () => step(-1));
  $("more").addEventListener("click", () => step(1));
  function step(by) {
    $("corrected").value = Math.max(0, Number($("corrected").value || 0) + by);
    current.corrected = $("corrected").value;
  }
  $("corrected").addEventListener("input", () => { current.corrected = $("corrected").value; });
  $("correct").addEventListener("submit", async (event) => {
    event.preventDefault();
    const item = current, said = $("correct-said"), text = $("corrected").value.trim();
    said.className = "small";
    if (!/^\d{1,7}$/.test(text)) {
      said.className = "small bad";
      said.textContent = "A count is a whole number, 0 or more.";
      $("corrected").focus();
      return;
    }
    $("correct-send").disabled = true;
    said.textContent = "Sending …";
    try {
      await api(`v1/predictions/${encodeURIComponent(item.answer.prediction_id)}/feedback`, {
        method: "POST", body: JSON.stringify({ count: Number(text) }), headers: { "Content-Type": "application/json", Accept: "application/json" },
      });
      item.corrected = text;
      if (item === current) said.textContent = `Thank you: ${whole(Number(text))} is kept with this prediction.`;
    } catch (error) {
      if (error.noRoute) {
        $("correct").hidden = true;
        say("Corrections are not kept here.");
        $("save-picture").focus();
      } else if (item === current) {
        said.className = "small bad";
        said.textContent = error.detail || error.message;
      }
    } finally {
      $("correct-send").disabled = current.state !== "done";
    }
  });

  // ---- ways in -------------------------------------------------------------------------------

  for (const [id, input] of [["choose", "files"], ["next", "files"], ["photo", "camera"], ["next-photo", "camera"]]) $(id).addEventListener("click", () => $(input).click());
  for (const id of ["files", "camera"]) {
    $(id).addEventListener("change", (event) => {
      add(event.target.files);
      event.target.value = ""; // so that the same file can be chosen again
      $("main").focus({ preventScroll: true });
      scrollTo({ top: 0, behavior: calm.matches ? "auto" : "smooth" });
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; $("drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    add(event.dataTransfer.files);
  });
  $("exact").addEventListener("change", () => {
    const item = current;
    if (!item || item.undecodable || item.state === "working") return;
    item.wantsScaled = item.sendsAnyway = false;
    item.state = "waiting";
    refresh(item);
    work();
  });

  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("key-text").value.trim();
    if (!text || /[^\x21-\x7e]/.test(text)) { // no header carries others
      $("key-said").className = "bad";
      $("key-said").textContent = "A key has letters, digits and signs, without spaces.";
      return;
    }
    storeKey(text);
    $("key").close("key");
  });
  $("key-cancel").addEventListener("click", () => $("key").close(""));
  $("key-open").addEventListener("click", () => {
    storeKey("");
    loading = null;
    askKey("").then(() => loadModel()).catch(() => {});
  });

  for (const link of document.querySelectorAll("link[data-href]")) link.href = at(link.dataset.href);
  $("key-open").hidden = !storedKey();
  loadModel().catch((error) => {
    $("finds").textContent = error.title === "A key is needed" ? "A key is needed" : `The model could not be loaded: ${error.detail}`;
  });
})();
