// Write a detections file, as pipeline/detections/detections_file.py does and describes:
//
//   {"artefact": "tfjs", "runtime": "tfjs 4.22.0 wasm", "size_bytes": 1234567, "memory_bytes": 91234304,
//    "memory_shared": false, "not_run": null}
//   {"source_id": "7", "filename": "7.jpg", "width": 640, "height": 480, "ms": 31.2,
//    "detections": [[class_id, score, ymin, xmin, ymax, xmax], ...]}                       (one line an image)
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";

const HEADER_BYTES = 400;

/** Round to seven significant digits, about what a float32 holds, to keep the file small. */
const toFloat32Digits = (row) => row.map((value) => Number(value.toPrecision(7)));

/** One artefact's detections; the memory is known at the end and written into the first line then. */
export class DetectionsFile {
  /** Begin FOLDER/ARTEFACT.jsonl. `notRun` says why nothing will follow. */
  constructor(folder, { artefact, runtime, sizeBytes, memoryShared = false, notRun = null }) {
    this.fd = openSync(path.join(folder, `${artefact}.jsonl`), "w");
    this.header = {
      artefact, runtime, size_bytes: sizeBytes, memory_bytes: null, memory_shared: memoryShared, not_run: notRun,
    };
    this.writeHeader();
  }

  writeHeader() {
    // JSON may end with blanks: they leave room for what is filled in
    const text = JSON.stringify(this.header);
    const room = Math.max(HEADER_BYTES - Buffer.byteLength(text), 0);
    writeSync(this.fd, text + " ".repeat(room) + "\n", 0);
    this.at ??= Buffer.byteLength(text) + room + 1;
  }

  /** Append an image and its rows. */
  write({ source_id, filename, width, height, ms, detections }) {
    const line = {
      source_id, filename, width, height, ms: Number(ms.toFixed(3)), detections: detections.map(toFloat32Digits),
    };
    this.at += writeSync(this.fd, JSON.stringify(line) + "\n", this.at);
  }

  /** Note the memory, and close the file. */
  close({ memoryBytes = null } = {}) {
    this.header.memory_bytes = memoryBytes;
    this.writeHeader();
    closeSync(this.fd);
  }
}

/** Return the most memory that a process of this machine has had resident, in bytes; null where nobody tells. */
export function peakMemoryBytes(process = "self") {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process}/status`, "utf8"));
    return found ? Number(found[1]) * 1024 : null;
  } catch {
    return null; // not Linux
  }
}
