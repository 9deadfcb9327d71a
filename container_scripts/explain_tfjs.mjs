// Run a TF.js build of a model over test images and keep what its nodes hold: the first part of explaining a drop.
//
//   node container_scripts/explain_tfjs.mjs --build fast --records-dir input/tf_records/cats \
//     --tfjs-dir output/cats/tensorflow_js --images 100 --layer-images 8 --out output/cats/.cache/explain/artefact
//
// --build is fast, on TF.js' WASM backend with the detector.js that lies beside the model, or plain, model.json whole.
// Writes what pipeline/jobs/explain_artefact.py writes of a .tflite, which says what is in it: artefact.json,
// runs/shipped.jsonl, raw-000.npz, ..., tensors-000.npz, ..., weights.npz. Of a plain build, raw-000.npz also has
// `covered`, the share of the input's height and width that the image takes.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { readArguments } from "./node/arguments.mjs";
import { decodeImage } from "./node/decode_image.mjs";
import { DetectionsFile } from "./node/detections_file.mjs";
import { FastLayers } from "./node/fast_layers.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { ModelError } from "./node/graph_model.mjs";
import { writeNpz } from "./node/npz_file.mjs";
import { PlainLayers } from "./node/plain_layers.mjs";
import { Progress, fail } from "./node/screen.mjs";
import { TestImages, chooseImages } from "./node/test_images.mjs";
import { RecordError } from "./node/tfrecord.mjs";

const USAGE = `usage: explain_tfjs.mjs --build fast|plain --records-dir DIR --tfjs-dir DIR --images N --layer-images N --out DIR

Run a build of --tfjs-dir over N images of --records-dir/test.record-*, evenly spread, and keep what its nodes hold on
some of them, for explain_tensors.py to compare with the checkpoint's graph.`;
const BUILDS = { fast: FastLayers, plain: PlainLayers };

async function main() {
  const names = ["build", "records-dir", "tfjs-dir", "images", "layer-images", "out"];
  const [build, recordsDir, tfjsDir, wanted, wantedLayers, out] = readArguments(names, USAGE);
  if (!(build in BUILDS)) fail(`--build is '${build}'; known: ${Object.keys(BUILDS).join(", ")}`, { exitCode: 2 });
  const testImages = new TestImages(recordsDir);
  if (build === "fast" && !FastModel.isIn(tfjsDir)) {
    fail(`${tfjsDir} has no fast build`, { hint: "the stage tfjs says why: make tfjs NAME=..." });
  }
  const looked = await BUILDS[build].load(tfjsDir);
  const { model } = looked;
  mkdirSync(path.join(out, "runs"), { recursive: true });
  const file = new DetectionsFile(path.join(out, "runs"), {
    artefact: "shipped", runtime: model.runtime, sizeBytes: model.sizeBytes,
  });
  const total = Math.min(Number(wanted), testImages.count);
  const every = Math.max(1, Math.floor(total / Math.max(Number(wantedLayers), 1)));
  const progress = new Progress("explain  artefact", total);
  const [images, layerImages] = [[], []];
  const numbered = (number) => String(number).padStart(3, "0");
  for await (const { source_id, filename, image } of testImages.read(decodeImage, chooseImages(testImages.count, total))) {
    const began = performance.now();
    const detections = await model.detect(image);
    const ms = performance.now() - began;
    file.write({ source_id, filename, width: image.width, height: image.height, ms, detections });
    writeNpz(path.join(out, `raw-${numbered(images.length)}.npz`), await looked.readRaw(image));
    if (images.length % every === 0 && layerImages.length < Number(wantedLayers)) {
      writeNpz(path.join(out, `tensors-${numbered(layerImages.length)}.npz`), await looked.readTensors(image));
      layerImages.push(source_id);
    }
    images.push(source_id);
    progress.update(images.length);
  }
  progress.end();
  file.close();
  writeNpz(path.join(out, "weights.npz"), looked.readWeights());
  writeFileSync(path.join(out, "artefact.json"), JSON.stringify({
    kind: "tfjs", size_bytes: model.sizeBytes, ...looked.describe(), layers: looked.layers, images, layer_images: layerImages,
  }));
}

try {
  await main();
} catch (error) {
  if (error instanceof RecordError || error instanceof ModelError) fail(error.message);
  throw error;
}
