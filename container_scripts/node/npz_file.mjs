// Write arrays of float32 as NumPy reads them: np.load("tensors.npz")["t3"]
//
//   FILE.npz     a zip of NAME.npy files, stored as they are
//   NAME.npy     "\x93NUMPY" 1 0, the header's length, the header as a Python dict, the numbers
//
// Sources: numpy/lib/format.py (version 1.0), PKWARE's APPNOTE.TXT (4.3.7, 4.3.12, 4.3.16).
import { closeSync, openSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

const NPY_MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
const NPY_ALIGNED = 64;
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const FIRST_OF_1980 = 0x21; // the day that a zip's time begins with: the same arrays give the same bytes

/** Write `arrays`, { name: { shape, data: Float32Array } }, all in all less than 4 GB. */
export function writeNpz(path, arrays) {
  const file = openSync(path, "w");
  const central = [];
  let at = 0;
  const write = (bytes) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    at += bytes.length;
  };
  try {
    for (const [name, array] of Object.entries(arrays)) {
      const parts = [npyHeader(array.shape), Buffer.from(array.data.buffer, array.data.byteOffset, array.data.byteLength)];
      const entry = describeEntry(`${name}.npy`, parts);
      central.push(toHeader(CENTRAL_HEADER, entry, at));
      write(toHeader(LOCAL_HEADER, entry));
      for (const part of parts) write(part);
    }
    const directory = Buffer.concat(central);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(END, 0);
    end.writeUInt16LE(central.length, 8);
    end.writeUInt16LE(central.length, 10);
    end.writeUInt32LE(directory.length, 12);
    end.writeUInt32LE(at, 16);
    write(directory);
    write(end);
  } finally {
    closeSync(file);
  }
}

function npyHeader(shape) {
  const sides = shape.map((side) => `${side},`).join(" ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sides}), }`;
  const before = NPY_MAGIC.length + 2;
  const length = Math.ceil((before + text.length + 1) / NPY_ALIGNED) * NPY_ALIGNED - before;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(length);
  return Buffer.concat([NPY_MAGIC, size, Buffer.from(text.padEnd(length - 1) + "\n", "latin1")]);
}

function describeEntry(name, parts) {
  return {
    name: Buffer.from(name, "utf8"),
    // Of no bytes, crc32 gives 0 and not the sum so far
    checksum: parts.filter((part) => part.length > 0).reduce((sum, part) => crc32(part, sum), 0),
    size: parts.reduce((sum, part) => sum + part.length, 0),
  };
}

/** The header before an entry's bytes, or, with the place of those, its line in the directory at the end. */
function toHeader(signature, { name, checksum, size }, place) {
  const isCentral = signature === CENTRAL_HEADER;
  const header = Buffer.alloc(isCentral ? 46 : 30);
  header.writeUInt32LE(signature, 0);
  if (isCentral) header.writeUInt16LE(VERSION, 4);
  const common = isCentral ? 6 : 4;
  header.writeUInt16LE(VERSION, common);
  header.writeUInt16LE(FIRST_OF_1980, common + 8);
  header.writeUInt32LE(checksum, common + 10);
  header.writeUInt32LE(size, common + 14);
  header.writeUInt32LE(size, common + 18);
  header.writeUInt16LE(name.length, common + 22);
  if (isCentral) header.writeUInt32LE(place, 42);
  return Buffer.concat([header, name]);
}
