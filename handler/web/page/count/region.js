// Regions: the part of a picture that is counted.

/* item.region: null, or { shape, numbers, border }. numbers, in px of the upright picture: of a "circle" its centre's x and y and
 * its radius; of a "rectangle" left, top, right, bottom; of a "polygon" x and y of each corner. border, for boxes on it: "count",
 * "exclude", "half" or "two-sides".
 * What lies beyond the picture is cut off; a polygon that crosses itself has the even-odd interior, as it is drawn.
 * A box is on the border where it and the outline share a point, even a single one. The picture's edge belongs to the
 * outline where it cuts the region: objects are cut there, too. */

/** A region's corners; of a circle, four points of its rim. */
function cornersIn({ shape, numbers }) {
  const [a, b, c, d] = numbers;
  if (shape === "circle") return [[a + c, b], [a, b + c], [a - c, b], [a, b - c]];
  return shape === "rectangle" ? [[a, b], [c, b], [c, d], [a, d]] : numbers.flatMap((x, i) => (i % 2 ? [] : [[x, numbers[i + 1]]]));
}

/** The region's sides: x and y of both ends. */
const sidesOf = (region) => cornersIn(region).map((corner, i, all) => [...corner, ...all[(i + 1) % all.length]]);

/** Where a horizontal line enters and leaves the region: x ascending, in pairs. */
function chords(region, y) {
  const [cx, cy, r] = region.numbers, half = Math.sqrt(Math.max(0, r * r - (y - cy) ** 2));
  if (region.shape === "circle") return [cx - half, cx + half];
  const crossed = sidesOf(region).filter(([, ay, , by]) => ay > y !== by > y);
  return crossed.map(([ax, ay, bx, by]) => ax + ((y - ay) * (bx - ax)) / (by - ay)).sort((a, b) => a - b);
}

/** Whether a side and a box share a point: no axis of either separates them. */
function meetsBox([ax, ay, bx, by], { x0, y0, x1, y1 }) {
  if (Math.max(ax, bx) < x0 || Math.min(ax, bx) > x1 || Math.max(ay, by) < y0 || Math.min(ay, by) > y1) return false;
  const turn = (x, y) => Math.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax));
  return Math.abs(turn(x0, y0) + turn(x1, y0) + turn(x0, y1) + turn(x1, y1)) < 4;
}

/** Whether a point lies in the region. */
const isIn = (region, { x, y }) => chords(region, y).filter((each) => each < x).length % 2 === 1;

/** How near to the picture's edge a box touches it: within 1 px of the model's input, here in px of the picture. */
const edgeWidth = ({ width, height }) => Math.max(1, Math.max(width, height) / Math.max(model.input.width, model.input.height));

/** Where a box lies: 1 inside, 0 on the border, -1 outside. */
function regionSide(item, box) {
  const { region, width, height } = item, { x0, y0, x1, y1 } = box, edge = edgeWidth(item);
  let isInside = isIn(region, { x: x0, y: y0 }); // as all of the box where it does not meet the outline
  if (region.shape === "circle") {
    const [cx, cy, r] = region.numbers;
    isInside = Math.hypot(Math.max(cx - x0, x1 - cx), Math.max(cy - y0, y1 - cy)) < r; // the farthest point, then the nearest
    if (!isInside && Math.hypot(Math.max(x0 - cx, 0, cx - x1), Math.max(y0 - cy, 0, cy - y1)) <= r) return 0;
  } else if (sidesOf(region).some((side) => meetsBox(side, box))) return 0;
  return !isInside ? -1 : x0 <= edge || y0 <= edge || x1 >= width - edge || y1 >= height - edge ? 0 : 1;
}

/** How much a box counts: 1, 0.5 or 0. "two-sides", as in a haemocytometer: on a rectangle's top or left line it counts, on the
 * bottom or right line not, so that of squares side by side one has it. */
function weightIn(item, box) {
  const place = regionSide(item, box), { border, numbers } = item.region, edge = edgeWidth(item);
  if (place || border !== "two-sides") return place ? (place > 0 ? 1 : 0) : { count: 1, half: 0.5 }[border] || 0;
  return box.x1 < Math.min(numbers[2], item.width - edge) && box.y1 < Math.min(numbers[3], item.height - edge) ? 1 : 0;
}

/** The area that is counted, in px²: the region's on the picture, by the middles of 4000 rows. */
function regionArea({ region, width, height }) {
  if (!region) return width * height;
  const ys = cornersIn(region).map(([, y]) => Math.min(height, Math.max(0, y))), top = Math.min(...ys), step = (Math.max(...ys) - top) / 4000;
  let sum = 0;
  for (let i = 0; i < 4000; i++) chords(region, top + (i + 0.5) * step).forEach((x, j) => { sum += (j % 2 ? 1 : -1) * Math.min(width, Math.max(0, x)); });
  return sum * step;
}

/** How many boxes of shown classes are outside, on the border and inside. */
function regionTally(item) {
  const tally = [0, 0, 0];
  for (const each of boxesOf(item)) if (!off.has(each.label)) tally[regionSide(item, each) + 1] += 1;
  return { outside: tally[0], border: tally[1], inside: tally[2] };
}

/** The count's words for where it was counted. */
function inRegion(item) {
  const outside = item.region && item.found ? regionTally(item).outside : 0;
  return (item.region ? " in the region" : "") + (outside ? `, ${formatInteger(outside)} outside` : "");
}

/** A region scaled, then moved. A circle stays one. */
function mappedRegion(region, sx, sy, dx = 0, dy = 0) {
  return { ...region, numbers: region.numbers.map((each, i, { length }) => (length === 3 && i === 2 ? each * Math.min(sx, sy) : i % 2 ? each * sy + dy : each * sx + dx)) };
}
