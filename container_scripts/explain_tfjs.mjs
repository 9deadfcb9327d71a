// Run the fast TF.js build of a model over test images and keep what its nodes hold: the first part of explaining a drop.
//
//   node container_scripts/explain_tfjs.mjs --records-dir input/tf_records/cats --tfjs-dir output/cats/tensorflow_js \
//     --images 100 --layer-images 8 --out output/cats/.cache/explain/artefact
//
// Writes what pipeline/jobs/explain_artefact.py writes of a .tflite, which says what is in it: artefact.json,
// runs/shipped.jsonl, raw-000.npz, ..., tensors-000.npz, ..., weights.npz. On TF.js' WASM backend, with the detector.js
// that lies beside the model.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { readArguments } from "./node/arguments.mjs";
import { decodeImage } from "./node/decode_image.mjs";
import { DetectionsFile } from "./node/detections_file.mjs";
import { FastLayers } from "./node/fast_layers.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { ModelError } from "./node/graph_model.mjs";
import { writeNpz } from "./node/npz_file.mjs";
import { Progress, fail } from "./node/screen.mjs";
import { TestImages, chooseImages } from "./node/test_images.mjs";
import { RecordError } from "./node/tfrecord.mjs";

const USAGE = `usage: explain_tfjs.mjs --records-dir DIR --tfjs-dir DIR --images N --layer-images N --out DIR

Run the fast build of --tfjs-dir over N images of --records-dir/test.record-*, evenly spread, and keep what its nodes
hold on some of them, for explain_tensors.py to compare with the checkpoint's graph.`;

/** Say of a build what artefact.json says of a .tflite. */
function describe(looked, images, layerImages) {
  const { anchors, boxScales, input: { height, width, resize, scale, offset }, labels, nms } = looked.model.detector.description;
  const isAlike = (values) => values.every((value) => value === values[0]);
  return {
    kind: "tfjs",
    size_bytes: looked.model.sizeBytes,
    input: { height, width, resize },
    // real = (pixel - zero_point) * step, where all channels have the same
    pixel: isAlike(scale) && isAlike(offset) ? { step: scale[0], zero_point: -offset[0] / scale[0] } : null,
    layers: looked.layers,
    post_process: {
      max_detections: nms.maxTotal, regular_nms: true, score_threshold: nms.scoreThreshold,
      iou_threshold: nms.iouThreshold, num_classes: labels.length, detections_per_class: nms.maxPerClass,
      max_classes_per_detection: labels.length,
    },
    box_scales: [boxScales.y, boxScales.x, boxScales.height, boxScales.width],
    anchors: anchors.length,
    images,
    layer_images: layerImages,
  };
}

async function main() {
  const names = ["records-dir", "tfjs-dir", "images", "layer-images", "out"];
  const [recordsDir, tfjsDir, wanted, wantedLayers, out] = readArguments(names, USAGE);
  const testImages = new TestImages(recordsDir);
  if (!FastModel.isIn(tfjsDir)) fail(`${tfjsDir} has no fast build`, { hint: "the stage tfjs says why: make tfjs NAME=..." });
  const looked = new FastLayers(await FastModel.load(tfjsDir), tfjsDir);
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
    writeNpz(path.join(out, `raw-${numbered(images.length)}.npz`), looked.readRaw());
    if (images.length % every === 0 && layerImages.length < Number(wantedLayers)) {
      writeNpz(path.join(out, `tensors-${numbered(layerImages.length)}.npz`), looked.readTensors());
      layerImages.push(source_id);
    }
    images.push(source_id);
    progress.update(images.length);
  }
  progress.end();
  file.close();
  const anchors = { shape: [model.detector.anchors.length / 4, 4], data: model.detector.anchors };
  writeNpz(path.join(out, "weights.npz"), { anchors, ...looked.readWeights() });
  writeFileSync(path.join(out, "artefact.json"), JSON.stringify(describe(looked, images, layerImages)));
}

try {
  await main();
} catch (error) {
  if (error instanceof RecordError || error instanceof ModelError) fail(error.message);
  throw error;
}
