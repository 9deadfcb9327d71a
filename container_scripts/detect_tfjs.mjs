// Run the TF.js builds of a model over the test images and write what they detect.
//
//   node container_scripts/detect_tfjs.mjs --records-dir input/tf_records/cats \
//     --tfjs-dir output/cats/tensorflow_js --detections-dir output/cats/evaluation/detections
//
// Writes tfjs.jsonl and, where there is a fast build, tfjs_fast.jsonl, as node/detections_file.mjs says. Coordinates are
// normalised, ids count from 1, `ms` is one run: decoded image in, boxes out.
import { mkdirSync } from "node:fs";

import { readArguments } from "./node/arguments.mjs";
import { decodeImage } from "./node/decode_image.mjs";
import { DetectionsFile, peakMemoryBytes } from "./node/detections_file.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { GraphModel, ModelError } from "./node/graph_model.mjs";
import { Progress, fail, say } from "./node/screen.mjs";
import { TestImages } from "./node/test_images.mjs";
import { RecordError } from "./node/tfrecord.mjs";

const USAGE = `usage: detect_tfjs.mjs --records-dir DIR --tfjs-dir DIR --detections-dir DIR

Run the TF.js builds of --tfjs-dir over the images of --records-dir/test.record-*
and write --detections-dir/tfjs.jsonl and, for a fast build, tfjs_fast.jsonl. NODE_PATH names the node_modules folder of TF.js.`;

/** Detect, or end the job with the image's name. */
async function detectOrFail(model, image, filename) {
  try {
    return await model.detect(image);
  } catch (error) {
    // The WASM backend's TopK traps on an empty list, which is what an image without any detection gives.
    const hint = error.message === "divide by zero"
      ? "TF.js on WASM cannot sort an empty list: the model detected nothing at all here; train it longer"
      : "";
    return fail(`${filename}: TF.js failed on it: ${error.message}`, { hint, exitCode: 4 });
  }
}

/** Run one build over the test images; returns its times in ms. */
async function detectAll(model, images, { detectionsDir, memoryShared, progress, done }) {
  const { artefact, runtime, sizeBytes } = model;
  const file = new DetectionsFile(detectionsDir, { artefact, runtime, sizeBytes, memoryShared });
  const times = [];
  let tensorsAfterWarmUp;
  for await (const { source_id, filename, image } of images.read(decodeImage)) {
    if (times.length === 0) {
      await detectOrFail(model, image, filename);
      tensorsAfterWarmUp = model.tensorCount;
    }
    const began = performance.now();
    const detections = await detectOrFail(model, image, filename);
    times.push(performance.now() - began);
    if (model.tensorCount > tensorsAfterWarmUp) {
      fail(`${filename}: ${model.tensorCount - tensorsAfterWarmUp} tensors were not released`, { exitCode: 4 });
    }
    file.write({ source_id, filename, width: image.width, height: image.height, ms: times.at(-1), detections });
    progress.update(done + times.length);
  }
  file.close({ memoryBytes: peakMemoryBytes() });
  return times;
}

async function main() {
  const [recordsDir, tfjsDir, detectionsDir] = readArguments(["records-dir", "tfjs-dir", "detections-dir"], USAGE);
  const images = new TestImages(recordsDir);
  const kinds = FastModel.isIn(tfjsDir) ? [GraphModel, FastModel] : [GraphModel];
  mkdirSync(detectionsDir, { recursive: true });
  const progress = new Progress("evaluate_tfjs", images.count * kinds.length);
  const told = [];
  for (const [index, kind] of kinds.entries()) {
    const model = await kind.load(tfjsDir);
    const times = await detectAll(model, images, {
      detectionsDir, memoryShared: kinds.length > 1, progress, done: index * images.count,
    });
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    told.push(`${model.artefact} median ${median.toFixed(1)} ms`);
  }
  progress.end();
  say(`TF.js ran on ${images.count} test images, 1 thread: ${told.join(", ")}`);
}

try {
  await main();
} catch (error) {
  if (error instanceof RecordError || error instanceof ModelError) fail(error.message);
  throw error;
}
