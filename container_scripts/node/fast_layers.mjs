// Look at every node of a fast build, not only at its outputs: on the image as detector.js has fitted it.
//
//   const looked = await FastLayers.load(folder);
//   looked.layers[1]         a node: see graph_nodes.mjs
//   const rows = await looked.model.detect(image);
//   looked.readTensors();    { t0: { shape, data }, t1: ... } of that image
//
// A layer is a node that depends on the image and gives floats. plain_layers.mjs has the same interface.
import { readFileSync } from "node:fs";
import path from "node:path";

import { FastModel } from "./fast_model.mjs";
import { DescribedNodes, areAlike, findDependents, readManifest, sortNodes, toArray } from "./graph_nodes.mjs";

/** The nodes of a fast build. */
export class FastLayers {
  /** Load the fast build of a folder. Throws ModelError if a file is missing or broken. */
  static async load(folder) {
    const model = await FastModel.load(folder);
    const modelJson = JSON.parse(readFileSync(path.join(folder, "fast", "model.json"), "utf8"));
    return new FastLayers(model, modelJson);
  }

  constructor(model, modelJson) {
    const { tf, detector: { description: { graph, input: { height, width } } } } = model;
    Object.assign(this, { model, graph });
    const sorted = sortNodes(modelJson.modelTopology.node);
    const dependents = findDependents(sorted, graph.input);
    const candidates = sorted.filter(({ name }) => dependents.has(name));
    // Which of them give floats, and of what shape, is known after a run: of whatever the model was warmed up with
    const outputs = this.execute(candidates.map(({ name }) => name));
    const nodes = candidates.filter((_, index) => outputs[index].dtype === "float32");
    const shapes = new Map(outputs.map(({ shape }, index) => [candidates[index].name, shape]));
    tf.dispose(outputs);
    this.described = new DescribedNodes({
      input: { name: graph.input, shape: [1, height, width, 3] }, nodes, shapes,
      manifest: readManifest(modelJson), weights: model.detector.model.weights,
    });
    this.layers = this.described.layers;
  }

  /** Run the graph on the image that was fitted last; returns the tensors of these nodes, which the caller disposes. */
  execute(names) {
    const { tf, detector } = this.model;
    const { height, width } = detector.description.input;
    return tf.tidy(() => {
      const image = tf.tensor4d(detector.input, [1, height, width, 3]);
      return [detector.model.execute({ [this.graph.input]: image }, names)].flat();
    });
  }

  /** Return the values of every layer on the image that was fitted last. */
  readTensors() {
    const outputs = this.execute(this.described.names);
    const found = outputs.map((tensor, index) => [`t${index + 1}`, toArray(tensor)]);
    this.model.tf.dispose(outputs);
    const [{ shape }] = this.layers;
    return { t0: { shape, data: this.model.detector.input }, ...Object.fromEntries(found) };
  }

  /** Return the raw outputs of the image that was fitted last: box codes [n, 4] and scores [n, classes + 1]. */
  readRaw() {
    const outputs = this.model.detector.run();
    const [encodings, scores] = outputs.map((tensor) => ({ ...toArray(tensor), shape: tensor.shape.slice(1) }));
    this.model.tf.dispose(outputs);
    return { encodings, scores };
  }

  /** Return the weights of the layers by their numbers, and the anchors [n, (y, x, height, width)] of their centres. */
  readWeights() {
    const { anchors } = this.model.detector;
    return { anchors: { shape: [anchors.length / 4, 4], data: anchors }, ...this.described.readWeights() };
  }

  /** Say what artefact.json says of a build beside its layers: what detector.json says. */
  describe() {
    const { boxScales, input: { height, width, resize, scale, offset }, labels, nms } = this.model.detector.description;
    return {
      input: { height, width, resize },
      // real = (pixel - zero_point) * step, where all channels have the same
      pixel: areAlike(scale) && areAlike(offset) ? { step: scale[0], zero_point: -offset[0] / scale[0] } : null,
      post_process: {
        max_detections: nms.maxTotal, regular_nms: true, score_threshold: nms.scoreThreshold,
        iou_threshold: nms.iouThreshold, num_classes: labels.length, detections_per_class: nms.maxPerClass,
        max_classes_per_detection: labels.length,
      },
      box_scales: [boxScales.y, boxScales.x, boxScales.height, boxScales.width],
    };
  }
}
