// Decides what is sent of a file: the file itself, or a scaled JPEG, to save data or because it is too large.

const SMALL_BYTES = 1e6; // a file of at most so many bytes is sent unchanged, if its size in px suits the model
const QUALITY = 0.92; // of a JPEG that saves data
const QUALITIES = [0.92, 0.85, 0.75]; // of one that must fit into a request; then it gets fewer px
const KINDS = /^(\xff\xd8\xff|\x89PNG|RIFF....WEBP|II[*+]|MM\0[*+]|BM|....ftyp(?!avi|qt|mp4|isom|M4V))/s; // as in handler/images/sniff.py

/** Sets the item's image and upright size, or undecodable if the browser cannot read the file. Called by `opened` only. Throws Trouble. */
async function openPicture(item) {
  if (item.image || item.undecodable) return;
  const content = new Uint8Array(await item.file.arrayBuffer()), found = withoutOrientation(item.file, content);
  item.wrong = wrongWith(content);
  item.cut = !isWhole(content);
  item.plain = found?.blob || item.file;
  item.isPlain = !!found;
  const image = new Image();
  image.src = urlOf(item);
  try {
    if (!item.wrong) await image.decode();
  } catch { /* undecodable is set below */ }
  if (item.wrong || !image.naturalWidth || !image.naturalHeight) {
    item.width = item.height = undefined;
    item.undecodable = true;
    URL.revokeObjectURL(item.url);
    item.url = null;
    return;
  }
  item.orientation = image.orientation = item.answer && !item.sent?.isScaled && found ? item.answer.image.orientation || found.orientation : found?.orientation || 1;
  const isTurned = item.orientation > 4;
  item.width = isTurned ? image.naturalHeight : image.naturalWidth;
  item.height = isTurned ? image.naturalWidth : image.naturalHeight;
  item.image = image;
  item.thumb ??= thumbOf(image, item.width, item.height);
  if (item === current) showPicture();
  refreshStrip();
}

/** Why a file is not sent at all, as title and detail; null for a picture of a kind that the API reads. */
function wrongWith(content) {
  const head = latin(content, 0, 16), hint = "JPEG, PNG, WebP, TIFF, BMP and HEIC are read.";
  if (!content.length) return ["Empty file", "There is nothing in this file (0 bytes). Copy or save it again."];
  if (head.startsWith("GIF8")) return ["A GIF", `GIFs are not read, whatever their size: they have 256 colours at most. Save it as PNG. ${hint}`];
  return KINDS.test(head) ? null : ["Not a picture", `This file is no picture that can be counted. ${hint}`];
}

/** The body or upload to send: the file itself, or a scaled JPEG. Throws Trouble. */
async function prepare(item) {
  if (item.wrong) throw new Trouble(...item.wrong, ["other"]);
  const isLarge = item.file.size > MAX_BYTES;
  // browsers show the first part of a truncated file, the API reports the error
  if (item.cut && isLarge) throw new Trouble("Cut off", "This file ends too early: a part of the picture is missing. Copy or save it again.", ["other"]);
  if (item.cut || item.undecodable) return original(item);
  if (item.wantsScaled) return fitting(item);
  if (savesData()) {
    if (Math.max(item.width, item.height) <= longSide() && item.file.size <= SMALL_BYTES) return { body: item.file };
    const small = await scaled(item, savingSide(item), QUALITY, "medium");
    if (small.body.size < item.file.size || isLarge) return small;
  }
  try {
    return await original(item);
  } catch (error) {
    if (error.isTooLarge) return fitting(item);
    throw error;
  }
}

/** Whether pictures are scaled to save data: if the user wants it, and the model does not need exact pixels. */
const savesData = () => $("save-data").checked && canScale();

/** The longer side that saves data: halved as long as the model gets twice its input, since halves average whole px. */
function savingSide({ width, height }) {
  let side = Math.max(width, height);
  while (side / 2 >= longSide()) side /= 2;
  return side;
}

/** The file itself, or its upload if it is too large for a request. Throws Trouble, with isTooLarge if the API takes no uploads. */
async function original(item) {
  const body = item.file;
  if (body.size <= MAX_BYTES) return { body };
  try {
    return { body, uploadId: await upload(item) };
  } catch (error) {
    if (!error.noRoute) throw error;
  }
  const trouble = new Trouble("Too large to send", `This file has ${bytes(body.size)}; the API takes about ${bytes(MAX_BYTES)}. This browser cannot open it, so it cannot scale it.`, ["other"]);
  throw Object.assign(trouble, { isTooLarge: true });
}

/** Whether a JPEG, PNG or WebP is complete; true for all other files. */
function isWhole(bytes) {
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

async function scaled(item, side, quality, smoothing = "high") {
  const canvas = draw(item.image, item.width, item.height, side, smoothing);
  // a device that has no canvas so large draws nothing, and would send a blank picture
  const isBlank = canvas.getContext("2d").getImageData(0, 0, 1, 1).data[3] !== 255;
  const body = isBlank ? null : await blobOf(canvas, "image/jpeg", quality);
  canvas.width = canvas.height = 0; // or Safari does not free its memory
  if (!body) throw new Error("this device has too little memory for the picture");
  return { body, isScaled: true };
}

/** The best JPEG that fits into a request: with all px if it can be. */
async function fitting(item) {
  for (let side = Math.max(item.width, item.height); ; side *= 0.8) {
    for (const quality of QUALITIES) {
      try {
        const made = await scaled(item, Math.round(side), quality);
        if (made.body.size <= MAX_BYTES) return made;
      } catch (error) {
        if (side < 1024) throw error;
        break;
      }
    }
  }
}

/** A canvas with the upright picture, which is width × height px; its longer side at most `side` px, on white. */
function draw(image, width, height, side, quality) {
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = quality;
  const orientation = image.orientation || 1, isTurned = orientation > 4;
  pen.transform(...orientationMatrix(orientation, canvas.width, canvas.height));
  pen.drawImage(image, 0, 0, ...(isTurned ? [canvas.height, canvas.width] : [canvas.width, canvas.height]));
  pen.resetTransform();
  return canvas;
}

function blobOf(canvas, type, quality) {
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser could not write the picture"))), type, quality));
}
