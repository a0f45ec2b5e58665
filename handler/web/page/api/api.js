// Calls the API, with the key that it asks for, and puts its errors into words for the user.

const MAX_BYTES = 4.5e6; // the largest picture in a request, since Lambda gets it as base64
const WAIT_MS = 40000; // longer than the API's own limit of 30 s

/** An error in words for the user. actions: keys of ACTIONS that may help. What it may have besides: isLost: nothing was answered;
 * after: ms after which the API wants to be asked again; needsKey; noRoute: the API has no such path. */
class Trouble extends Error {
  constructor(title, detail, actions = ["again", "other"], status = 0) {
    super(detail);
    Object.assign(this, { title, detail, actions, status });
  }
}

const lost = (...words) => Object.assign(new Trouble(...words), { isLost: true });

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
      if (error.name === "TimeoutError") throw lost("No answer", `The API did not answer within ${WAIT_MS / 1000} seconds. Try again in a moment.`);
      throw lost(navigator.onLine ? "Not reached" : "You are offline", "The API could not be reached. Check the connection, then try again.");
    }
    if (response.ok) return response;
    const trouble = await troubleOf(response);
    trouble.after = msOf(response.headers.get("Retry-After"));
    const wantsKey = response.status === 401 || (response.status === 403 && key);
    if (!wantsKey) throw trouble;
    if (storedKey() === key && !(await askKey(key ? trouble.detail : ""))) throw Object.assign(new Trouble("A key is needed", trouble.detail, ["key", "other"], response.status), { needsKey: true });
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
