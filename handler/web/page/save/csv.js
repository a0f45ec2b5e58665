// Writes CSV files; the columns of both tables.

/* Other parts add columns, with the unit in the name:
 *   pictureColumns.push({ name: "cells_per_ml", value: (item) => … })      on pictures that are done only
 *   cellColumns.push({ name: "length_um", value: (item, box) => … })       on boxes that count only
 *   reportParts.push((item) => ({ scale: … }))                             fields of a picture's JSON
 * null, undefined and NaN leave the cell empty. */
const pictureColumns = [], cellColumns = [], reportParts = [];

let known = null; // what was reckoned for the file

/** Meanwhile `once` reckons only once what many rows ask for: else 300 pooled pictures take minutes. */
function inOneGo(write) {
  known = new Map();
  try { return write(); } finally { known = null; }
}
function once(key, reckon) {
  if (!known) return reckon();
  if (!known.has(key)) known.set(key, reckon());
  return known.get(key);
}

/** A CSV file of rows, as RFC 4180 has it, with a byte order mark for Excel. */
const csvOf = (rows) => new Blob(["\ufeff", ...rows.map((row) => row.map(csvCell).join(",") + "\r\n")], { type: "text/csv;charset=utf-8" });

/** A text that a spreadsheet would calculate gets an apostrophe in front (OWASP, "CSV Injection"). */
function csvCell(value) {
  if (value == null || Number.isNaN(value)) return "";
  const text = typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20])/, "'") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A time with its zone, in ISO 8601: 2026-05-04T09:15:00+02:00. */
function isoTime(time) {
  const date = new Date(time), east = -date.getTimezoneOffset(), two = (n) => String(Math.trunc(n)).padStart(2, "0");
  return `${new Date(+date + east * 6e4).toISOString().slice(0, 19)}${east < 0 ? "-" : "+"}${two(Math.abs(east) / 60)}:${two(Math.abs(east) % 60)}`;
}
