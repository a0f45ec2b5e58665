// The manifest of the model, and what the page says of it.

let loading = null; // promise of the manifest

/** Loads the manifest, once. Throws Trouble. */
function loadModel() {
  loading ??= (async () => {
    try {
      const manifest = await (await api("v1/model")).json();
      model = manifest;
      showModel();
      tell("model");
    } catch (error) {
      loading = null;
      throw error instanceof Trouble ? error : new Trouble("Not understood", "The API's model description could not be read.");
    }
  })();
  return loading;
}

function showModel() {
  const { name, version, classes, thresholds } = model;
  const first = classes.slice(0, 6).join(", ");
  const finds = classes.length > 6 ? `${first} and ${classes.length - 6} more` : first;
  $("name").replaceChildren(name, " ", Object.assign(document.createElement("small"), { textContent: version }));
  document.title = `${name}: ${finds}`;
  $("finds").textContent = classes.length > 1 ? `Finds ${finds}` : `Counts ${finds}`;
  $("finds").title = classes.slice(0, 200).join(", ");
  $("what").textContent = classes.length === 1 ? `${classes[0]} are there` : "are there";
  floor = Math.min(thresholds.score_floor, thresholds.score);
  threshold = thresholds.score;
  const slider = $("threshold");
  slider.min = Math.floor(floor * 100) / 100;
  slider.max = Math.max(0.99, Math.ceil(threshold * 100) / 100);
  slider.value = threshold;
  const fraction = (threshold - slider.min) / (slider.max - slider.min);
  $("default-mark").style.left = `calc(${fraction * 100}% + ${8 - 16 * fraction}px)`; // a thumb is 16 px
  $("save-data").disabled = !canScale();
  $("save-data-hint").textContent = canScale()
    ? "Sends scaled pictures: a quarter of the bytes, and counts that differ by one now and then."
    : "This model needs exact pixels: pictures are scaled only if they are too large to send.";
}

/** Whether the page may scale pictures: where the server decodes large JPEGs at a reduced size as well. */
const canScale = () => model.resize.rule === "antialias" && model.resize.fit !== "stretch";
const longSide = () => 2 * Math.max(model.input.width, model.input.height);
