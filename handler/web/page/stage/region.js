// The tool that makes, moves and resizes a region by pointer and keys.

let polygonDraft = null; // corners of a polygon that is not closed yet, or null
let regionGrip = null; // what the pointer holds: { from, region: as it was, part: a corner's number, a circle's "rim" or "all" }
let nextShape = "circle";

/** Sets the current picture's region, if it has an area; null for none. isLast: false while it is dragged. */
function setRegion(region, isLast = true) {
  const { shape, numbers: [a, b, c, d] = [] } = region || {};
  if (region && !((shape === "circle" ? c > 0 : shape === "polygon" || (c > a && d > b)) && regionArea({ ...current, region }) > 0)) return;
  current.region = region;
  if (isLast) return changed();
  showCount();
  showRegion();
  paint();
}

/** The shape between two points, of a circle its centre and one of its rim. */
function regionBetween(shape, [ax, ay], [bx, by]) {
  const rectangle = { shape, numbers: [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)], border: "two-sides" };
  return shape === "rectangle" ? rectangle : { shape, numbers: shape === "circle" ? [ax, ay, Math.hypot(bx - ax, by - ay)] : cornersIn({ ...rectangle, shape: "rectangle" }).flat(), border: "half" };
}

/** The shape in the middle of the picture: to begin with, and without a pointer. */
function regionInMiddle(shape) {
  const { width, height } = current, x = width / 2, y = height / 2, half = Math.min(x, y);
  return shape === "circle" ? regionBetween(shape, [x, y], [x + half, y]) : regionBetween(shape, [x / 4, y / 4], [width - x / 4, height - y / 4]);
}

const toPx = (cssPx) => cssPx / (view.k * view.fit); // px of the picture

const regionTool = {
  name: "region", cursor: "crosshair",
  down({ x, y }, { pointerType }) {
    const { region } = current, reach = toPx(pointerType === "mouse" ? 10 : 24);
    regionGrip = { from: { x, y }, region };
    if (!region) {
      if (nextShape === "polygon") polygonDraft ??= [];
      return true;
    }
    const [cx, cy, r] = region.numbers, distances = cornersIn(region).map((corner) => Math.hypot(x - corner[0], y - corner[1])), least = Math.min(...distances);
    const isHeld = region.shape === "circle" ? Math.abs(Math.hypot(x - cx, y - cy) - r) < Math.min(reach, Math.max(r / 2, toPx(12))) : least < reach;
    regionGrip.part = isHeld ? distances.indexOf(least) : isIn(region, { x, y }) ? "all" : null;
    return regionGrip.part !== null;
  },
  move({ x, y }) {
    const { from, region, part } = regionGrip;
    if (polygonDraft) return;
    if (!region) return Math.hypot(x - from.x, y - from.y) > toPx(4) ? setRegion(regionBetween(nextShape, [from.x, from.y], [x, y]), false) : 0;
    if (part === "all") return setRegion(mappedRegion(region, 1, 1, x - from.x, y - from.y), false);
    const { shape, border, numbers } = region, corners = cornersIn(region);
    if (shape === "polygon") setRegion({ ...region, numbers: corners.flatMap((corner, i) => (i === part ? [x, y] : corner)) }, false);
    else setRegion({ ...regionBetween(shape, shape === "circle" ? numbers : corners[(part + 2) % 4], [x, y]), border }, false);
  },
  up({ x, y }) {
    const isAt = (corner) => corner && Math.hypot(x - corner[0], y - corner[1]) < toPx(14);
    if (!polygonDraft) return current.region && changed();
    if (isAt(polygonDraft[0]) || isAt(polygonDraft.at(-1))) return closePolygon(); // its first corner, or a double click
    say(`Corner ${polygonDraft.push([x, y])}`);
    paint();
  },
  cancel() { if (!polygonDraft) setRegion(regionGrip.region); },
  key({ key }) {
    const { region } = current, by = toPx(10), grow = { "+": 1.05, "=": 1.05, "-": 1 / 1.05, _: 1 / 1.05 }[key];
    const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[key] || [];
    if (polygonDraft?.length) {
      if (key === "Enter") closePolygon();
      else if (key === "Backspace") polygonDraft.pop();
      else return false;
    } else if (!region && key === "Enter") {
      polygonDraft = null;
      setRegion(regionInMiddle(nextShape));
    } else if (region && key === "Delete") setRegion(null);
    else if (region && (dx || dy)) setRegion(mappedRegion(region, 1, 1, dx, dy));
    else if (region && grow) {
      const [x, y] = [0, 1].map((axis) => cornersIn(region).reduce((sum, corner, _, all) => sum + corner[axis] / all.length, 0));
      setRegion(mappedRegion(region, grow, grow, x * (1 - grow), y * (1 - grow)));
    } else return false;
    paint();
    return true;
  },
  stop() { polygonDraft = null; },
};
bindTool("region-on", regionTool);

function closePolygon() {
  if (polygonDraft.length < 3) return;
  const numbers = polygonDraft.flat();
  polygonDraft = null;
  setRegion({ shape: "polygon", numbers, border: "half" });
}
