// What is tried again by itself: an API that is busy, a connection that is lost.

const RETRY = { tries: 5, base: 1000, longest: 60000 }; // tries of one picture; ms of the first and the longest wait
let retryAt = 0, retryWhy = ""; // when the next try is, as Date.now(), or 0; why, in a word
let wasBusy = false;
let inRow = 0; // pictures that failed one after the other, though each was tried again

/** ms to wait after try number `tries`: exponential, by chance half of it less, and never less than the API asks for. */
const delayOf = (tries, asked = 0) => Math.max(asked, Math.min(RETRY.longest, RETRY.base * 2 ** (tries - 1)) * (0.5 + Math.random() / 2));

/** ms that a Retry-After header asks for: seconds, or a date (RFC 9110, 10.2.3). */
const msOf = (header) => Math.max(0, (/^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()) || 0);

/** Whether another try may help without the user. Of one picture alone, the user is told of a lost connection at once. */
const isPassing = ({ status, isLost }) => [429, 503].includes(status) || (items.length > 1 && (isLost || [502, 504].includes(status)));

/** Puts a picture that failed back into the queue, or gives it up. */
function fail(item, trouble) {
  if (isPassing(trouble)) {
    const isOffline = trouble.isLost && !navigator.onLine;
    if (!isOffline) item.tries = (item.tries || 0) + 1;
    if (isOffline || item.tries < RETRY.tries) {
      wasBusy = true;
      retryWhy = isOffline ? "Offline" : trouble.status === 429 || trouble.status === 503 ? "Busy" : trouble.title;
      retryAt = Math.max(retryAt, Date.now() + (isOffline ? 0 : delayOf(item.tries, trouble.after)));
      item.state = "waiting";
      return;
    }
    inRow += 1;
  }
  item.trouble = trouble;
  item.state = "failed";
  if (!someAre("waiting")) return;
  if (trouble.needsKey) stop("A key is needed");
  else if (inRow > 1) stop(trouble.title); // the others would fail, too
}

function stop(why) {
  stopped = why;
  endWait();
  tell("items");
}

/** Goes on with what waits, and with what failed for want of a key. */
function goOn() {
  stopped = "";
  inRow = retryAt = 0;
  retry(...items.filter((item) => item.trouble?.needsKey));
}

let endWait = () => {};
const waits = () => (retryAt > Date.now() || (retryAt && retryWhy === "Offline" && !navigator.onLine));

/** Waits for the time of the next try, and for a connection, unless the queue is stopped. */
async function waitForRetry() {
  while (!stopped && someAre("waiting") && waits()) {
    tell("wait");
    await new Promise((resolve) => {
      endWait = resolve;
      setTimeout(resolve, Math.min(1000, Math.max(50, retryAt - Date.now())));
    });
  }
  retryAt = 0;
}
const tryNow = () => {
  retryAt = Math.min(retryAt, Date.now());
  endWait();
};
addEventListener("online", () => endWait());

/** The wait for the next try in words, "" if there is none. */
const waitText = () => (!waits() ? "" : retryWhy === "Offline" ? "Offline: goes on with the connection" : `${retryWhy}: next try in ${formatInteger(Math.ceil((retryAt - Date.now()) / 1000))} s`);
