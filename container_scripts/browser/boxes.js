// From the raw outputs of an SSD to boxes: decoding and non-maximum suppression, as the OD API does them.

/** List the anchors whose score of a class is above a limit, best first; equal scores in their order. */
export function selectCandidates(scores, { classIndex, stride, limit }) {
  const candidates = [];
  for (let index = 0, at = classIndex + 1; at < scores.length; index++, at += stride) {
    // Above the limit, but also equal to it if it is not the lowest: score 0.5 passes a threshold of 0.5
    if (scores[at] > limit || (limit > 0 && scores[at] === limit)) candidates.push({ index, score: scores[at] });
  }
  return candidates.sort((a, b) => b.score - a.score);
}

/** Decode a box of an anchor: [ymin, xmin, ymax, xmax] as shares of the model's input. */
export function decodeBox(codes, anchors, index, boxScales) {
  const at = index * 4;
  const [anchorY, anchorX, anchorHeight, anchorWidth] = [anchors[at], anchors[at + 1], anchors[at + 2], anchors[at + 3]];
  const y = (codes[at] / boxScales.y) * anchorHeight + anchorY;
  const x = (codes[at + 1] / boxScales.x) * anchorWidth + anchorX;
  const halfHeight = (Math.exp(codes[at + 2] / boxScales.height) * anchorHeight) / 2;
  const halfWidth = (Math.exp(codes[at + 3] / boxScales.width) * anchorWidth) / 2;
  return [y - halfHeight, x - halfWidth, y + halfHeight, x + halfWidth];
}

/** Keep the best boxes of one class that do not overlap a better one by more than `iou`; `most` of them. */
export function suppress(candidates, decode, { iou, most }) {
  const kept = [];
  for (const { index, score } of candidates) {
    if (kept.length >= most) break;
    const box = decode(index);
    if (kept.every((better) => overlap(better.box, box) <= iou)) kept.push({ score, box });
  }
  return kept;
}

/** Intersection over union. */
function overlap(a, b) {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (height <= 0 || width <= 0) return 0;
  const common = height * width;
  return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common);
}

/** Turn shares of the input into shares of the image and cut what lies outside; null when nothing is left. */
export function clipRow([classId, score, ymin, xmin, ymax, xmax], { y, x }) {
  const clip = (value) => Math.min(Math.max(value, 0), 1);
  const box = [clip(ymin / y), clip(xmin / x), clip(ymax / y), clip(xmax / x)];
  return box[2] > box[0] && box[3] > box[1] ? [classId, score, ...box] : null;
}
