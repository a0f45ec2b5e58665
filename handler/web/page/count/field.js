// Finds the microscope's round field: a bright disc in a dark surround, which the picture may cut.

/** The field as a region of an item, or null. */
async function fieldOf(item) {
  const canvas = await withPicture(item, (image) => draw(image || (item === current && $("picture")), item.width, item.height, 256, "high")), scale = item.width / canvas.width;
  const circle = findField(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height));
  return circle && mappedRegion({ shape: "circle", numbers: circle, border: "half" }, scale, scale);
}

/** The field's circle [cx, cy, r] in px of the image data of about 256 px, or null where none is sure. */
function findField({ data, width, height }) {
  const light = Float32Array.from({ length: width * height }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  const sorted = light.slice().sort(), dark = sorted[Math.floor(sorted.length / 20)], bright = sorted[Math.floor(sorted.length * 0.95)];
  const turns = Array.from({ length: 360 }, (_, i) => [Math.cos((i * Math.PI) / 180), Math.sin((i * Math.PI) / 180)]);
  let best = null, most = 0.75; // of the rim in the picture must be seen
  for (const share of bright - dark > 40 ? [0.5, 0.25, 0.12] : []) { // lower ones where a part of the field lies in half shade
    const level = dark + share * (bright - dark), points = [];
    const at = (cx, cy, far, [u, v]) => {
      const x = Math.floor(cx + far * u), y = Math.floor(cy + far * v);
      return x >= 0 && y >= 0 && x < width && y < height ? light[y * width + x] : NaN;
    };
    let n = 0, mx = 0, my = 0;
    light.forEach((value, i) => {
      if (value < level) return;
      n += 1;
      mx += ((i % width) + 0.5 - mx) / n;
      my += (Math.floor(i / width) + 0.5 - my) / n;
    });
    for (const turn of turns) { // from the picture's edge to the first three bright px
      let far = Math.hypot(width, height);
      while (far > 0 && !(at(mx, my, far, turn) >= 0)) far -= 1;
      const edge = far;
      while (far > 0 && ![0, 1, 2].every((more) => at(mx, my, far - more, turn) >= level)) far -= 0.25;
      if (far > 0 && far < edge) points.push([mx + (far + 0.125) * turn[0], my + (far + 0.125) * turn[1]]);
    }
    const circle = circleOf(points), [cx, cy, r] = circle;
    let wrong = 0, all = 0, seen = 0, sharp = 0, measured = 0;
    light.forEach((value, i) => {
      const far = Math.hypot((i % width) + 0.5 - cx, Math.floor(i / width) + 0.5 - cy) / r;
      if (far < 0.95 ? value < level : far > 1.05 && value >= level) wrong += 1;
    });
    for (const turn of turns) {
      const [inner, outer, inside, outside, rim] = [0.95, 1.05, 0.985, 1.015, 1].map((factor) => at(cx, cy, r * factor, turn));
      if (rim >= 0) all += 1;
      if (inside >= level && outside < level) seen += 1;
      if (inner >= 0 && outer >= 0) measured += 1;
      if (inner - outer > 0.65 * ((share < 0.5 ? bright : inner) - dark)) sharp += 1; // unlike where a lens darkens the corners
    }
    if (r > Math.min(width, height) / 5 && wrong < 0.08 * light.length && sharp > measured / 2 && seen > 120 && seen / all > most) [most, best] = [seen / all + 0.1, circle];
  }
  return best;
}

/** The circle of least distances: Landau's iteration (1987), where a point weighs the less the further off it is. */
function circleOf(points) {
  let [cx, cy, r] = [0, 0, 0];
  for (let round = 0; round < 300; round++) {
    const sums = [0, 0, 0, 0];
    for (const [x, y] of points) {
      const far = Math.hypot(x - cx, y - cy) || 1, weight = 1 / (0.3 + (far - r) ** 2) ** (!round ? 0 : round < 40 ? 0.5 : 1);
      [1, x - (r * (x - cx)) / far, y - (r * (y - cy)) / far, far].forEach((value, i) => { sums[i] += weight * value; });
    }
    [cx, cy, r] = sums.slice(1).map((sum) => sum / sums[0]);
    if (!round) r = 1;
  }
  return [cx, cy, r];
}
