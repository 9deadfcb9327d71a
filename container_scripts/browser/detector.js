// An object detector in the browser or in Node: images in, boxes with labels out.
//
//   import * as tf from "@tensorflow/tfjs";                        // or <script src="tf.min.js">, which sets window.tf
//   import { Detector } from "./detector.js";
//
//   const detector = await Detector.load("fast/", { tf });         // a folder with detector.json and model.json
//   const found = await detector.detect(document.querySelector("img"));
//   // [{ label: "raccoon", score: 0.93, box: { xmin: 81.2, ymin: 88.0, xmax: 522.9, ymax: 408.4 } }, ...]
//
// Without modules: <script src="detector.script.js"></script>, then window.Detector. This file needs nothing but
// TensorFlow.js with the backends that are to be used; its types are in detector.d.ts.
//
// The graph ends at its raw outputs. Resizing, decoding and non-maximum suppression are done here, as the model was
// trained and evaluated: to the pixel and to the order of equal scores.

import { clipRow, decodeBox, selectCandidates, suppress } from "./boxes.js";
import { DetectorError } from "./errors.js";
import { allInOrder, chooseBackend, folderUrl, parseJson, read, readWeights } from "./files.js";
import { fitInput, readPixels } from "./image.js";

// With it an operator compiles its shader, beside the page's own thread, and computes nothing.
const COMPILE_ONLY = { webgl: "ENGINE_COMPILE_ONLY", webgpu: "WEBGPU_ENGINE_COMPILE_ONLY" };
const DEFAULTS = { threshold: 0.5, maxDetections: 100 };

export class Detector {
  /**
   * Load a detector and run it once, so that the first image does not wait for compilation.
   *
   * @param {string | URL} url  the folder that holds detector.json; in Node also a path
   * @param {object} [options]
   * @param {object} [options.tf]  TensorFlow.js; globalThis.tf when not given
   * @param {string} [options.backend]  "wasm", "webgl", "webgpu" or "cpu"; the one that is set when not given
   * @param {(share: number) => void} [options.onProgress]  is told the share that is loaded, 0 to 1
   * @throws {DetectorError} that names the file or the backend
   */
  static async load(url, { tf = globalThis.tf, backend, onProgress = () => {} } = {}) {
    if (!tf?.loadGraphModel) {
      throw new DetectorError("TensorFlow.js is not loaded: give it as { tf }, or load its script before this one");
    }
    await chooseBackend(tf, backend);
    const folder = folderUrl(url);
    const [description, modelJson] = await allInOrder(
      ["detector.json", "model.json"].map(async (name) => parseJson(await read(new URL(name, folder)), name, folder)),
    );
    if (description.format !== "odpipe-detector" || description.version !== 1) {
      throw new DetectorError(
        `${new URL("detector.json", folder)} is of format ${description.format} ${description.version};`
        + " this detector.js reads odpipe-detector 1: take the one that lies beside the model",
      );
    }
    const weights = await readWeights(modelJson, folder, onProgress);
    const model = await tf.loadGraphModel(tf.io.fromMemory({
      modelTopology: modelJson.modelTopology,
      signature: modelJson.signature,
      weightSpecs: modelJson.weightsManifest.flatMap((group) => group.weights),
      weightData: weights,
    }));
    const detector = new Detector(tf, model, description);
    await detector.warmUp();
    return detector;
  }

  constructor(tf, model, description) {
    const { height, width } = description.input;
    Object.assign(this, { tf, model, description });
    this.labels = description.labels;
    this.input = new Float32Array(height * width * 3);
    this.anchors = Float32Array.from(description.anchors.flat());
  }

  /** The name of the backend that computes: "wasm", "webgl", ... */
  get backend() {
    return this.tf.getBackend();
  }

