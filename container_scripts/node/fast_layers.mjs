// Look at every node of a fast build, not only at its outputs: on the image as detector.js has fitted it.
//
//   const looked = new FastLayers(await FastModel.load(folder), folder);
//   looked.layers[1]         { tensor: 1, name: "FeatureExtractor/MobilenetV2/Conv/Relu6", operator: "_FusedConv2D",
//                              fused: ["BiasAdd", "Relu6"], inputs: [0], weights: 340, weights_name: "...", ... }
//   const rows = await looked.model.detect(image);
//   looked.readTensors();    { t0: { shape, data }, t1: ... } of that image
//
// A layer is a node that depends on the image and gives floats; each comes after its inputs, the image itself is the
// first. Its keys are those of pipeline/explain/tflite_layers.py, `low` and `high` the ends of a ClipByValue.
import { readFileSync } from "node:fs";
import path from "node:path";

const INPUT = "INPUT";
const CLIP = "ClipByValue";
const WEIGHED = new Set([
  "_FusedConv2D", "Conv2D", "FusedDepthwiseConv2dNative", "DepthwiseConv2dNative", "_FusedMatMul", "MatMul",
]);

/** The nodes of a fast build. */
export class FastLayers {
  /** `model` is the FastModel of `folder`. */
  constructor(model, folder) {
    const modelJson = JSON.parse(readFileSync(path.join(folder, "fast", "model.json"), "utf8"));
    const { tf, detector: { description: { graph } } } = model;
    Object.assign(this, { model, graph });
    this.manifest = new Map(modelJson.weightsManifest.flatMap((group) => group.weights).map((one) => [one.name, one]));
    const nodes = sortNodes(modelJson.modelTopology.node);
    const moving = new Set([graph.input]);
    for (const { name, input = [] } of nodes) if (input.some((one) => moving.has(nodeOf(one)))) moving.add(name);
    const candidates = nodes.filter(({ name }) => moving.has(name) && name !== graph.input);
    // Which of them give floats, and of what shape, is known after a run: of whatever the model was warmed up with
    const outputs = this.execute(candidates.map(({ name }) => name));
    const shapes = new Map(outputs.map(({ dtype, shape }, index) => [candidates[index].name, { dtype, shape }]));
    tf.dispose(outputs);
    this.nodes = candidates.filter(({ name }) => shapes.get(name).dtype === "float32");
    this.layers = this.describeLayers(shapes);
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
    const { tf, detector } = this.model;
    const outputs = this.execute(this.nodes.map(({ name }) => name));
    const found = outputs.map((tensor, index) => [`t${index + 1}`, { shape: tensor.shape, data: tensor.dataSync() }]);
    tf.dispose(outputs);
    const [{ shape }] = this.layers;
    return { t0: { shape, data: detector.input }, ...Object.fromEntries(found) };
  }

  /** Return the raw outputs of the image that was fitted last: box codes [n, 4] and scores [n, classes + 1]. */
  readRaw() {
    const outputs = this.model.detector.run();
    const [encodings, scores] = outputs.map((tensor) => ({ shape: tensor.shape.slice(1), data: tensor.dataSync() }));
    this.model.tf.dispose(outputs);
    return { encodings, scores };
  }

  /** Return the weights of the layers as TensorFlow.js has restored them, by their numbers. */
  readWeights() {
    const stored = this.model.detector.model.weights;
    const weighed = this.layers.filter(({ weights }) => weights !== null);
    return Object.fromEntries(weighed.map(({ weights, weights_name }) => {
      const [tensor] = stored[weights_name];
      return [`t${weights}`, { shape: tensor.shape, data: tensor.dataSync() }];
    }));
  }

  describeLayers(shapes) {
    const { height, width } = this.model.detector.description.input;
    const numbers = new Map(this.nodes.map(({ name }, index) => [name, index + 1]));
    numbers.set(this.graph.input, 0);
    const first = {
      tensor: 0, name: this.graph.input, operator: INPUT, fused: [], inputs: [], ...NO_WEIGHTS,
      shape: [1, height, width, 3], ...floats(),
    };
    return [first, ...this.nodes.map((node, index) => ({
      tensor: index + 1,
      name: node.name,
      operator: node.op,
      fused: fusedOperators(node),
      inputs: node.input.map(nodeOf).filter((name) => numbers.has(name)).map((name) => numbers.get(name)),
      ...this.describeWeights(node, numbers.size + index),
      shape: shapes.get(node.name).shape,
      ...(node.op === CLIP ? floats(...node.input.slice(1).map((name) => this.scalar(name))) : floats()),
    }))];
  }

  /** Say which weights a node has, if it has any, and how they are stored; `number` is the one that they get. */
  describeWeights(node, number) {
    const stored = WEIGHED.has(node.op) ? this.manifest.get(nodeOf(node.input[1])) : undefined;
    if (stored === undefined) return NO_WEIGHTS;
    const bias = node.input.length > 2 ? this.manifest.get(nodeOf(node.input[2])) : undefined;
    const { dtype = stored.dtype, scale = 0 } = stored.quantization ?? {};
    return {
      weights: number, weights_name: stored.name, weights_dtype: dtype, weights_step: scale,
      bias_step: bias?.quantization?.scale ?? 0,
    };
  }

  /** The number that a node's constant input is; null for anything else. */
  scalar(input) {
    const [tensor] = this.model.detector.model.weights[nodeOf(input)] ?? [];
    return tensor?.size === 1 ? tensor.dataSync()[0] : null;
  }
}

const NO_WEIGHTS = { weights: null, weights_name: null };

/** What a layer of floats says of its range: nothing, but where it is cut off. */
const floats = (low = null, high = null) => ({ step: 0, zero_point: 0, low, high });

const nodeOf = (input) => input.replace(/^\^/, "").split(":")[0];

const fusedOperators = (node) => (node.attr?.fused_ops?.list?.s ?? [])
  .map((name) => Buffer.from(name, "base64").toString("latin1"));

/** Bring nodes into an order in which each comes after those that it reads. */
function sortNodes(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const sorted = new Set();
  const add = (node) => {
    if (sorted.has(node)) return;
    for (const input of node.input ?? []) if (byName.has(nodeOf(input))) add(byName.get(nodeOf(input)));
    sorted.add(node);
  };
  nodes.forEach(add);
  return [...sorted];
}
