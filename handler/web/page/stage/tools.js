// Tools that take the pointer from the stage: corrections of boxes, regions, lengths. One at a time, or none.

/* A tool: { name, cursor, down(point, event), move(point, event), up(point, event), cancel(), hover(point, event), key(event),
 *   start(), stop(), follow(item) }.
 * point: { x, y } in px of the upright picture. down returns false to let the stage pan. key returns true where it has acted.
 * start and stop: when it is taken and put down. follow: whether it stays in hand for another picture on the stage.
 * Every part but the name may be missing. A second finger cancels the tool's move and zooms. */
let tool = null;
const toolButtons = new Map(); // name → its button in the toolbar

/** Takes a tool, or none. Its button, if it has one, is pressed as long as it is used. */
function useTool(next) {
  const before = tool;
  tool = null;
  before?.stop?.();
  tool = next;
  for (const [name, pressed] of toolButtons) pressed.setAttribute("aria-pressed", String(name === next?.name));
  stage.style.cursor = next?.cursor || "";
  stage.classList.toggle("tooled", !!next); // one finger is the tool's, and scrolls no page
  next?.start?.();
  hovered = picked = null;
  paint();
}

/** Makes a button of the toolbar take the tool, and put it down again. */
function bindTool(id, made) {
  toolButtons.set(made.name, $(id));
  $(id).addEventListener("click", () => {
    useTool(tool === made ? null : made);
    if (tool) stage.focus({ preventScroll: true });
  });
}

/* What is drawn over the boxes: functions (pen, toStage, scale); toStage({ x, y }) gives the place on the stage of a point of
 * the picture, in CSS px; scale is CSS px for one px of the picture. */
const overlays = [];

const toStage = ({ x, y }) => ({ x: view.x + x * view.k * view.fit, y: view.y + y * view.k * view.fit });
const toPicture = ({ x, y }) => ({ x: (x - view.x) / (view.k * view.fit), y: (y - view.y) / (view.k * view.fit) });

on("show", (item) => { if (!tool?.follow?.(item)) useTool(null); });
