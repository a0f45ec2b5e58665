"use strict";
// State and helpers that all parts of the page share. The parts are one script, in the order of index.html.

const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // as in handler.detection.annotate
// behind a stage (…/prod) the page's path may lack its last slash
const BASE = new URL(location.pathname.replace(/\/?$/, "/"), location.origin);

const $ = (id) => document.getElementById(id);
const at = (path) => new URL(path, BASE).href;
const formatInteger = new Intl.NumberFormat("en").format;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let model = null; // the manifest
let items = []; // one for each picture, newest last
let current = null;
let threshold = 0.5;
let floor = 0; // lowest score that the API is asked for
const off = new Set(); // names of hidden classes
