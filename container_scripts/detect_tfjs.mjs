// Run the TF.js builds of a model over the test images and write what they detect.
//
//   node container_scripts/detect_tfjs.mjs --records-dir input/tf_records/cats \
//     --tfjs-dir output/cats/tensorflow_js --detections-dir output/cats/evaluation/detections
//
// Writes tfjs.jsonl and, where there is a fast build, tfjs_fast.jsonl: a line about the artefact, then a line an image:
//   {"artefact": "tfjs", "runtime": "tfjs 4.22.0 wasm", "size_bytes": 1234567}
//   {"source_id": "7", "filename": "7.jpg", "width": 640, "height": 480, "ms": 31.2,
//    "detections": [[class_id, score, ymin, xmin, ymax, xmax], ...]}
// Coordinates are normalised, ids count from 1, `ms` is one run: decoded image in, boxes out.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { decodeImage } from "./node/decode_image.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { GraphModel, ModelError } from "./node/graph_model.mjs";
import { Progress, fail, say } from "./node/screen.mjs";
import { RecordError, countRecords, findShards, parseExample, readRecords } from "./node/tfrecord.mjs";

const USAGE = `usage: detect_tfjs.mjs --records-dir DIR --tfjs-dir DIR --detections-dir DIR

Run the TF.js builds of --tfjs-dir over the images of --records-dir/test.record-*
and write --detections-dir/tfjs.jsonl and, for a fast build, tfjs_fast.jsonl. NODE_PATH names the node_modules folder of TF.js.`;

function readArguments() {
  const names = ["records-dir", "tfjs-dir", "detections-dir"];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  let values;
  try {
    ({ values } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } }));
  } catch (error) {
    return fail(error.message, { hint: "node container_scripts/detect_tfjs.mjs --help", exitCode: 2 });
  }
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const missing = names.filter((name) => !values[name]).map((name) => "--" + name);
  if (missing.length > 0) {
    fail(`${missing.join(", ")}: not given`, { hint: "node container_scripts/detect_tfjs.mjs --help", exitCode: 2 });
  }
  return names.map((name) => values[name]);
}

/** Yield the test images, decoded: { source_id, filename, image }. */
async function* readImages(shards) {
  for (const shard of shards) {
    let number = 0;
    for (const record of readRecords(shard)) {
      number += 1;
      try {
        const features = parseExample(record);
        const text = (name) => features.get(name)?.[0]?.toString("utf8") ?? "";
        const encoded = features.get("image/encoded")?.[0];
        if (encoded === undefined) throw new Error("no image/encoded in it");
        yield {
          source_id: text("image/source_id"),
          filename: text("image/filename"),
          image: await decodeImage(encoded),
        };
      } catch (error) {
        throw new RecordError(`${shard}: record ${number}: ${error.message}`);
      }
    }
  }
}

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

/** Round to seven significant digits, about what a float32 holds, to keep the file small. */
const toFloat32Digits = (row) => row.map((value) => Number(value.toPrecision(7)));

/** Run one build over the test images; returns its times in ms. */
async function detectAll(model, shards, { detectionsDir, progress, done }) {
  const fd = openSync(path.join(detectionsDir, `${model.artefact}.jsonl`), "w");
  const writeLine = (value) => writeSync(fd, JSON.stringify(value) + "\n");
  writeLine({ artefact: model.artefact, runtime: model.runtime, size_bytes: model.sizeBytes });
  const times = [];
  let tensorsAfterWarmUp;
  for await (const { source_id, filename, image } of readImages(shards)) {
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
    writeLine({
      source_id, filename, width: image.width, height: image.height,
      ms: Number(times.at(-1).toFixed(3)), detections: detections.map(toFloat32Digits),
    });
    progress.update(done + times.length);
  }
  closeSync(fd);
  return times;
}

async function main() {
  const [recordsDir, tfjsDir, detectionsDir] = readArguments();
  const shards = findShards(recordsDir, "test");
  const total = shards.map(countRecords).reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new RecordError(`${recordsDir}: its test records hold no image`);
  const kinds = FastModel.isIn(tfjsDir) ? [GraphModel, FastModel] : [GraphModel];
  mkdirSync(detectionsDir, { recursive: true });
  const progress = new Progress("evaluate_tfjs", total * kinds.length);
  const told = [];
  for (const [index, kind] of kinds.entries()) {
    const model = await kind.load(tfjsDir);
    const times = await detectAll(model, shards, { detectionsDir, progress, done: index * total });
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    told.push(`${model.artefact} median ${median.toFixed(1)} ms`);
  }
  progress.end();
  say(`TF.js ran on ${total} test images, 1 thread: ${told.join(", ")}`);
}

try {
  await main();
} catch (error) {
  if (error instanceof RecordError || error instanceof ModelError) fail(error.message);
  throw error;
}
