// ZIP files without compression, which pictures would not get smaller by (APPNOTE.TXT, version 2.0).

const UTF8_NAMES = 0x0800;
const EMPTY_DATE = 0x0021; // 1 January 1980, the first there is

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = ~0;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

// Little-endian numbers, each as [bytes, value].
function pack(...fields) {
  const out = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) out.setUint16(at, value, true);
    else out.setUint32(at, value, true);
    at += size;
  }
  return out.buffer;
}

// What the header before a file and its entry in the directory share.
const facts = ({ name, data, crc }) =>
  [[2, 20], [2, UTF8_NAMES], [2, 0], [2, 0], [2, EMPTY_DATE], [4, crc], [4, data.size], [4, data.size],
    [2, name.length], [2, 0]];

const header = (file) => pack([4, 0x04034b50], ...facts(file));
const entry = (file, at) =>
  pack([4, 0x02014b50], [2, 20], ...facts(file), [2, 0], [2, 0], [2, 0], [4, 0], [4, at]);

// Two files of one name would become one when they are unpacked.
function unique(name, taken) {
  const [, stem, suffix] = /^(.*?)(\.[^.]*)?$/s.exec(name);
  let free = name;
  for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${stem}-${number}${suffix ?? ""}`;
  taken.add(free.toLowerCase());
  return free;
}

// A ZIP file of entries { name, data }, whose data are Blobs; one file at a time is in memory.
export async function zip(entries) {
  const [parts, directory, taken] = [[], [], new Set()];
  let at = 0;
  for (const { name: given, data } of entries) {
    const name = new TextEncoder().encode(unique(given, taken));
    const file = { name, data, crc: crc32(new Uint8Array(await data.arrayBuffer())) };
    parts.push(header(file), name, data);
    directory.push(entry(file, at), name);
    at += 30 + name.length + data.size;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const count = entries.length;
  const end = pack([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, at], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
