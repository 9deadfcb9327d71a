// Look at every node of the network in a plain build, the whole SavedModel: its loops are before it and after it.
//
//   const looked = await PlainLayers.load(folder);
//   looked.layers[1]                     a node: see graph_nodes.mjs
//   const rows = await looked.model.detect(image);
//   await looked.readTensors(image);     { t0: { shape, data }, t1: ... }
//
// The same interface as fast_layers.mjs. What detector.json says there is measured here, since no file says it: what
// becomes of pixels, and what the graph's decoder makes of box codes.
import { readFileSync } from "node:fs";
import path from "node:path";

import { DescribedNodes, areAlike, nodeOf, readManifest, readScalar, toArray } from "./graph_nodes.mjs";
import { GraphModel, ModelError } from "./graph_model.mjs";
import { constantOf, findNetwork } from "./plain_network.mjs";

// Of other sides each: an input that is as large as the image makes it shows
const PROBES = [
  { grey: 0, width: 64, height: 48 }, { grey: 51, width: 48, height: 64 }, { grey: 255, width: 64, height: 64 },
];
const NOISE = 1e-4;
const SUPPRESSING = /^NonMaxSuppressionV[345]$/;

/** The nodes of the network in a plain build. */
export class PlainLayers {
  /** Load the plain build of a folder. Throws ModelError if it is broken, or no SSD with an input of one size. */
  static async load(folder) {
    const model = await GraphModel.load(folder);
    const file = path.join(folder, "model.json");
    const modelJson = JSON.parse(readFileSync(file, "utf8"));
    try {
      const looked = new PlainLayers(model, modelJson, findNetwork(modelJson));
      await looked.probe();
      return looked;
    } catch (error) {
      if (error.constructor !== Error) throw error;
      throw new ModelError(`${file}: ${error.message}`);
    }
  }

  constructor(model, modelJson, network) {
    Object.assign(this, { model, modelJson, network });
  }

  /** Run grey images: which nodes give floats, of what shape, and what becomes of a pixel, is known after it. */
  async probe() {
    const { model, modelJson, network } = this;
    const inputs = [];
    for (const probe of PROBES) {
      const [input] = await model.run(toImage(probe), [network.input]);
      inputs.push(toArray(input));
      input.dispose();
    }
    const [{ shape }] = inputs;
    if (inputs.some((input) => String(input.shape) !== String(shape))) {
      throw new Error("its input is as large as each image makes it; only layers of one size can be compared");
    }
    // The upper left corner: no border is there
    this.pixel = describePixel(inputs.map(({ data }) => [...data.slice(0, 3)]));
    const candidates = network.nodes.map(({ name }) => name);
    const outputs = await model.run(toImage(PROBES[0]), candidates);
    const shapes = new Map(outputs.map((tensor, index) => [candidates[index], tensor.shape]));
    const nodes = network.nodes.filter((_, index) => outputs[index].dtype === "float32");
    model.tf.dispose(outputs);
    this.described = new DescribedNodes({
      input: { name: network.input, shape }, nodes, shapes,
      manifest: readManifest(modelJson), weights: model.model.weights,
    });
    this.layers = this.described.layers;
    this.classes = shapes.get(network.scores).at(-1) - 1;
    this.decoder = this.measureDecoder(shapes.get(network.encodings));
    this.postProcess = this.describePostProcess();
  }

  /** Return the values of every layer on an image. */
  async readTensors(image) {
    const outputs = await this.model.run(image, [this.network.input, ...this.described.names]);
    const found = outputs.map((tensor, index) => [`t${index}`, toArray(tensor)]);
    this.model.tf.dispose(outputs);
    return Object.fromEntries(found);
  }

  /**
   * Return the raw outputs of an image: box codes [n, 4], scores [n, classes + 1], and the share of the input's height
   * and width that the image covers.
   */
  async readRaw(image) {
    const { encodings, scores, sides } = this.network;
    const outputs = await this.model.run(image, [encodings, scores, ...(sides ? [sides] : [])]);
    const [codes, raw, covered] = outputs.map(toArray);
    this.model.tf.dispose(outputs);
    const [, ...whole] = this.layers[0].shape;
    // Without any that it depends on, the optimizer has found that it is always all of it
    const share = [0, 1].map((axis) => (covered ? covered.data[axis] / whole[axis] : 1));
    return {
      encodings: { ...codes, shape: codes.shape.slice(1) },
      scores: { ...raw, shape: raw.shape.slice(1) },
      covered: { shape: [2], data: Float32Array.from(share) },
    };
  }

