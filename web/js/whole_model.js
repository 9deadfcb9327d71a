// The whole graph: any detector that was exported, with everything from resizing to suppression inside it.

const OUTPUTS = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"];

export class WholeModel {
  /** Load model.json and its weights; `labels[n - 1]` names class n, lower scores are left out. */
  static async load(url, { tf, labels, lowestScore, onProgress }) {
    const model = await tf.loadGraphModel(url.href, { onProgress });
    return new WholeModel(tf, model, { labels, lowestScore });
  }

  constructor(tf, model, { labels, lowestScore }) {
    Object.assign(this, { tf, model, labels, lowestScore });
  }

  /** Detect objects on anything that tf.browser.fromPixels takes; in pixels of it, best first. */
  async detect(source) {
    const { tf } = this;
    const input = tf.tidy(() => tf.expandDims(tf.browser.fromPixels(source)));
    const [, height, width] = input.shape;
    let outputs = [];
    try {
      outputs = await this.model.executeAsync({ [this.model.inputs[0].name]: input }, OUTPUTS);
      const [boxes, scores, classes, [count]] = await Promise.all(outputs.map((tensor) => tensor.data()));
      const found = [];
      for (let index = 0; index < count; index++) {
        if (scores[index] < this.lowestScore) continue;
        const [ymin, xmin, ymax, xmax] = boxes.subarray(4 * index, 4 * index + 4);
        found.push({
          label: this.labels[classes[index] - 1] ?? `class ${classes[index]}`,
          score: scores[index],
          box: { xmin: xmin * width, ymin: ymin * height, xmax: xmax * width, ymax: ymax * height },
        });
      }
      return found.sort((a, b) => b.score - a.score);
    } catch (error) {
      // The WASM backend's TopK traps on an empty list, which is what an image without any detection gives
      if (error.message === "divide by zero") return [];
      throw error;
    } finally {
      tf.dispose([input, ...outputs]);
    }
  }

  /** Free the model's memory. */
  dispose() {
    this.model.dispose();
  }
}
