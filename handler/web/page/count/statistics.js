// Statistics: intervals of counts and means.

/** ln Γ(z), z > 0, by Stirling's series. */
const lnGamma = (z) => (z < 10 ? lnGamma(z + 1) - Math.log(z) : (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + 1 / (12 * z) - 1 / (360 * z ** 3) + 1 / (1260 * z ** 5));

/** The regularised lower incomplete gamma function P(a, x), by its series (DLMF 8.11.4). */
function gammaP(a, x) {
  let sum = 1;
  for (let n = 1, term = 1; term > sum * 1e-15; n++) sum += term *= x / (a + n);
  return x > 0 ? sum * Math.exp(a * Math.log(x) - x - lnGamma(a + 1)) : 0;
}

/** The exact 95 % interval of a Poisson mean after `count` (Garwood 1936). */
function poissonInterval(count) {
  const solve = (a, p) => {
    let low = 0, high = count + 10 * Math.sqrt(count + 4);
    for (let i = 0; i < 60; i++) gammaP(a, (low + high) / 2) < p ? (low = (low + high) / 2) : (high = (low + high) / 2);
    return low;
  };
  return { low: count > 0 ? solve(count, 0.025) : 0, high: solve(count + 1, 0.975) };
}

/** Student's t at 97.5 % (Abramowitz and Stegun 26.7.5, from four degrees of freedom). */
function studentT(df) {
  if (df < 4) return { 2: 4.302653, 3: 3.182446 }[df];
  const z = 1.959964, term = (divisor, ...powers) => powers.reduce((sum, factor, i) => sum + factor * z ** (2 * i + 1), 0) / divisor;
  return z + term(4 * df, 1, 1) + term(96 * df ** 2, 3, 16, 5) + term(384 * df ** 3, -15, 17, 19, 3) + term(92160 * df ** 4, -945, -1920, 1482, 776, 79);
}
