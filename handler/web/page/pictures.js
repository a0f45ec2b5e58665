// Sends the chosen pictures to the API, one after the other, and keeps their boxes.

const MAX_BOXES = 1000; // the API's limit; a model's default may be higher
const MAX_ITEMS = 30; // in the strip
let working = false;

function add(files) {
  const added = [...files].map((file) => ({ file, url: URL.createObjectURL(file), name: file.name || "picture", state: "waiting", wantsScaled: false }));
  if (!added.length) return;
  items.push(...added);
  for (const gone of items.splice(0, Math.max(0, items.length - MAX_ITEMS))) forget(gone);
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

async function detect(item) {
  const started = performance.now();
  await openPicture(item);
  const sent = await prepare(item);
  const maxDetections = Math.max(MAX_BOXES, model.thresholds.max_detections);
  const response = await post(sent, `score_threshold=${floor}&max_detections=${maxDetections}`, "application/json");
  let answer;
  try { answer = await response.json(); } catch { /* truncated, or a proxy's page */ }
  if (!answer || !Array.isArray(answer.detections)) throw new Trouble("Not understood", "The API's answer could not be read. Try again.");
  item.width ??= answer.image.width;
  item.height ??= answer.image.height;
  const sx = item.width / answer.image.width, sy = item.height / answer.image.height;
  item.answer = answer;
  item.found = answer.detections.map(({ label, score, box }) => ({
    label, score, colour: COLOURS[Math.max(0, model.classes.indexOf(label)) % COLOURS.length],
    x0: box.xmin * sx, y0: box.ymin * sy, x1: box.xmax * sx, y1: box.ymax * sy,
  }));
  item.full = item.found.length >= maxDetections;
  item.sent = { ...sent, body: null, width: answer.image.width, height: answer.image.height, bytes: sent.body.size, ms: performance.now() - started };
  item.corrected = null;
  if (item.undecodable) await drawByServer(item);
}

function post({ body, uploadId }, query, accept) {
  const path = `v1/detect?${query}`;
  if (uploadId) return postJson(path, { upload_id: uploadId }, accept);
  // never as text or JSON, which gateways pass on as text
  const type = body.type.startsWith("image/") ? body.type : "application/octet-stream";
  return api(path, { method: "POST", body, headers: { "Content-Type": type, Accept: accept } });
}

/** Shows the annotated picture of the API, for HEIC and TIFF that the browser cannot read. */
async function drawByServer(item) {
  const labels = [...new Set(item.found.map((each) => each.label))].filter((label) => !off.has(label));
  const query = new URLSearchParams({ score_threshold: labels.length || !off.size ? threshold : 1 });
  if (off.size) for (const label of labels) query.append("labels", label);
  const blob = await (await post(await original(item), query, "image/jpeg")).blob();
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
