// Run a TF.js build on pictures that come in on standard input, one after the other; a line of JSON out for each.
//
//   in    {"width": 640, "height": 480}\n and then height x width x 3 bytes, RGB
//   out   {"rows": [[class_id, score, ymin, xmin, ymax, xmax], ...], "ms": 21.5}\n     or {"error": "..."}\n
//
// detect_tfjs_images.py starts it: decoding photos of all kinds is Python's part.
import { FastModel } from "./node/fast_model.mjs";
import { GraphModel, ModelError } from "./node/graph_model.mjs";
import { readArguments } from "./node/arguments.mjs";
import { fail } from "./node/screen.mjs";

const USAGE = `usage: detect_pixels.mjs --tfjs-dir DIR --build fast|plain

Run a build of --tfjs-dir on the pictures that come in on standard input.`;

const KINDS = { fast: FastModel, plain: GraphModel };
const NEWLINE = 10;

/** Yield { width, height, pixels } of a stream. */
async function* readPictures(stream) {
  let chunks = [];
  let size = 0;
  let header = null;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    for (;;) {
      if (header === null) {
        const bytes = Buffer.concat(chunks);
        const end = bytes.indexOf(NEWLINE);
        [chunks, size] = [[bytes], bytes.length];
        if (end < 0) break;
        header = JSON.parse(bytes.toString("utf8", 0, end));
        [chunks, size] = [[bytes.subarray(end + 1)], bytes.length - end - 1];
      }
      const wanted = header.width * header.height * 3;
      if (size < wanted) break;
      const bytes = Buffer.concat(chunks);
      yield { ...header, pixels: new Uint8Array(bytes.subarray(0, wanted)) };
      [chunks, size, header] = [[bytes.subarray(wanted)], bytes.length - wanted, null];
    }
  }
}

async function main() {
  const [tfjsDir, build] = readArguments(["tfjs-dir", "build"], USAGE);
  if (!KINDS[build]) fail(`--build is ${build}; wanted fast or plain`, { exitCode: 2 });
  const model = await KINDS[build].load(tfjsDir);
  for await (const picture of readPictures(process.stdin)) {
    let answer;
    try {
      const began = performance.now();
      const rows = await model.detect(picture);
      answer = { rows: rows.map((row) => Array.from(row)), ms: performance.now() - began };
    } catch (error) {
      // The WASM backend's TopK traps on an empty list, which is what a picture without any detection gives
      answer = error.message === "divide by zero" ? { rows: [], ms: 0 } : { error: error.message };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

try {
  await main();
} catch (error) {
  if (error instanceof ModelError) fail(error.message);
  throw error;
}
