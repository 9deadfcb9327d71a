// Load the fast build of a TF.js detector with its own detector.js, as a page would, and run it image by image.
//
//   FOLDER/detector.js                          the module that is shipped with the model: it is what is evaluated
//   FOLDER/fast/{detector.json,model.json,*.bin}
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { ModelError, namingCutWeights } from "./graph_model.mjs";
import { requirePackage } from "./npm_packages.mjs";

/** The fast build, with the interface of GraphModel. */
export class FastModel {
  /** Tell whether a folder has a fast build; only SSDs do. */
  static isIn(folder) {
    return existsSync(path.join(folder, "fast", "detector.json"));
  }

  /** The size of what a page downloads of it, detector.js aside. */
  static sizeBytes(folder) {
    const fast = path.join(folder, "fast");
    return readdirSync(fast).reduce((sum, name) => sum + statSync(path.join(fast, name)).size, 0);
  }

  /** Load the fast build of a folder. Throws ModelError if a file is missing or broken. */
  static async load(folder) {
    const { Detector, DetectorError } = await import(pathToFileURL(path.resolve(folder, "detector.js")));
    const tf = { ...requirePackage("@tensorflow/tfjs-core"), ...requirePackage("@tensorflow/tfjs-converter") };
    requirePackage("@tensorflow/tfjs-backend-wasm");
    const fast = path.join(folder, "fast");
    try {
      const source = pathToFileURL(path.resolve(fast));
      const detector = await namingCutWeights(fast, () => Detector.load(source, { tf, backend: "wasm" }));
      return new FastModel(tf, detector, FastModel.sizeBytes(folder));
    } catch (error) {
      if (error instanceof DetectorError) throw new ModelError(error.message);
      throw error;
    }
  }

  constructor(tf, detector, sizeBytes) {
    Object.assign(this, { tf, detector, sizeBytes, artefact: "tfjs_fast" });
    this.runtime = `tfjs ${tf.version_core} ${tf.getBackend()}, detector.js`;
  }

  /** The number of tensors that are alive: the weights, and whatever was forgotten. */
  get tensorCount() {
    return this.tf.memory().numTensors;
  }

  /**
   * Detect objects on an image of `decodeImage`, with no threshold: a threshold cuts what mAP measures.
   * Returns rows [class_id, score, ymin, xmin, ymax, xmax]: ids from 1, coordinates normalised, best first.
   */
  detect({ width, height, pixels }) {
    return this.detector.detectRows({ width, height, data: pixels });
  }
}
