// Writes files into a zip as they are (PKWARE's APPNOTE 6.3, 4.3.7 to 4.3.16).

const ZIP_BYTES = 0xffffffff, ZIP_FILES = 0xffff; // what a zip without zip64 can hold
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

async function crc32(blob) {
  let crc = -1;
  for (const byte of new Uint8Array(await blob.arrayBuffer())) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Numbers of 2 bytes (plain) or 4 (in a list), the lowest byte first. */
const packed = (...numbers) => Uint8Array.from(numbers.flatMap((n) => (Array.isArray(n) ? [0, 8, 16, 24] : [0, 8]).map((shift) => (n >>> shift) & 255)));

/** A zip in the making. Its parts are Blobs, which a browser moves from memory to disk.
 * add(name, blob): false if it has no room; the name must not be in it yet. blob(): the zip. */
function makeZip(mostBytes = ZIP_BYTES, mostFiles = ZIP_FILES) {
  const parts = [], directory = [];
  let size = 0, tail = 22;
  return {
    async add(name, blob) {
      const text = new TextEncoder().encode(name), head = 30 + text.length;
      if (directory.length >= mostFiles || size + head + blob.size + tail + 46 + text.length > mostBytes) return false;
      const crc = await crc32(blob), now = new Date();
      const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
      const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
      const known = packed(20, 0x800, 0, time, date, [crc], [blob.size], [blob.size], text.length, 0); // 0x800: the name is UTF-8
      parts.push(packed([0x04034b50]), known, text, blob);
      directory.push(new Blob([packed([0x02014b50], 20), known, packed(0, 0, 0, [0], [size]), text]));
      size += head + blob.size;
      tail += 46 + text.length;
      return true;
    },
    blob: () => new Blob([...parts, ...directory, packed([0x06054b50], 0, 0, directory.length, directory.length, [tail - 22], [size], 0)], { type: "application/zip" }),
  };
}

/** The name, or with a number where it is taken; file systems may know no capitals. */
function freeName(name, taken) {
  let free = name;
  for (let n = 2; taken.has(free.toLowerCase()); n += 1) free = name.replace(/(\.[^.]*)?$/, ` (${n})$1`);
  taken.add(free.toLowerCase());
  return free;
}
