// Asks for the API's key, and keeps it until the tab is closed.

const KEY = "icebox-key";

function storedKey() {
  try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
}
function storeKey(key) {
  try { key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY); } catch { /* without storage, the key is asked for again */ }
  $("key-open").hidden = !key;
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

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("key-text").value.trim();
  if (!text || /[^\x21-\x7e]/.test(text)) { // a header can carry no others
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
