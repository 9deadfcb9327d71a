// Time a TF.js build of a run on its test images, one at a time, in a process of its own: WASM, one thread.
//
//   node container_scripts/benchmark_tfjs.mjs --artefact tfjs_fast --tfjs-dir output/cats/tensorflow_js \
//     --records-dir input/tf_records/cats --images 50 --result tfjs_fast.json
//
// writes {"runtime": "tfjs 4.22.0 wasm, detector.js", "load_ms": 91.2, "first_ms": 60.4, "ms": [10.8, ...]}
// `ms` goes from the decoded image to the boxes; what comes before the third answer is warming up and not among them.
import { writeFileSync } from "node:fs";

import { readArguments } from "./node/arguments.mjs";
import { decodeImage } from "./node/decode_image.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { GraphModel, ModelError } from "./node/graph_model.mjs";
import { Progress, fail } from "./node/screen.mjs";
import { TestImages } from "./node/test_images.mjs";
import { RecordError } from "./node/tfrecord.mjs";

const KINDS = { tfjs: GraphModel, tfjs_fast: FastModel };
const WARM_UP = 2;
const USAGE = `usage: benchmark_tfjs.mjs --artefact ARTEFACT --tfjs-dir DIR --records-dir DIR --images N --result FILE

Time ${Object.keys(KINDS).join(" or ")} of --tfjs-dir on N images of --records-dir/test.record-*. NODE_PATH names the
node_modules folder of TF.js.`;

async function time(model, image) {
  const began = performance.now();
  await model.detect(image);
  return performance.now() - began;
}

async function main() {
  const names = ["artefact", "tfjs-dir", "records-dir", "images", "result"];
  const [artefact, tfjsDir, recordsDir, count, result] = readArguments(names, USAGE);
  if (!KINDS[artefact]) fail(`--artefact is ${artefact}; known: ${Object.keys(KINDS).join(", ")}`, { exitCode: 2 });
  const decoded = [];
  for await (const { image } of new TestImages(recordsDir).read(decodeImage)) {
    decoded.push(image);
    if (decoded.length === Number(count)) break;
  }
  const began = performance.now();
  const model = await KINDS[artefact].load(tfjsDir);
  const loadMs = performance.now() - began;
  const firstMs = await time(model, decoded[0]);
  for (let warm = 0; warm < WARM_UP; warm += 1) await time(model, decoded[warm % decoded.length]);
  const progress = new Progress(`benchmark ${artefact}`, Number(count));
  const times = [];
  while (times.length < Number(count)) {
    times.push(await time(model, decoded[times.length % decoded.length]));
    progress.update(times.length);
  }
  progress.end();
  writeFileSync(result, JSON.stringify({ runtime: model.runtime, load_ms: loadMs, first_ms: firstMs, ms: times }));
}

try {
  await main();
} catch (error) {
  if (error instanceof RecordError || error instanceof ModelError) fail(error.message);
  throw error;
}
