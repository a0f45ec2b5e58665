// Asks for the API's key, and keeps it until the tab is closed.

const KEY = "icebox-key";

function storedKey() {
  try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
}
function storeKey(key) {
  try { key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY); } catch { /* without storage, the key is asked for again */ }
  $("key-open").hidden = !key;
}

/** Opens the dialog, or waits for the open one. Gives whether there is a new key. */
function askKey(reason, title = "This API asks for a key") {
  const dialog = $("key");
  if (!dialog.open) {
    $("key-title").textContent = title;
    sayOfKey(reason);
    $("key-text").value = "";
    $("key-forget").hidden = !storedKey();
    dialog.returnValue = "";
    dialog.showModal();
  }
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "key"), { once: true }));
}

function sayOfKey(text) {
  $("key-said").textContent = text;
  $("key-said").className = text ? "bad" : "";
}

/** What speaks against a key, "" if nothing: the present one stays until then. */
async function objection(key) {
  if (!key || /[^\x21-\x7e]/.test(key)) return "A key has letters, digits and signs, without spaces."; // a header can carry no others
  try {
    const response = await fetch(at("v1/model"), { headers: { Authorization: `Bearer ${key}` } });
    return [401, 403].includes(response.status) ? (await troubleOf(response)).detail : "";
  } catch { return ""; } // not reached: told by what needs the key
}

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("key-text").value.trim(), wrong = await objection(text);
  if (wrong) return sayOfKey(wrong);
  storeKey(text);
  $("key").close("key");
});
$("key-cancel").addEventListener("click", () => $("key").close(""));
$("key-forget").addEventListener("click", () => {
  storeKey("");
  $("key").close("");
  say("The key is forgotten.");
});
$("key-open").addEventListener("click", async () => {
  if (!(await askKey("", "Another key"))) return;
  loading = null;
  await loadModel().catch(() => {});
  goOn();
});