  /**
   * Detect objects.
   *
   * @param source  an image, video or canvas element, ImageBitmap, OffscreenCanvas, VideoFrame, Blob, ImageData, or
   *   { width, height, data } with 3 or 4 bytes a pixel
   * @param {object} [options]
   * @param {number | Record<string, number>} [options.threshold]  lowest score, 0.5; or one a label
   * @param {number} [options.maxDetections]  100
   * @param {number} [options.iou]  overlap from which the weaker of two boxes of a class goes; the model's own
   * @returns {Promise<{label: string, score: number, box: {xmin, ymin, xmax, ymax}}[]>}  best first, in pixels of source
   */
  async detect(source, options = {}) {
    const image = await readPixels(source);
    const { threshold = DEFAULTS.threshold } = options;
    const limitOf = typeof threshold === "number" ? () => threshold : (label) => threshold[label] ?? DEFAULTS.threshold;
    const rows = await this.detectRows(image, { ...options, limits: this.labels.map(limitOf) });
    return rows.map(([classId, score, ymin, xmin, ymax, xmax]) => ({
      label: this.labels[classId - 1],
      score,
      box: {
        xmin: xmin * image.width, ymin: ymin * image.height, xmax: xmax * image.width, ymax: ymax * image.height,
      },
    }));
  }

  /**
   * Detect objects on pixels; returns rows [class id from 1, score, ymin, xmin, ymax, xmax], as shares of the image.
   * `limits` holds the lowest score of each class.
   */
  async detectRows(image, { limits, maxDetections = DEFAULTS.maxDetections, iou } = {}) {
    const { tf, description } = this;
    const fitted = fitInput(image, this.input, description.input);
    const outputs = this.run();
    const [codes, scores] = await Promise.all(outputs.map((tensor) => tensor.data()));
    tf.dispose(outputs);
    const classCount = this.labels.length;
    const { nms, boxScales } = description;
    const found = [];
    for (let classIndex = 0; classIndex < classCount; classIndex++) {
      const limit = Math.max(limits?.[classIndex] ?? 0, nms.scoreThreshold);
      const candidates = selectCandidates(scores, { classIndex, stride: classCount + 1, limit });
      const kept = suppress(candidates, (index) => decodeBox(codes, this.anchors, index, boxScales), {
        iou: iou ?? nms.iouThreshold, most: nms.maxPerClass,
      });
      for (const { score, box } of kept) found.push([classIndex + 1, score, ...box]);
    }
    // Array.sort is stable: equal scores stay in the order of their classes, as TensorFlow has them
    found.sort((a, b) => b[1] - a[1]);
    const clipped = [];
    for (const row of found) {
      if (clipped.length >= Math.min(maxDetections, nms.maxTotal)) break;
      const inside = clipRow(row, fitted);
      if (inside) clipped.push(inside);
    }
    return clipped;
  }

  /** Run the graph on the fitted image; returns its raw outputs, which the caller disposes. */
  run() {
    const { tf, description: { input: { height, width }, graph } } = this;
    return tf.tidy(() => this.model.execute({ [graph.input]: tf.tensor4d(this.input, [1, height, width, 3]) }, graph.outputs));
  }

  /** Compile the model without blocking the page where the backend can (WebGL, WebGPU), then run it once. */
  async warmUp() {
    const { tf } = this;
    const backend = tf.backend();
    this.input.fill(0);
    const compileOnly = COMPILE_ONLY[tf.getBackend()];
    if (compileOnly) {
      tf.env().set(compileOnly, true);
      let outputs;
      try {
        outputs = this.run();
      } finally {
        tf.env().set(compileOnly, false);
      }
      await backend.checkCompileCompletionAsync();
      backend.getUniformLocations?.();
      tf.dispose(outputs);
    }
    const outputs = this.run();
    await Promise.all(outputs.map((tensor) => tensor.data()));
    tf.dispose(outputs);
  }

  /** Free the model's memory. */
  dispose() {
    this.model.dispose();
  }
}

export { DetectorError };
