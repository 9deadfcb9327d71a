// The models of models.json, and how each of its two builds is loaded and asked.
//
//   fast    through the detector.js that lies beside the model, as any page would use it
//   whole   the whole graph with TensorFlow.js alone; the only build of Faster R-CNN
//
// Both answer alike: [{ label, score, box: { xmin, ymin, xmax, ymax } }, ...], best first, in pixels.

import { PageError } from "./backends.js";
import { WholeModel } from "./whole_model.js";

const BASE = new URL("../", import.meta.url);
/** Lower than the slider goes, so that moving it needs no new detection. */
export const LOWEST_SCORE = 0.05;

/** Read the list; returns { choices, others }, one choice for each build of each model. */
export async function listModels() {
  const response = await fetch(new URL("models.json", BASE)).catch(() => null);
  if (!response) throw new PageError("The server does not answer. Is make web still running?");
  if (!response.ok) throw new PageError(`The list of models cannot be read: the server answers ${response.status}.`);
  const { models, others = [] } = await response.json();
  const choices = models.flatMap((model) => model.builds.map((build) => ({
    id: `${model.name}/${build.kind}`,
    title: model.builds.length > 1 ? `${model.name} (${build.kind})` : model.name,
    model,
    build,
  })));
  return { choices, others };
}

/** Say why there is nothing to choose. */
export function explainNoModel(others) {
  const reasons = others.map(({ name, why }) => ` ${name}: ${why}.`).join("");
  return `There is no model yet. Train and export one: make demo, or make export NAME=... of a trained run.${reasons}`;
}

/** Describe a choice in a line: classes, mAP, download. */
export function describeChoice({ model, build }) {
  const classes = model.labels.length === 1 ? "1 class" : `${model.labels.length} classes`;
  const score = typeof build.map === "number" ? `mAP ${build.map.toFixed(3)}` : "not evaluated yet";
  return `${classes}, ${score}, ${formatBytes(build.bytes)}`;
}

function formatBytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Load a choice for the backend that is set; returns an object with detect(source) and dispose(). */
export async function loadModel(choice, { tf, onProgress }) {
  const { model, build } = choice;
  try {
    if (build.kind === "whole") {
      return await WholeModel.load(new URL(build.url, BASE), {
        tf, labels: model.labels, lowestScore: LOWEST_SCORE, onProgress,
      });
    }
    const { Detector } = await import(new URL(model.detector, BASE));
    const detector = await Detector.load(new URL(build.url, BASE), { tf, onProgress });
    return {
      detect: (source) => detector.detect(source, { threshold: LOWEST_SCORE }),
      dispose: () => detector.dispose(),
    };
  } catch (error) {
    throw new PageError(`The model ${choice.title} cannot be loaded: ${error.message}`, { cause: error });
  }
}
