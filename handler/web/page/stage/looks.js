// How each class looks: a colour that colour-blind eyes tell from its neighbours', and from the seventh class on a dash, too.

const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // as in handler.detection.annotate
const DASHES = [[], [4, 3], [1.5, 1.5]]; // line and gap, in widths of the line
const DASH_NAMES = ["solid", "dashed", "dotted"];

const indexOf = (label) => Math.max(0, model.classes.indexOf(label));
const colourOf = (label) => COLOURS[indexOf(label) % COLOURS.length];
const dashOf = (label) => Math.floor(indexOf(label) / COLOURS.length) % DASHES.length;
/** The colour of letters on a class's colour, with a contrast of 5 at least. */
const inkOn = (colour) => (colour === "#0072b2" ? "#fff" : "#000");

/** Makes an element show a class's look. */
function showLook(spot, label) {
  const dash = dashOf(label);
  spot.className = "spot";
  spot.style.border = `2.5px ${DASH_NAMES[dash]} ${colourOf(label)}`;
  if (!dash) spot.style.background = colourOf(label);
}
