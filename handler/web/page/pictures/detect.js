// One picture's request and answer.

const MAX_BOXES = 1000; // the API's limit; a model's default may be higher

async function detect(item) {
  const started = performance.now();
  await opened(item);
  const saves = savesData(), sent = await prepare(item);
  const maxDetections = Math.max(MAX_BOXES, model.thresholds.max_detections);
  const response = await post(sent, `score_threshold=${floor}&max_detections=${maxDetections}`, "application/json");
  let answer;
  try { answer = await response.json(); } catch { /* truncated, or a proxy's page */ }
  if (!answer || !Array.isArray(answer.detections)) throw new Trouble("Not understood", "The API's answer could not be read. Try again.");
  const { width, height, orientation } = answer.image;
  if (!sent.isScaled) {
    turn(item, orientation);
    if (!item.undecodable && (item.width !== width || item.height !== height)) seeAsTheApi(item);
  }
  item.width ??= width;
  item.height ??= height;
  const sx = item.width / answer.image.width, sy = item.height / answer.image.height;
  item.answer = answer;
  const found = answer.detections.map(({ label, score, box }, i) => ({
    id: i, label, score, colour: colourOf(label),
    x0: box.xmin * sx, y0: box.ymin * sy, x1: box.xmax * sx, y1: box.ymax * sy,
  }));
  Object.assign(item, { edits: carryEdits(item, found), undone: [], found });
  item.full = item.found.length >= maxDetections;
  item.sent = { ...sent, saves, body: null, width: answer.image.width, height: answer.image.height, bytes: sent.body.size, ms: performance.now() - started, at: Date.now() };
  item.corrected = null;
  if (item.undecodable) await drawByServer(item);
}

/** How a picture was counted otherwise than it would be now, in words; "" if it would be the same. */
function oddity(item) {
  const { answer, sent } = item;
  if (answer.model.name !== model.name || answer.model.version !== model.version) return `with ${answer.model.name} ${answer.model.version}`;
  if (sent.saves === savesData() || item.undecodable) return "";
  return sent.isScaled ? "from a scaled picture" : savesData() && Math.max(item.width, item.height) > longSide() ? "from the original" : "";
}

function post({ body, uploadId }, query, accept) {
  const path = `v1/detect?${query}`;
  if (uploadId) return postJson(path, { upload_id: uploadId }, accept);
  // never as text or JSON, which gateways pass on as text
  const type = body.type.startsWith("image/") ? body.type : "application/octet-stream";
  return api(path, { method: "POST", body, headers: { "Content-Type": type, Accept: accept } });
}

/** Shows the API's drawing of a picture that the browser sees at another size, so that boxes lie where they belong. */
function seeAsTheApi(item) {
  URL.revokeObjectURL(item.url);
  Object.assign(item, { undecodable: true, image: null, url: null, width: undefined, height: undefined });
}

/** What a drawing of the API depends on. */
const drawingOf = () => [threshold, ...off].join("\n");

/** Shows the annotated picture of the API, for HEIC and TIFF that the browser cannot read. */
async function drawByServer(item) {
  const drawnFor = drawingOf();
  const labels = [...new Set(item.found.map((each) => each.label))].filter((label) => !off.has(label));
  const query = new URLSearchParams({ score_threshold: labels.length || !off.size ? threshold : 1 });
  if (off.size) for (const label of labels) query.append("labels", label);
  const blob = await (await post(await original(item), query, "image/jpeg")).blob();
  if (item.url) URL.revokeObjectURL(item.url);
  Object.assign(item, { url: null, drawnBlob: blob, drawnFor });
  const image = new Image();
  image.src = urlOf(item);
  await image.decode();
  item.image = image;
  item.thumb = thumbOf(image, image.naturalWidth, image.naturalHeight);
  if (item === current) showPicture();
  refreshStrip();
}

async function drawAgain() {
  const item = current;
  if (!item?.undecodable || item.state !== "done") return;
  try { await drawByServer(item); } catch (error) { say(error.detail || "The picture could not be drawn again."); }
}
