"use strict";
// State, events and helpers that all parts of the page share. The parts are one script, in the order of index.html.

// behind a stage (…/prod) the page's path may lack its last slash
const BASE = new URL(location.pathname.replace(/\/?$/, "/"), location.origin);

const $ = (id) => document.getElementById(id);
const at = (path) => new URL(path, BASE).href;
const formatInteger = new Intl.NumberFormat("en").format;
const formatCount = new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format; // half cells on a region's border
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let model = null; // the manifest
/* One item for each picture, newest last:
 * id, file, name (unlike all others); state: "waiting", "working", "done", "failed" or "cancelled"; trouble: why it failed
 * width, height: px of the upright picture, as the API counts them; thumb: a small picture, as a data: URL
 * image, url: at full size, of the current picture only (pictures/memory.js: `withPicture` lends the image of another)
 * answer: the API's JSON, sent: what was sent for it; found: its boxes in px of the upright picture, each with an id
 * edits, undone: corrections of boxes by hand (count/edits.js), null and [] for none; a box that a person added has no score (null)
 * region: where to count (count/region.js), null for none
 * corrected: the count that the user typed, null for none; told: the correction that was sent, as text (panel/correct.js)
 * sample, notes: the user's text
 * All fields outlive a reload, but for those that pictures/kept.js names; call `keep(item)` where no event tells of a change. */
let items = [];
let current = null; // the item on the stage
let threshold = 0.5;
let floor = 0; // lowest score that the API is asked for
const off = new Set(); // names of hidden classes

const acts = {};
/** Calls `act` whenever the event `name` is told:
 * "model": the manifest is here · "items": the list or an item's state has changed · "show" (item): it is on the stage now
 * "answer" (item): its boxes are here · "count": threshold, classes, corrections or region have changed */
function on(name, act) { (acts[name] ??= []).push(act); }
function tell(name, ...values) { for (const act of acts[name] || []) act(...values); }
