// Cells per mL: counts, volumes and a dilution, with the interval. Formulas and sources: docs/page.md.

/* Counting chambers: depth in mm, null where it is typed; squares: [name, area in mm² of one, how many there are]. */
const CHAMBERS = {
  neubauer: { name: "Haemocytometer (improved Neubauer)", depth: 0.1, squares: [["Large squares of 1 mm²", 1, 9], ["Group squares of the centre, 0.04 mm²", 0.04, 25]] },
  fuchs: { name: "Fuchs-Rosenthal", depth: 0.2, squares: [["Large squares of 1 mm²", 1, 16]] },
  sedgewick: { name: "Sedgewick-Rafter", depth: 1, squares: [["Squares of 1 mm²", 1, 1000]] },
  palmer: { name: "Palmer-Maloney", depth: 0.4, squares: [["Whole chamber of 0.1 mL", 250, 1]] },
  other: { name: "Another", depth: null, squares: [] },
};

/** The concentration of parts [{ count, volume in µL }] of one sample: { count, volume, perMl, low, high, from }.
 * The interval is the wider of that of counting, and, from three parts, that of the spread between them. */
function concentrate(parts, dilution) {
  const sum = (of) => parts.reduce((total, part) => total + of(part), 0), n = parts.length;
  const count = sum((part) => part.count), volume = sum((part) => part.volume), perMl = (cells) => (cells / volume) * 1000 * dilution;
  let { low, high } = poissonInterval(count), from = "counting";
  const half = n > 2 ? studentT(n - 1) * Math.sqrt((n / (n - 1)) * sum((part) => (part.count - (count * part.volume) / volume) ** 2)) : 0;
  if (2 * half > high - low) [low, high, from] = [Math.max(0, count - half), count + half, "spread"];
  return { count, volume, perMl: perMl(count), low: perMl(low), high: perMl(high), from };
}

/** What was chosen, as typed: { chamber, shows, squares, diameter, depth, volume, dilution, pooled }. */
const chamberSettings = () => ({ chamber: "", shows: "", squares: "1", diameter: "", depth: "", volume: "", dilution: "1", pooled: true, ...setting("chamber", {}) });

/** The volume in µL (mm³) of what is counted on a picture. Throws Error in words. */
function volumeOf(item, chosen) {
  const { depth, squares } = CHAMBERS[chosen.chamber];
  const deep = () => depth ?? readNumber(chosen.depth, "The depth", 0.001, 100);
  if (chosen.shows === "volume") return readNumber(chosen.volume, "The volume", 1e-6, 1e6);
  if (chosen.shows === "field") return (Math.PI / 4) * readDiameter(chosen.diameter) ** 2 * deep();
  if (chosen.shows === "scale" && !scaleOf(item)) throw new Error(`The scale of ${item.name} is not known: set it under Scale and sizes.`);
  if (chosen.shows === "scale") return regionArea(item) * (scaleOf(item) / 1000) ** 2 * deep();
  const [, area, most] = squares[chosen.shows], number = readNumber(chosen.squares, "The number of squares", 1, most);
  if (number % 1) throw new Error("The number of squares must be whole.");
  return number * area * depth;
}

/** The concentration of an item's sample: what `concentrate` gives, with { chamber, dilution, pictures, warnings } and in words
 * { short, sentence, detail }; { trouble } in words where it cannot be computed; null as long as no volume is chosen. */
const concentrationOf = (item) => once(chamberSettings().pooled ? "pooled" : item, () => reckonConcentration(item));

function reckonConcentration(item) {
  const chosen = chamberSettings(), chamber = CHAMBERS[chosen.chamber];
  if (!item || !chamber || !chosen.shows) return null;
  const pool = chosen.pooled ? items : [item], done = pool.filter(isDone);
  try {
    const dilution = readNumber(String(chosen.dilution).replace(/^\s*1\s*:/, ""), "The dilution", 1, 1e9);
    const parts = done.map((each) => ({ count: finalOf(each), volume: volumeOf(each, chosen) }));
    if (!parts.length) throw new Error("No picture is counted yet.");
    const isUncorrected = (each) => correctedOf(each) === null, full = done.filter((each) => each.full && isUncorrected(each));
    if (full.length) throw new Error(`${full[0].name} has more cells than the API returns: dilute the sample.`);
    const result = concentrate(parts, dilution), n = parts.length, missing = pool.length - n;
    const odd = model.count_calibration ? done.filter((each) => isUncorrected(each) && each.answer.at_model_thresholds?.no_interval) : [];
    const show = powersOf(result.perMl, result.high), [value, low, high] = [result.perMl, result.low, result.high].map((each) => show(each));
    const shows = { volume: "own volume", field: "microscope’s field", scale: "area by the scale" }[chosen.shows] || `${chosen.squares.trim()} ${chamber.squares[chosen.shows][0].toLowerCase().replace("squares", Number(chosen.squares) === 1 ? "square" : "squares")}`;
    const own = intervalOf(item), errors = done.some(isUncorrected) ? ": the model’s own errors come on top" : "";
    return {
      ...result, chamber: `${chamber.name}, ${shows}`, dilution, pictures: n,
      warnings: [
        missing && `${pictureCount(missing)} of ${pool.length} not in it: failed, or not counted yet.`,
        result.count < 10 && "Fewer than 10 cells: count more pictures.",
        odd.length && `Check the count of ${pictureCount(odd.length)}: ${odd[0].answer.at_model_thresholds.no_interval}.`,
        chosen.shows === "scale" && done.some((each) => !each.region) && "Without a region, the whole picture is the counted area.",
      ].filter(Boolean),
      short: value + show.power,
      sentence: `${value}${show.power} cells per mL, 95 %: ${low}–${high}${show.power} (${result.from === "spread" ? `spread of ${n} pictures` : "counting error only"}${errors})`,
      detail: `${formatCount(result.count)} cells in ${significant(result.volume)} µL: ${chamber.name}, ${shows}, ${pictureCount(n)}, ${dilution > 1 ? `diluted 1 in ${significant(dilution)}` : "undiluted"}.`
        + (n === 1 && own ? ` The model’s own interval of the count, ${own.low}–${own.high}, is ${show((own.low * result.perMl) / result.count)}–${show((own.high * result.perMl) / result.count)}${show.power} per mL.` : ""),
    };
  } catch (error) {
    return { trouble: error.message };
  }
}
const pictureCount = (n) => (n === 1 ? "1 picture" : `${formatInteger(n)} pictures`);
