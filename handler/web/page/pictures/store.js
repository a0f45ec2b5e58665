// Settings that outlive a reload, in localStorage under one key; in memory where the browser refuses storage.

const SETTINGS_KEY = "icebox";
const settings = (() => {
  try { return { ...JSON.parse(localStorage.getItem(SETTINGS_KEY)) }; } catch { return {}; } // refused, or no JSON
})();

/** The setting's value, or `fallback` if it was never set. Values are whatever JSON holds. */
const setting = (name, fallback = null) => (Object.hasOwn(settings, name) ? settings[name] : fallback);

/** Sets a setting; undefined forgets it. Another tab's settings of other names stay. */
function setSetting(name, value) {
  settings[name] = value;
  if (value === undefined) delete settings[name];
  try {
    const stored = { ...JSON.parse(localStorage.getItem(SETTINGS_KEY)), [name]: value };
    localStorage.setItem(SETTINGS_KEY, JSON.stringify(stored));
  } catch { /* kept in memory */ }
}
