// A file too large for a request in; the id that the API reads it by, out of its upload bucket, out.

const USABLE_MS = 50 * 60e3; // the API reads an upload for an hour
const UPLOAD_TYPES = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/heic", "image/heif"];

/** The id of the item's file in the upload bucket. Throws Trouble, with noRoute where there is none. */
async function upload(item) {
  if (item.upload?.until > Date.now()) return item.upload.id;
  const type = UPLOAD_TYPES.includes(item.file.type) ? item.file.type : "image/tiff"; // no more than a label: the API looks at the bytes
  const { upload_id: id, url } = await (await postJson("v1/uploads", { content_type: type, bytes: item.file.size })).json();
  const progress = (share) => {
    item.progress = share;
    if (item === current) showBusy();
  };
  try {
    await put(url, type, item.file, progress);
  } finally {
    progress(null);
  }
  item.upload = { id, until: Date.now() + USABLE_MS };
  return id;
}

/** PUT with its progress, which fetch does not tell; given up where there is none for a while. Throws Trouble. */
function put(url, type, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let idle = 0;
    const goesOn = () => {
      clearTimeout(idle);
      idle = setTimeout(() => request.abort(), WAIT_MS);
    };
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", type); // signed, as is the length
    request.upload.onprogress = ({ loaded, total }) => {
      goesOn();
      onProgress(loaded / total);
    };
    request.onloadend = () => clearTimeout(idle);
    request.onabort = () => reject(new Trouble("No answer", `The upload stood still for ${WAIT_MS / 1000} seconds. Try again.`, ["again", "scaled", "other"]));
    request.onload = () => (request.status < 300 ? resolve() : reject(new Trouble("Not stored", `The picture's store answered ${request.status}. Try again.`, undefined, request.status)));
    request.onerror = () => reject(new Trouble(navigator.onLine ? "Not reached" : "You are offline", "The picture's store could not be reached. Check the connection, then try again.", ["again", "scaled", "other"]));
    goesOn();
    request.send(file);
  });
}
