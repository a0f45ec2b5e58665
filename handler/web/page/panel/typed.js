// Numbers that the user types, and how measured ones are shown.

/** A typed number, with a decimal point or comma. Throws Error in words for the user. */
function readNumber(text, what, low, high) {
  const typed = String(text).trim(), comma = new Intl.NumberFormat(navigator.languages).format(0.5).includes(",");
  if (!typed) throw new Error(`${what} is missing.`);
  // 1,000 may be a thousand or one; 1.000, too, for those who write decimals with a comma
  if ((comma ? /^[1-9]\d{0,2}[.,]\d{3}$/ : /^[1-9]\d{0,2},\d{3}$/).test(typed)) throw new Error(`${what}: ${typed} has two meanings. Write ${typed.replace(/[.,]/, "")} or ${typed.replace(",", ".")}0.`);
  if (!/^(\d+([.,]\d*)?|[.,]\d+)$/.test(typed)) throw new Error(`${what} must be a number such as 20, 0.5 or 0,5.`);
  const value = Number(typed.replace(",", "."));
  if (!(value >= low && value <= high)) throw new Error(`${what} must be from ${low} to ${formatInteger(high)}.`);
  return value;
}

/** The field's diameter in mm, or "20/40": field number by magnification. */
function readDiameter(text) {
  const [number, by, ...more] = String(text).split("/");
  if (more.length) throw new Error("The diameter must be a number, or one divided by another.");
  return by === undefined ? readNumber(number, "The diameter", 0.01, 100) : readNumber(number, "The field number", 1, 100) / readNumber(by, "The magnification", 0.5, 200);
}

/** A number with three significant digits. */
const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format;

/** Shows numbers of one size alike: (1230000) → "1.23", or "1.23 × 10⁶" with the power, which is also `.power`. */
function powersOf(value, largest) {
  const exponent = Number((value || largest).toExponential(2).split("e")[1]), isLarge = exponent > 3;
  const power = isLarge ? ` × 10${[...String(exponent)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}` : "";
  const show = (number, withPower) => (isLarge && number ? (number / 10 ** exponent).toFixed(2) : significant(number)) + (withPower ? power : "");
  return Object.assign(show, { power });
}

/** Labelled inputs for a card: [[id, label, the input's type or "select", hint], …]. `act` is called with (id, value) by each change. */
function makeFields(rows, act) {
  return rows.map(([id, name, type, hint]) => {
    const label = Object.assign(document.createElement("label"), { className: "field", textContent: name });
    const input = document.createElement(type === "select" ? type : "input");
    input.id = id;
    if (type === "number") Object.assign(input, { inputMode: "decimal", autocomplete: "off" });
    input.addEventListener(type === "select" ? "change" : "input", () => act(id, input.value));
    if (hint) label.append(Object.assign(document.createElement("small"), { textContent: hint }));
    label.append(input);
    return label;
  });
}

/** Fills a select with [[value, text], …], and keeps its value where it can. */
function fillSelect(select, rows, value = select.value) {
  select.replaceChildren(...rows.map(([each, text]) => new Option(text, each)));
  select.value = rows.some(([each]) => each === value) ? value : rows[0][0];
}
