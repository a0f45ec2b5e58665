// The count as the model gave it, as a person made it, and as tables and files total it.

const isDone = (item) => item.state === "done";

/** What the model counted at the present threshold, of the classes that are shown and in the region; without corrections. */
const modelCountOf = (item) => countOf(item.edits ? { ...item, edits: null } : item);

/** The count that a person typed, or made by correcting boxes; null for none. A typed one holds over boxes. */
function correctedOf(item) {
  const typed = String(item.corrected ?? "").trim();
  return /^\d{1,7}$/.test(typed) ? Number(typed) : item.edits ? countOf(item) : null;
}

/** The corrected count where there is one, else the model's. */
const finalOf = (item) => correctedOf(item) ?? modelCountOf(item);

/** The count of each class that is shown, as `countOf` has it. */
const countsOf = (item) => Object.fromEntries(model.classes.filter((name) => !off.has(name)).map((name) => [name, shown(item).reduce((sum, each) => sum + (each.label === name ? weightOf(item, each) : 0), 0)]));

/** How the picture was counted: whole or in tiles, scaled on the way, in a region. */
const modeOf = ({ answer, sent, region }) => [answer.tiles ? "tiles" : "whole", sent.isScaled && "scaled", region && "region"].filter(Boolean).join(", ");

/** Why a picture has no count, in a sentence; empty where it has one. */
const errorOf = ({ trouble }) => (trouble ? `${trouble.title}: ${trouble.detail}` : "");
