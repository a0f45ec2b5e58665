// Uploads files that are too large for a request to the API's upload bucket.

const USABLE_MS = 50 * 60e3; // the API reads an upload for an hour
const UPLOAD_TYPES = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/heic", "image/heif"];

/** The id of the item's file in the upload bucket. Throws Trouble, with noRoute if the API has no bucket. */
async function upload(item) {
  if (item.upload?.until > Date.now()) return item.upload.id;
  const type = UPLOAD_TYPES.includes(item.file.type) ? item.file.type : "image/tiff"; // only a label: the API detects the type from the bytes
  const { upload_id: id, url } = await (await postJson("v1/uploads", { content_type: type, bytes: item.file.size })).json();
  const setProgress = (fraction) => {
    item.progress = fraction;
    if (item === current) showBusy();
  };
  try {
    await put(url, type, item.file, setProgress);
  } finally {
    setProgress(null);
  }
  item.upload = { id, until: Date.now() + USABLE_MS };
  return id;
}

/** PUTs a file and reports its progress, which fetch cannot. Gives up without progress for WAIT_MS. Throws Trouble. */
function put(url, type, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let idle = 0;
    const restartTimer = () => {
      clearTimeout(idle);
      idle = setTimeout(() => request.abort(), WAIT_MS);
    };
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", type); // the URL is signed for this type and the length
    request.upload.onprogress = ({ loaded, total }) => {
      restartTimer();
      onProgress(loaded / total);
    };
    request.onloadend = () => clearTimeout(idle);
    request.onabort = () => reject(lost("No answer", `The upload made no progress for ${WAIT_MS / 1000} seconds. Try again.`, ["again", "scaled", "other"]));
    request.onload = () => (request.status < 300 ? resolve() : reject(new Trouble("Not stored", `The upload storage answered ${request.status}. Try again.`, undefined, request.status)));
    request.onerror = () => reject(lost(navigator.onLine ? "Not reached" : "You are offline", "The upload storage could not be reached. Check the connection, then try again.", ["again", "scaled", "other"]));
    restartTimer();
    request.send(file);
  });
}
