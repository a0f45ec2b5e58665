// The bar of a batch: how many are counted, the time left, pause and cancel, and what failed.

const LISTED = 50; // failures by name; the table has all
const isOld = (item) => item.state === "done" && !!oddity(item);

/** Shows a sentence on the whole list of pictures, "" for none. */
function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  if (text) say(text);
}

function showProgress() {
  const by = (state) => items.filter((item) => item.state === state);
  const failed = by("failed"), done = by("done"), left = by("waiting").length + by("working").length, cancelled = by("cancelled").length;
  const bar = $("batch-bar"), wait = left ? waitText() : "", n = (value) => formatInteger(value);
  bar.hidden = items.length < 2 && !stopped && !wait && !cancelled;
  $("batch").hidden = items.length < 2;
  if (bar.hidden) return;
  bar.classList.toggle("running", left > 0);
  const counted = items.length - left - cancelled, progress = $("progress");
  progress.hidden = !left;
  Object.assign(progress, { max: items.length - cancelled, value: counted });
  const parts = left ? [wait || (stopped && (stopped === PAUSED ? PAUSED : `Paused: ${stopped}`)), `${n(counted)} of ${n(items.length)}`, !wait && !stopped && timeLeft(left)] : [`${n(done.length)} counted`, failed.length && `${n(failed.length)} failed`];
  if (cancelled) parts.push(`${n(cancelled)} not counted`);
  const odd = done.filter(oddity);
  if (odd.length) parts.push(`${n(odd.length)} counted ${oddity(odd[0])}`);
  $("progress-text").textContent = parts.filter(Boolean).join(" · ");
  $("pause").textContent = stopped ? "Continue" : "Pause";
  for (const [id, isOn] of [["pause", left], ["try-now", wait], ["cancel", left], ["rest", cancelled && !left], ["recount", odd.length && !left], ["forget-all", !left]]) $(id).hidden = !isOn;
  $("failures").hidden = !failed.length;
  $("failures").firstElementChild.textContent = `${n(failed.length)} failed`;
  if ($("failures").open) listFailures(failed);
  if (current && ["waiting", "cancelled"].includes(current.state)) showBusy();
}

function listFailures(failed) {
  const lines = failed.slice(0, LISTED).map((item) => {
    const line = document.createElement("li"), name = button(item.name, () => show(item));
    name.className = "link";
    const again = button("Try again", () => { $("failures").firstElementChild.focus(); retry(item); });
    again.setAttribute("aria-label", `Try ${item.name} again`);
    line.append(name, ` ${item.trouble.title} `, again);
    return line;
  });
  if (failed.length > LISTED) lines.push(Object.assign(document.createElement("li"), { textContent: `and ${formatInteger(failed.length - LISTED)} more` }));
  $("failures").querySelector("ul").replaceChildren(...lines);
}

/** The time left in words, by the median of the latest pictures; "" before there are three. */
function timeLeft(left) {
  const times = items.filter((item) => item.state === "done" && item.sent?.ms && item.sent.at > pageLoaded).slice(-30).map((item) => item.sent.ms).sort((a, b) => a - b);
  if (times.length < 3) return "";
  const seconds = (times[times.length >> 1] * left) / 1000 / (wasBusy ? 1 : LANES);
  return seconds < 90 ? `about ${Math.max(10, Math.ceil(seconds / 10) * 10)} s left` : `about ${Math.ceil(seconds / 60)} min left`;
}
const pageLoaded = Date.now();

let progressFrame = 0;
const progressSoon = () => { progressFrame ||= requestAnimationFrame(() => { progressFrame = 0; showProgress(); }); };
on("items", progressSoon);
on("wait", progressSoon);
let wasRunning = false;
on("items", () => {
  const isRunning = someAre("waiting", "working");
  if (wasRunning && !isRunning && items.length > 2) say(`All counted: ${items.filter((item) => item.state === "done").length} of ${items.length}.`);
  wasRunning = isRunning;
});

$("pause").addEventListener("click", () => { stopped ? goOn() : stop(PAUSED); });
$("try-now").addEventListener("click", () => { tryNow(); $("pause").focus(); });
$("cancel").addEventListener("click", () => { cancelWaiting(); $("rest").hidden = false; $("rest").focus(); });
$("rest").addEventListener("click", () => { $("pause").hidden = false; $("pause").focus(); retry(...items.filter((item) => item.state === "cancelled")); });
$("again-all").addEventListener("click", () => { $("failures").open = false; retry(...items.filter((item) => item.state === "failed")); });
$("failures").addEventListener("toggle", showProgress);
$("recount").addEventListener("click", async () => {
  const some = items.filter(isOld), withWork = some.filter((item) => item.corrected != null).length;
  if (withWork && !(await ask(`${formatInteger(withWork)} of them have a typed count, which a new count removes.`, "Count all again"))) return;
  retry(...some);
});
$("forget-all").addEventListener("click", async () => {
  if (!(await ask(`Forget all ${formatInteger(items.length)} pictures, with counts, corrections and notes?`, "Forget all"))) return;
  forget(...items);
  $("choose").focus();
});
