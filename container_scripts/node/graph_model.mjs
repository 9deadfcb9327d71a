// Load a TF.js detection model from a folder and run it on one decoded image at a time.
//
//   FOLDER/model.json           topology, signature, list of the weight files
//   FOLDER/group1-shard*.bin    weights
//
// Runs on TF.js's WASM backend, on one thread: its build with threads does not work in Node
// (tensorflow/tfjs#3830), and tfjs-node would bring a second TensorFlow with it.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";

import { requirePackage } from "./npm_packages.mjs";

const OUTPUTS = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"];

/** Something that is wrong with the model, said with the file's name. */
export class ModelError extends Error {}

/** A TF.js detection model: uint8 RGB image in, boxes out. */
export class GraphModel {
  /** Load the model of a folder. Throws ModelError if it is not one that detects objects. */
  static async load(folder) {
    const { modelJson, weights, sizeBytes } = readModelFiles(folder);
    const outputs = Object.keys(modelJson.signature?.outputs ?? {});
    const missing = OUTPUTS.filter((name) => !outputs.includes(name));
    if (missing.length > 0) {
      throw new ModelError(
        `${path.join(folder, "model.json")}: its signature has no ${missing.join(", ")}; it has ${outputs.join(", ")}`,
      );
    }
    const tf = requirePackage("@tensorflow/tfjs-core");
    const { loadGraphModel } = requirePackage("@tensorflow/tfjs-converter");
    requirePackage("@tensorflow/tfjs-backend-wasm");
    await tf.setBackend("wasm");
    const model = await namingCutWeights(folder, () => loadGraphModel(tf.io.fromMemory({
      modelTopology: modelJson.modelTopology,
      signature: modelJson.signature,
      weightSpecs: modelJson.weightsManifest.flatMap((group) => group.weights),
      weightData: weights,
    })));
    return new GraphModel(tf, model, sizeBytes);
  }

  constructor(tf, model, sizeBytes) {
    Object.assign(this, { tf, model, sizeBytes, inputName: model.inputNodes[0], artefact: "tfjs" });
    this.runtime = `tfjs ${tf.version_core} ${tf.getBackend()}`;
  }

  /** The number of tensors that are alive: the weights, and whatever was forgotten. */
  get tensorCount() {
    return this.tf.memory().numTensors;
  }

  /**
   * Detect objects on an image of `decodeImage`.
   * Returns rows [class_id, score, ymin, xmin, ymax, xmax]: ids from 1, coordinates normalised, best first.
   */
  async detect(image) {
    const results = await this.run(image, OUTPUTS);
    const [boxes, scores, classes, [count]] = await Promise.all(results.map((tensor) => tensor.data()));
    this.tf.dispose(results);
    return Array.from({ length: count }, (_, index) => [
      classes[index], scores[index], ...boxes.subarray(4 * index, 4 * index + 4),
    ]);
  }

  /** Run an image of `decodeImage`; returns the tensors of these nodes, which the caller disposes. */
  async run({ width, height, pixels }, names) {
    const image = this.tf.tensor4d(pixels, [1, height, width, 3], "int32");
    const results = await this.model.executeAsync({ [this.inputName]: image }, names);
    this.tf.dispose(image);
    return [results].flat();
  }
}

/** Do what loads the model of a folder; throws ModelError where TensorFlow.js finds that its weights end too early. */
export async function namingCutWeights(folder, load) {
  try {
    return await load();
  } catch (error) {
    // TensorFlow.js' own words
    if (!error.message.startsWith("Based on the provided shape")) throw error;
    throw new ModelError(`${folder}: its weight files are cut off: ${error.message}`);
  }
}

function readModelFiles(folder) {
  const modelFile = path.join(folder, "model.json");
  let modelJson;
  try {
    modelJson = JSON.parse(readFileSync(modelFile, "utf8"));
  } catch (error) {
    throw new ModelError(`${modelFile}: cannot be read as a TF.js model (${error.code ?? error.message})`);
  }
  if (modelJson.format !== "graph-model" || !modelJson.weightsManifest) {
    throw new ModelError(`${modelFile}: its format is '${modelJson.format}', not 'graph-model'`);
  }
  const shards = modelJson.weightsManifest.flatMap((group) => group.paths).map((name) => {
    try {
      return readFileSync(path.join(folder, name));
    } catch (error) {
      throw new ModelError(`${modelFile}: its weight file ${name} cannot be read (${error.code})`);
    }
  });
  const bytes = Buffer.concat(shards);
  return {
    modelJson,
    weights: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    sizeBytes: statSync(modelFile).size + bytes.byteLength,
  };
}
