// How far two models agree on one image.

const SAME_OBJECT_IOU = 0.5;

/** Intersection over union of two boxes. */
export function iou(a, b) {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin);
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box.xmax - box.xmin) * (box.ymax - box.ymin);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Pair the boxes of two lists, best scores first: same class, most overlap; returns { both, meanIou, onlyA, onlyB }. */
export function compareDetections(a, b) {
  const left = [...b];
  let [both, sum] = [0, 0];
  for (const found of a) {
    const overlaps = left.map((other) => (other.label === found.label ? iou(found.box, other.box) : 0));
    const best = Math.max(0, ...overlaps);
    if (best < SAME_OBJECT_IOU) continue;
    left.splice(overlaps.indexOf(best), 1);
    both += 1;
    sum += best;
  }
  return { both, meanIou: both ? sum / both : 0, onlyA: a.length - both, onlyB: left.length };
}

/** Say it in a sentence. */
export function describeAgreement({ both, meanIou, onlyA, onlyB }, titleA, titleB) {
  const alike = both ? `Both find ${both} of the same objects (mean IoU ${meanIou.toFixed(2)}).` : "They find no object in common.";
  const alone = [[onlyA, titleA], [onlyB, titleB]].filter(([count]) => count).map(([count, title]) => ` ${count} only ${title}.`);
  return alike + alone.join("");
}
