// The scale of a picture in µm a px, and the sizes of cells by their boxes.

/* The setting "scale": { um, width, height, also }: µm a px on pictures of width × height px, the longer side first;
 * also: sizes, as "2000x1500", of pictures that the user says show the same view, made smaller or larger. */
const sides = ({ width, height }) => [Math.max(width, height), Math.min(width, height)];

/** µm a px of an item's picture, null where it is not known. */
function scaleOf(item) {
  const scale = setting("scale");
  if (!scale || !item?.width) return null;
  const size = sides(item).join("x");
  return size === sides(scale).join("x") ? scale.um : scale.also.includes(size) ? (scale.um * scale.width) / sides(item)[0] : null;
}

/** Whether the picture may be the scale's view in another size: its sides are as 2 px of rounding let them be. */
function mayBeSameView(item) {
  const scale = setting("scale"), [long, short] = sides(item);
  return !!scale && Math.abs(short - (long * scale.height) / scale.width) <= 1;
}

function setScale(um, { width, height }, name = "") {
  const [long, short] = sides({ width, height });
  setSetting("scale", um ? { um, width: long, height: short, name, also: [] } : undefined);
  tell("scale");
  paint();
}

/** The longest of 1, 2, 5, 10, 20 … that is not above `most`. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [5, 2, 1].find((factor) => factor * power <= most * (1 + 1e-9));
}

/** Whether a box is cut by the picture's edge, and so tells no size. */
const isCut = (item, { x0, y0, x1, y1 }) => x0 <= 1 || y0 <= 1 || x1 >= item.width - 1 || y1 >= item.height - 1;

/** A box's { length, width }, its longer and shorter side, in µm or px; null where the edge cuts it. */
function sizeOf(item, box, scale) {
  const [length, width] = sides({ width: box.x1 - box.x0, height: box.y1 - box.y0 });
  return isCut(item, box) ? null : { length: length * scale, width: width * scale };
}

/** Sizes of the boxes that count, in µm or, without a scale, in px. */
const sizesOf = (item, scale = scaleOf(item) ?? 1) => shown(item).map((box) => sizeOf(item, box, scale)).filter(Boolean);

/** { n, mean, sd, median } of numbers; sd is null of fewer than two. */
function summary(values) {
  const n = values.length, sorted = [...values].sort((a, b) => a - b), mean = values.reduce((sum, each) => sum + each, 0) / n;
  const sd = n > 1 ? Math.sqrt(values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1)) : null;
  return { n, mean, sd, median: (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2 };
}

/** Counts of values in bins from 0, each `step` wide, up to `most`. */
function histogram(values, step, most) {
  const bins = Array(Math.floor(most / step) + 1).fill(0);
  for (const value of values) bins[Math.floor(value / step + 1e-9)]++;
  return bins;
}

const ofScale = (of) => (item, box) => (scaleOf(item) ? of(item, box) : null);
for (const side of ["length", "width"]) {
  cellColumns.push({ name: `${side}_um`, value: ofScale((item, box) => round(sizeOf(item, box, scaleOf(item))?.[side])) });
  pictureColumns.push({ name: `mean_${side}_um`, value: ofScale((item) => round(summary(sizesOf(item).map((size) => size[side])).mean)) });
}
pictureColumns.push({ name: "um_per_px", value: scaleOf });
reportParts.push((item) => ({ um_per_px: scaleOf(item) }));
