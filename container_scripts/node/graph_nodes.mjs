// The nodes of a TensorFlow.js graph as model.json lists them: in order, by what they read, and the layers among them.
//
//   const nodes = sortNodes(modelJson.modelTopology.node);
//   const described = new DescribedNodes({ input, nodes, shapes, manifest, weights });
//   described.layers[1]      { tensor: 1, name: "FeatureExtractor/MobilenetV2/Conv/Relu6", operator: "_FusedConv2D",
//                              fused: ["BiasAdd", "Relu6"], inputs: [0], weights: 340, weights_name: "...", ... }
//
// The keys of a layer are those of pipeline/explain/tflite_layers.py, `low` and `high` the ends of a ClipByValue.
const INPUT = "INPUT";
const CLIP = "ClipByValue";
const WEIGHED = new Set([
  "_FusedConv2D", "Conv2D", "FusedDepthwiseConv2dNative", "DepthwiseConv2dNative", "_FusedMatMul", "MatMul",
]);
const NO_WEIGHTS = { weights: null, weights_name: null };

/** The node that an input such as `unstack:1` or `^relu` is of. */
export const nodeOf = (input) => input.replace(/^\^/, "").split(":")[0];

/** Bring nodes into an order in which each comes after those that it reads, but for what loops hand back. */
export function sortNodes(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const [begun, sorted] = [new Set(), []];
  const add = (node) => {
    if (begun.has(node)) return;
    begun.add(node);
    for (const input of node.input ?? []) if (byName.has(nodeOf(input))) add(byName.get(nodeOf(input)));
    sorted.push(node);
  };
  nodes.forEach(add);
  return sorted;
}

/** Find the names of what depends on the node `start`, itself left out; `nodes` are in order. */
export function findDependents(nodes, start) {
  const moving = new Set([start]);
  for (const { name, input = [] } of nodes) if (input.some((one) => moving.has(nodeOf(one)))) moving.add(name);
  moving.delete(start);
  return moving;
}

/** The weights of a model file by their names, with how each is stored. */
export const readManifest = (modelJson) =>
  new Map(modelJson.weightsManifest.flatMap((group) => group.weights).map((one) => [one.name, one]));

/** The number that a node's constant input is; null for anything else. `weights` are those of TF.js' GraphModel. */
export function readScalar(weights, input) {
  const [tensor] = weights[nodeOf(input)] ?? [];
  return tensor?.size === 1 ? tensor.dataSync()[0] : null;
}

/** Tell whether all values are the same number, but for `noise`. */
export const areAlike = (values, noise = 0) => values.every((value) => Math.abs(value - values[0]) <= noise);

/** A network's nodes, of which each is a layer, after the image that it sees, which is the first. */
export class DescribedNodes {
  /**
   * `input` is { name, shape } of the image, `shapes` holds those of the nodes by name, `manifest` what `readManifest`
   * gives, `weights` the tensors that TF.js has restored.
   */
  constructor({ input, nodes, shapes, manifest, weights }) {
    Object.assign(this, { nodes, manifest, weights });
    this.names = nodes.map(({ name }) => name);
    const numbers = new Map(this.names.map((name, index) => [name, index + 1]));
    numbers.set(input.name, 0);
    this.layers = [
      { tensor: 0, name: input.name, operator: INPUT, fused: [], inputs: [], ...NO_WEIGHTS, ...floats(), shape: input.shape },
      ...nodes.map((node, index) => ({
        tensor: index + 1,
        name: node.name,
        operator: node.op,
        fused: fusedOperators(node),
        inputs: node.input.map(nodeOf).filter((name) => numbers.has(name)).map((name) => numbers.get(name)),
        ...this.describeWeights(node, numbers.size + index),
        shape: shapes.get(node.name),
        ...(node.op === CLIP ? floats(...node.input.slice(1).map((name) => readScalar(weights, name))) : floats()),
      })),
    ];
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

  /** Return the weights of the layers as TensorFlow.js has restored them, by their numbers. */
  readWeights() {
    const weighed = this.layers.filter(({ weights }) => weights !== null);
    return Object.fromEntries(weighed.map(({ weights, weights_name: name }) => [`t${weights}`, toArray(this.weights[name][0])]));
  }
}

/** The shape and the numbers of a tensor, as npz_file.mjs writes them. */
export const toArray = (tensor) => ({ shape: tensor.shape, data: tensor.dataSync() });

/** What a layer of floats says of its range: nothing, but where it is cut off. */
const floats = (low = null, high = null) => ({ step: 0, zero_point: 0, low, high });

const fusedOperators = (node) => (node.attr?.fused_ops?.list?.s ?? [])
  .map((name) => Buffer.from(name, "base64").toString("latin1"));
