// An encoded image without what makes a browser show it turned: TensorFlow, and so training, knows no EXIF.

/** Return a JPEG or PNG without its EXIF; bytes of anything else as they are. */
export function withoutExif(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return withoutSegments(bytes);
  if (bytes.subarray(0, 8).toString("latin1") === "\x89PNG\r\n\x1a\n") return withoutChunks(bytes);
  return bytes;
}

/** Leave out JPEG's APP1 segments that hold EXIF: FF E1, two bytes of length, "Exif". */
function withoutSegments(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  // Up to the start of scan (DA), after which there are no more of them
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    const isExif = bytes[at + 1] === 0xe1 && bytes.toString("latin1", at + 4, at + 8) === "Exif";
    if (!isExif) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, bytes.subarray(at)]);
}

/** Leave out PNG's eXIf chunks: four bytes of length, the name, the data, four bytes of checksum. */
function withoutChunks(bytes) {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (bytes.toString("latin1", at + 4, at + 8) !== "eXIf") kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