  /** Return the weights of the layers by their numbers, and the anchors [n, (y, x, height, width)] of their centres. */
  readWeights() {
    const { anchors } = this.decoder;
    return { anchors: { shape: [anchors.length / 4, 4], data: anchors }, ...this.described.readWeights() };
  }

  /** Say what artefact.json says of a build beside its layers. */
  describe() {
    const [{ name, shape: [, height, width] }] = this.layers;
    return {
      // Where the checkpoint's graph has the same tensor
      graph_input: name,
      input: { height, width },
      pixel: this.pixel,
      post_process: this.postProcess,
      box_scales: this.decoder.scales,
    };
  }

  /**
   * Measure what the graph's decoder does: codes of zeros give its anchors, codes of ones the scales that it divides by
   * (y, x, height, width), as ty / scale * height + y and exp(th / scale) * height.
   */
  measureDecoder(shape) {
    const { model: { tf, model }, network: { encodings, boxes } } = this;
    const [before, after] = [0, 1].map((code) => toCentres(tf.tidy(() => {
      const decoded = model.execute({ [encodings]: tf.fill(shape, code) }, [boxes]);
      return [decoded].flat()[0].dataSync();
    })));
    const scales = [0, 1].map((axis) => median(before, axis, (at) => before[at + 2] / (after[at] - before[at])));
    const sizes = [2, 3].map((axis) => median(before, axis, (at) => 1 / Math.log(after[at] / before[at])));
    return { anchors: Float32Array.from(before), scales: [...scales, ...sizes] };
  }

  describePostProcess() {
    const { modelTopology: { node: nodes }, signature } = this.modelJson;
    const { weights } = this.model.model;
    const scalar = (input) => readScalar(weights, constantOf(nodes, input));
    const [, , most, ...thresholds] = nodes.find(({ op }) => SUPPRESSING.test(op))?.input ?? [];
    const [iou, score] = thresholds.map(scalar);
    if (typeof iou !== "number" || typeof score !== "number") {
      throw new Error("it has no NonMaxSuppression whose thresholds are constants");
    }
    // As many as there are boxes, and no more than so many
    const { input: least = [] } = nodes.find(({ name }) => name === nodeOf(most));
    const total = Number(signature.outputs.detection_boxes.tensorShape.dim[1].size);
    return {
      max_detections: total, regular_nms: true, score_threshold: score, iou_threshold: iou, num_classes: this.classes,
      detections_per_class: least.map(scalar).find((one) => one !== null) ?? total,
      max_classes_per_detection: this.classes,
    };
  }
}

/** An image of one grey, as `decodeImage` gives them. */
const toImage = ({ grey, width, height }) => ({ width, height, pixels: new Uint8Array(width * height * 3).fill(grey) });

/** real = (pixel - zero_point) * step, where all channels have the same; null where it is nothing of that kind. */
function describePixel(probed) {
  const [first, between, last] = probed;
  const steps = last.map((value, channel) => (value - first[channel]) / PROBES[2].grey);
  const lines = steps.map((step, channel) => first[channel] + step * PROBES[1].grey);
  const isLine = lines.every((value, channel) => Math.abs(between[channel] - value) < NOISE * Math.max(1, Math.abs(value)));
  const isOne = areAlike(steps, NOISE * Math.abs(steps[0])) && areAlike(first, NOISE * Math.abs(first[0]));
  return isLine && isOne && steps[0] !== 0 ? { step: steps[0], zero_point: -first[0] / steps[0] } : null;
}

/** Turn boxes y0, x0, y1, x1 into y, x, height, width of their centres. */
function toCentres(boxes) {
  return Float64Array.from(boxes, (_, at) => {
    const [low, high] = at % 4 < 2 ? [boxes[at], boxes[at + 2]] : [boxes[at - 2], boxes[at]];
    return at % 4 < 2 ? (low + high) / 2 : high - low;
  });
}

/** The middle one of what `measure` gives for a coordinate of each box; 0 where it gives no numbers. */
function median(boxes, axis, measure) {
  const found = [];
  for (let at = axis; at < boxes.length; at += 4) if (Number.isFinite(measure(at))) found.push(measure(at));
  return found.sort((one, other) => one - other)[Math.floor(found.length / 2)] ?? 0;
}
