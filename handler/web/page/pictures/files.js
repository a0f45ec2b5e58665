// Decides what is sent of a file: the file itself, or a JPEG scaled to what the model needs.

const SMALL_BYTES = 1e6; // a file of at most so many bytes is sent unchanged, if its size in px suits the model
const QUALITY = 0.92; // of the JPEG: changes counts about as much as the server's reduced decoding

/** Sets the item's image and upright size, or undecodable if the browser cannot read the file. Called by `opened` only. */
async function openPicture(item) {
  if (item.image || item.undecodable) return;
  const image = new Image();
  image.src = urlOf(item);
  try {
    await image.decode();
    item.width = image.naturalWidth;
    item.height = image.naturalHeight;
  } catch { /* undecodable is set below */ }
  item.cut = !(await isWhole(item.file));
  if (!item.width || !item.height) {
    item.width = item.height = undefined;
    item.undecodable = true;
    URL.revokeObjectURL(item.url);
    item.url = null;
    return;
  }
  item.image = image;
  item.thumb ??= thumbOf(image, item.width, item.height);
  if (item === current) showPicture();
  refreshStrip();
}

/** The body or upload to send: the file itself, or a scaled JPEG. Throws Trouble. */
async function prepare(item) {
  // browsers show the first part of a truncated file, the API reports the error
  if (item.cut && item.file.size > MAX_BYTES) throw new Trouble("Cut off", "This file ends too early: a part of the picture is missing. Copy or save it again.", ["other"]);
  const exact = $("exact").checked && !item.wantsScaled;
  if (item.cut || item.undecodable || exact) return original(item);
  const long = Math.max(item.width, item.height);
  if (!canScale()) {
    try {
      if (!item.wantsScaled) return await original(item);
    } catch (error) {
      if (!error.isTooLarge) throw error;
    }
    return scaled(item, Math.min(long, 2 * longSide()));
  }
  if (long <= longSide() && item.file.size <= SMALL_BYTES) return original(item);
  const small = await scaled(item, longSide());
  return small.body.size < item.file.size || item.file.size > MAX_BYTES ? small : original(item);
}

/** The file itself, or its upload if it is too large for a request. Throws Trouble. */
async function original(item) {
  const body = item.file;
  if (body.size <= MAX_BYTES || item.sendsAnyway) return { body };
  try {
    return { body, uploadId: await upload(item) };
  } catch (error) {
    if (!error.noRoute) throw error;
  }
  const trouble = new Trouble("Too large to send as it is", `This file has ${bytes(body.size)}; the API takes about ${bytes(MAX_BYTES)}.` + (item.undecodable ? " This browser cannot open it, so it cannot scale it." : ""), ["scaled", "anyway", "other"]);
  throw Object.assign(trouble, { isTooLarge: true });
}

/** Whether a JPEG, PNG or WebP is complete; true for all other files. */
async function isWhole(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const has = (at, ...values) => values.every((value, i) => bytes[at + i] === value);
  const from = (at, ...values) => {
    for (let i = bytes.indexOf(values[0], at); i >= 0; i = bytes.indexOf(values[0], i + 1)) if (has(i, ...values)) return i;
    return -1;
  };
  if (has(0, 0x89, 0x50, 0x4e, 0x47)) return from(Math.max(8, bytes.length - 4096), 0x49, 0x45, 0x4e, 0x44) > 0 || from(8, 0x49, 0x45, 0x4e, 0x44, 0xae) > 0;
  if (has(0, 0x52, 0x49, 0x46, 0x46) && has(8, 0x57, 0x45, 0x42, 0x50)) return bytes.length + 1 >= 8 + new DataView(bytes.buffer).getUint32(4, true);
  if (!has(0, 0xff, 0xd8)) return true;
  let at = 2; // skip a JPEG's segments before its first scan: thumbnails in them have their own end marker
  while (bytes[at] === 0xff && bytes[at + 1] !== 0xda) at += bytes[at + 1] === 0xff ? 1 : 2 + bytes[at + 2] * 256 + bytes[at + 3];
  return from(at, 0xff, 0xd9) > 0;
}

async function scaled(item, side) {
  const canvas = draw(item.image, item.width, item.height, side, "high");
  const body = await blobOf(canvas, "image/jpeg", QUALITY);
  canvas.width = canvas.height = 0; // or Safari does not free its memory
  return { body, isScaled: true };
}

/** A canvas with the upright picture, its longer side at most `side` px, on white. */
function draw(image, width, height, side, quality) {
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = quality;
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function blobOf(canvas, type, quality) {
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser could not write the picture"))), type, quality));
}
