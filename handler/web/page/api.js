// Calls the API, with the key that it asks for, and puts its errors into words for the user.

const MAX_BYTES = 4.5e6; // the largest picture in a request, since Lambda gets it as base64
const WAIT_MS = 40000; // longer than the API's own limit of 30 s
const KEY = "icebox-key";
let loading = null; // promise of the manifest

/** An error in words for the user. actions: keys of ACTIONS that may help. */
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
  try { key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY); } catch { /* without storage, the key is asked for again */ }
  $("key-open").hidden = !key;
}

/** Fetches a response with a 2xx status. Asks the user for a key if the API requires one. Throws Trouble. */
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

/** Posts a document as JSON, like `api`. */
function postJson(path, document, accept = "application/json") {
  return api(path, { method: "POST", body: JSON.stringify(document), headers: { "Content-Type": "application/json", Accept: accept } });
}

/** The error of a response in words, its own where it has some. */
async function troubleOf(response) {
  const status = response.status;
  const text = await response.text().catch(() => "");
  let problem = {};
  try { problem = JSON.parse(text) || {}; } catch { /* no JSON */ }
  const detail = problem.detail || "";
  const sentence = detail && detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
  if (status === 413 && !problem.title) return new Trouble("Too large", `This picture is too large for the API, which takes about ${MAX_BYTES / 1e6} MB.`, ["scaled", "other"], status);
  if (status === 429) return new Trouble("Busy", "The API has too many requests. Try again in a moment.", undefined, status);
  if (status >= 500) return new Trouble("That went wrong", `The API failed (${status}); the picture is not to blame. Try again.`, undefined, status);
  const trouble = new Trouble(problem.title || "Not accepted", sentence || problem.message || `The API answered ${status}.`, status === 413 ? ["scaled", "other"] : ["other"], status);
  trouble.noRoute = status === 405 || (status === 404 && (!problem.type || problem.type.endsWith(":not-configured") || detail.startsWith("there is no such path")));
  return trouble;
}

function askKey(reason) {
  const dialog = $("key");
  if (dialog.open) return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "key"), { once: true }));
  $("key-said").textContent = reason;
  $("key-said").className = reason ? "bad" : "";
  $("key-text").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "key"), { once: true }));
}

/** Loads the manifest, once. Throws Trouble. */
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
  const fraction = (threshold - slider.min) / (slider.max - slider.min);
  $("default-mark").style.left = `calc(${fraction * 100}% + ${8 - 16 * fraction}px)`; // a thumb is 16 px
  $("exact-hint").textContent = canScale()
    ? `Otherwise this device scales pictures to ${longSide()} px, twice the model's input, and sends far fewer bytes.`
    : "This model needs exact pixels: pictures are scaled only if they are too large to send.";
}

/** Whether the page may scale pictures: where the server decodes large JPEGs at a reduced size as well. */
const canScale = () => model.resize.rule === "antialias" && model.resize.fit !== "stretch";
const longSide = () => 2 * Math.max(model.input.width, model.input.height);
