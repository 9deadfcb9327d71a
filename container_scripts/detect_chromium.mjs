// Run the fast TF.js build of a model over the test images in a real browser and write what it detects.
//
//   node container_scripts/detect_chromium.mjs --records-dir input/tf_records/cats \
//     --tfjs-dir output/cats/tensorflow_js --detections-dir output/cats/evaluation/chromium
//
// Writes tfjs_chromium.jsonl, as node/detections_file.mjs says: headless Chromium, WASM backend, one thread, the browser's
// own decoder, and `detector.detect`, as a page calls it. `ms` is from the decoded image to the boxes.
// Chromium or Chrome is taken from PATH, or is the one that ODPIPE_CHROMIUM names. On a machine that has none, or one that
// does not start, the file says so in its "not_run": that is no fault of the model.
import { mkdirSync } from "node:fs";

import { readArguments } from "./node/arguments.mjs";
import { Chromium, ChromiumError, PageError, findChromium } from "./node/chromium.mjs";
import { DetectionsFile, peakMemoryBytes } from "./node/detections_file.mjs";
import { FastModel } from "./node/fast_model.mjs";
import { PageServer } from "./node/page_server.mjs";
import { withoutExif } from "./node/plain_image.mjs";
import { Progress, fail, say } from "./node/screen.mjs";
import { TestImages } from "./node/test_images.mjs";
import { RecordError } from "./node/tfrecord.mjs";

const ARTEFACT = "tfjs_chromium";
const USAGE = `usage: detect_chromium.mjs --records-dir DIR --tfjs-dir DIR --detections-dir DIR

Run the fast build of --tfjs-dir in headless Chromium over the images of --records-dir/test.record-*
and write --detections-dir/${ARTEFACT}.jsonl. ODPIPE_CHROMIUM names the browser where it is not on PATH.`;

// These run on the page.
const LOAD = `async () => {
  tf.wasm.setWasmPaths("/tf/tfjs-backend-wasm/wasm-out/");
  tf.wasm.setThreadsCount(1);
  const { Detector } = await import("/model/detector.js");
  globalThis.detector = await Detector.load("/model/fast/", { tf, backend: "wasm" });
  return { version: tf.version_core, backend: detector.backend };
}`;
const DETECT = `async () => {
  const blob = await (await fetch("/image")).blob();
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const { width, height } = image;
  const began = performance.now();
  const found = await detector.detect(image, { threshold: 0 });
  const ms = performance.now() - began;
  image.close();
  const detections = found.map(({ label, score, box: { xmin, ymin, xmax, ymax } }) => [
    detector.labels.indexOf(label) + 1, score, ymin / height, xmin / width, ymax / height, xmax / width,
  ]);
  return { width, height, ms, detections, tensors: tf.memory().numTensors };
}`;

/** Write down why nothing was run. */
function skip(detectionsDir, sizeBytes, notRun, hint) {
  new DetectionsFile(detectionsDir, { artefact: ARTEFACT, runtime: "Chromium", sizeBytes, notRun }).close();
  say(`the fast build was not run in a browser: ${notRun}`);
  say(`hint: ${hint}`);
}

/** Start Chromium, or write down why there is none and return null. */
async function startOrSay(detectionsDir, sizeBytes) {
  const executable = findChromium();
  if (executable === null) {
    skip(
      detectionsDir, sizeBytes, "no Chromium on this machine",
      "apt-get install chromium, or name one with ODPIPE_CHROMIUM=path",
    );
    return null;
  }
  try {
    return await Chromium.start(executable);
  } catch (error) {
    if (!(error instanceof ChromiumError)) throw error;
    skip(detectionsDir, sizeBytes, error.message, `does it start by itself? ${executable} --headless --dump-dom about:blank`);
    return null;
  }
}

/** Run the page over the test images. */
async function detectAll(images, { chromium, server, detectionsDir, sizeBytes }) {
  await chromium.open(server.address);
  const { version, backend } = await chromium.call(LOAD);
  const runtime = `Chromium ${chromium.version}, tfjs ${version} ${backend}, 1 thread`;
  const file = new DetectionsFile(detectionsDir, { artefact: ARTEFACT, runtime, sizeBytes });
  const progress = new Progress("evaluate_chromium", images.count);
  const times = [];
  let tensorsAfterWarmUp;
  for await (const { source_id, filename, image } of images.read(withoutExif)) {
    server.image = image;
    try {
      if (times.length === 0) tensorsAfterWarmUp = (await chromium.call(DETECT)).tensors;
      const { width, height, ms, detections, tensors } = await chromium.call(DETECT);
      if (tensors > tensorsAfterWarmUp) {
        fail(`${filename}: ${tensors - tensorsAfterWarmUp} tensors were not released`, { exitCode: 4 });
      }
      times.push(ms);
      file.write({ source_id, filename, width, height, ms, detections });
    } catch (error) {
      if (error instanceof PageError) fail(`${filename}: detector.js failed on it: ${error.message}`, { exitCode: 4 });
      throw error;
    }
    progress.update(times.length);
  }
  progress.end();
  file.close({ memoryBytes: peakMemoryBytes(await chromium.findPageProcess()) });
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  say(`${runtime.split(",")[0]} ran on ${images.count} test images, 1 thread: median ${median.toFixed(1)} ms`);
}

async function main() {
  const [recordsDir, tfjsDir, detectionsDir] = readArguments(["records-dir", "tfjs-dir", "detections-dir"], USAGE);
  const images = new TestImages(recordsDir);
  mkdirSync(detectionsDir, { recursive: true });
  if (!FastModel.isIn(tfjsDir)) {
    skip(detectionsDir, 0, "the model has no fast build", "the stage tfjs says why; evaluate_tfjs runs the plain build");
    return;
  }
  const sizeBytes = FastModel.sizeBytes(tfjsDir);
  const chromium = await startOrSay(detectionsDir, sizeBytes);
  if (chromium === null) return;
  const server = await PageServer.start(tfjsDir);
  try {
    await detectAll(images, { chromium, server, detectionsDir, sizeBytes });
  } finally {
    await chromium.close();
    server.close();
  }
}

process.once("SIGINT", () => process.exit(130)); // which ends Chromium, too
try {
  await main();
} catch (error) {
  if (error instanceof RecordError) fail(error.message);
  if (error instanceof ChromiumError || error instanceof PageError) fail(error.message, { exitCode: 4 });
  throw error;
}
