// Total, mean and spread of the counts of all pictures.

/** Of the pictures that are counted (n of `of`): total, mean, sd (of the sample: n - 1; null of fewer than two), and how many are corrected. */
function totalsOf(some) {
  const done = some.filter(isDone), counts = done.map(finalOf), n = counts.length;
  const total = counts.reduce((sum, each) => sum + each, 0), mean = n ? total / n : null;
  const sd = n > 1 ? Math.sqrt(counts.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1)) : null;
  return { n, of: some.length, total, mean, sd, corrected: done.filter((item) => correctedOf(item) != null).length };
}

const formatMean = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format;

function totalsText({ n, of, total, mean, sd, corrected }) {
  if (!n) return `0 of ${formatInteger(of)} counted`;
  const spread = sd == null ? "" : ` ± ${formatMean(sd)} (SD)`;
  const which = n === of ? `${formatInteger(of)} pictures` : `${formatInteger(n)} of ${formatInteger(of)} pictures`;
  return `total ${formatCount(total)}, mean ${formatMean(mean)}${spread}, of ${which}${corrected ? `, ${formatInteger(corrected)} corrected` : ""}`;
}
