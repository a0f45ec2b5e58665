// The orientation of a picture, as the API reads it from EXIF or XMP, whatever the browser makes of it.

/** [a, b, c, d, e, f] of a transform from px of the file to px of the upright picture, which is width × height. */
function orientationMatrix(orientation, width, height) {
  return [[1, 0, 0, 1, 0, 0], [-1, 0, 0, 1, width, 0], [-1, 0, 0, -1, width, height], [1, 0, 0, -1, 0, height],
    [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, width, 0], [0, -1, -1, 0, width, height], [0, -1, 1, 0, 0, height]][orientation - 1];
}

/** The orientation that a TIFF directory of EXIF has; null without one. bytes: with or without JPEG's prefix. */
function orientationOfExif(bytes) {
  const start = [12, 6].find((at) => latin(bytes, 0, at) === "Exif\0\0".repeat(at / 6)) || 0, head = latin(bytes, start, 4);
  if (head !== "II*\0" && head !== "MM\0*") return null;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), little = head[0] === "I";
  let found = null;
  try {
    const first = start + data.getUint32(start + 4, little) + 2, last = Math.min(first + 12 * data.getUint16(first - 2, little), bytes.length - 11);
    for (let at = first; at < last; at += 12) {
      if (data.getUint16(at, little) !== 0x112 || data.getUint32(at + 4, little) !== 1) continue;
      const type = data.getUint16(at + 2, little);
      found = type === 3 || type === 8 ? data.getUint16(at + 8, little) : type === 4 || type === 9 ? data.getUint32(at + 8, little) : 0;
    }
  } catch { /* the directory lies beyond the end */ }
  return found;
}

const latin = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));

/** The orientation of a JPEG, PNG or WebP, and the file without what tells it to a browser; null for other formats. */
function withoutOrientation(file, bytes) {
  const data = new DataView(bytes.buffer), cuts = [], exif = [];
  let xmp = "", head = null;
  const cut = (from, to) => cuts.push([from, Math.min(to, bytes.length)]);
  if (latin(bytes, 0, 3) === "\xff\xd8\xff") {
    for (let at = 2; at + 4 <= bytes.length;) {
      const code = bytes[at + 1];
      if (bytes[at] !== 0xff || code === 0xff || !code) { at += 1; continue; } // between markers
      if (code === 0xda) break;
      if (code === 1 || (code >= 0xd0 && code <= 0xd9)) { at += 2; continue; } // without a length
      const end = at + 2 + data.getUint16(at + 2), name = code === 0xe1 ? latin(bytes, at + 4, 29) : "", isXmp = name.slice(7) === "ns.adobe.com/xap/1.0/\0";
      if (name.startsWith("Exif\0\0")) exif.push(bytes.subarray(at + (exif.length ? 10 : 4), end));
      else if (isXmp) xmp = textOf(bytes, at + 33, end);
      if (name.startsWith("Exif\0\0") || isXmp) cut(at, end);
      at = end;
    }
  } else if (latin(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") {
    for (let at = 8; at + 8 <= bytes.length;) {
      const end = at + 12 + data.getUint32(at), kind = latin(bytes, at + 4, 4), key = /^[tiz]/.test(kind) ? latin(bytes, at + 8, 22).split("\0")[0] : "";
      if (kind === "eXIf") exif.splice(0, 1, bytes.subarray(at + 8, end - 4));
      else if (key === "XML:com.adobe.xmp") xmp = textOf(bytes, at + 8, end);
      if (kind === "eXIf" || key === "XML:com.adobe.xmp" || key === "Raw profile type exif") cut(at, end);
      if (kind === "IEND") break;
      at = end;
    }
  } else if (latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 4) === "WEBP") {
    for (let at = 12; at + 8 <= bytes.length;) {
      const kind = latin(bytes, at, 4), length = data.getUint32(at + 4, true), end = at + 8 + length + (length % 2);
      if (kind === "EXIF" && !exif.length) exif.push(bytes.subarray(at + 8, at + 8 + length));
      else if (kind === "XMP " && !xmp) xmp = textOf(bytes, at + 8, end);
      if (kind === "EXIF" || kind === "XMP ") cut(at, end);
      at = end;
    }
    head = bytes.slice(0, 21); // with the file's length, and flags that say what follows
    new DataView(head.buffer).setUint32(4, data.getUint32(4, true) - cuts.reduce((sum, [from, to]) => sum + to - from, 0), true);
    if (latin(bytes, 12, 4) === "VP8X") head[20] &= ~0x0c;
  } else return null;
  const all = new Uint8Array(exif.reduce((sum, each) => sum + each.length, 0));
  exif.reduce((at, each) => (all.set(each, at), at + each.length), 0);
  const found = orientationOfExif(all) ?? Number(/tiff:Orientation(?:="|>)([0-9])/.exec(xmp)?.[1]);
  const orientation = found >= 1 && found <= 8 ? found : 1;
  if (!cuts.length) return { orientation, blob: file };
  const parts = head ? [head] : [];
  let from = head ? 21 : 0;
  for (const [start, end] of [...cuts, [bytes.length, 0]]) {
    parts.push(file.slice(from, start));
    from = end;
  }
  return { orientation, blob: new Blob(parts, { type: file.type }) };
}

const textOf = (bytes, start, end) => new TextDecoder("latin1").decode(bytes.subarray(start, Math.min(end, start + 65536)));

/** Turns a picture as the API did, where the page read another orientation, or none, from its file. */
function turn(item, orientation) {
  if (!item.image || item.undecodable || !item.isPlain || !orientation || item.orientation === orientation) return;
  if (orientation > 4 !== item.orientation > 4) [item.width, item.height] = [item.height, item.width];
  item.orientation = item.image.orientation = orientation;
  item.thumb = thumbOf(item.image, item.width, item.height);
  if (item === current) showPicture();
}
