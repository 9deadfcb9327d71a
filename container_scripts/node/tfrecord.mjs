// Read TFRecord files of tf.Example messages, without TensorFlow.
//
//   file     = record*
//   record   = uint64 length | uint32 crc(length) | length bytes of data | uint32 crc(data)   (little endian)
//   data     = Example { 1: Features { 1: map entry { 1: name, 2: Feature }* } }              (protobuf)
//   Feature  = 1: BytesList { 1: bytes* } | 2: FloatList | 3: Int64List
//
// Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/example/{example,feature}.proto.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import path from "node:path";

const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;
const SHARD_NAME = /^(.+)\.record-(\d{5})-of-(\d{5})$/;

/** Something that is wrong with the records, said with the file's name. */
export class RecordError extends Error {}

/**
 * Find the shards of one split, in order: `test.record-00000-of-00002`, ...
 * Throws RecordError if there is none, or one is missing.
 */
export function findShards(recordsDir, split) {
  let names;
  try {
    names = readdirSync(recordsDir);
  } catch (error) {
    throw new RecordError(`${recordsDir}: cannot be read as a folder of records (${error.code})`);
  }
  const shards = names.sort().flatMap((name) => {
    const [, found, number, total] = SHARD_NAME.exec(name) ?? [];
    return found === split ? [{ name, number: Number(number), total: Number(total) }] : [];
  });
  if (shards.length === 0) throw new RecordError(`${recordsDir}: no ${split}.record-* in it`);
  shards.forEach(({ name, number, total }, index) => {
    if (number !== index || total !== shards.length) {
      throw new RecordError(
        `${recordsDir}: ${shards.length} shards of ${split}.record are there, but ${name} says there are ${total}`,
      );
    }
  });
  return shards.map(({ name }) => path.join(recordsDir, name));
}

/** Yield the data of each record of a file. Throws RecordError where it is cut off or damaged. */
export function* readRecords(file) {
  for (const { fd, length, dataAt, number } of walkRecords(file)) {
    const data = readBytes(fd, length + FOOTER_BYTES, dataAt);
    const body = data.subarray(0, length);
    if (data.readUInt32LE(length) !== maskedCrc32c(body)) {
      throw new RecordError(`${file}: record ${number} is damaged (its checksum does not fit its data)`);
    }
    yield body;
  }
}

/** Count the records of a file from their headers alone. Throws RecordError where it is cut off. */
export function countRecords(file) {
  let count = 0;
  for (const _ of walkRecords(file)) count += 1;
  return count;
}

function* walkRecords(file) {
  const fd = openSync(file, "r");
  try {
    const size = fstatSync(fd).size;
    let at = 0;
    for (let number = 1; at < size; number += 1) {
      checkSpace(file, { number, at, wanted: HEADER_BYTES, size });
      const header = readBytes(fd, HEADER_BYTES, at);
      if (header.readUInt32LE(8) !== maskedCrc32c(header.subarray(0, 8))) {
        throw new RecordError(
          number === 1
            ? `${file}: not a TFRecord file (the first length does not fit its checksum)`
            : `${file}: record ${number} is damaged (its length does not fit its checksum)`,
        );
      }
      const length = Number(header.readBigUInt64LE(0));
      const end = at + HEADER_BYTES + length + FOOTER_BYTES;
      checkSpace(file, { number, at, wanted: end - at, size });
      yield { fd, length, dataAt: at + HEADER_BYTES, number };
      at = end;
    }
  } finally {
    closeSync(fd);
  }
}

function checkSpace(file, { number, at, wanted, size }) {
  if (at + wanted > size) {
    throw new RecordError(
      `${file}: record ${number} is cut off: it needs ${wanted} bytes from byte ${at} on, the file has ${size - at}`,
    );
  }
}

function readBytes(fd, length, position) {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) throw new RecordError("a record file became shorter while it was read");
    done += count;
  }
  return bytes;
}

// CRC-32C (Castagnoli), reflected; zlib's crc32 is another polynomial.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** The checksum of TFRecord files: CRC-32C, rotated and shifted so that it can be stored beside its data. */
export function maskedCrc32c(bytes) {
  let crc = 0xffffffff;
  for (let index = 0; index < bytes.length; index += 1) {
    crc = CRC_TABLE[(crc ^ bytes[index]) & 0xff] ^ (crc >>> 8);
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * Parse a tf.Example: its features by name, with bytes features as arrays of Buffer.
 * Float and int64 features are left out: whoever looks at images needs neither.
 */
export function parseExample(data) {
  const features = new Map();
  for (const { value: list } of readFields(data, 1)) {
    for (const { value: entry } of readFields(list, 1)) {
      const name = [...readFields(entry, 1)][0]?.value.toString("utf8") ?? "";
      for (const { value: feature } of readFields(entry, 2)) {
        for (const { value: bytesList } of readFields(feature, 1)) {
          features.set(name, [...readFields(bytesList, 1)].map(({ value }) => value));
        }
      }
    }
  }
  return features;
}

/** Yield the length-delimited fields with this number; other fields are stepped over. */
function* readFields(message, wanted) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= message.length) throw new RecordError("not a tf.Example: a number runs over its end");
      const byte = message[at];
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      if (at + length > message.length) throw new RecordError("not a tf.Example: a field runs over its end");
      if (Math.floor(tag / 8) === wanted) yield { value: message.subarray(at, at + length) };
      at += length;
    } else throw new RecordError(`not a tf.Example: field type ${wireType}`);
  }
}
