// What was detected so far, and the two files it can be taken home in: the ones that `make detect` writes.
//
//   detection.csv     filename,width,height,class,score,xmin,ymin,xmax,ymax      whole pixels, one object a line
//   detection.json    [{"image_id": 1, "file_name": "a/b.jpg", "category_id": 1, "category_name": "cat",
//                       "bbox": [x, y, width, height], "score": 0.93}, ...]      COCO results plus names
//
// Pixels are those of the image itself, upright, whatever its size on the page.

const COLUMNS = ["filename", "width", "height", "class", "score", "xmin", "ymin", "xmax", "ymax"];

/** The detections of one model, image by image. */
export class Results {
  constructor(labels) {
    this.labels = labels;
    this.images = new Map();
  }

  /** Keep an image's detections, in the place `key`: a number that orders the images. */
  set(key, { name, width, height }, detections) {
    this.images.set(key, { name, width, height, detections });
  }

  get(key) {
    return this.images.get(key)?.detections;
  }

  /** The number of objects at or above a score. */
  count(threshold) {
    let count = 0;
    for (const { detections } of this.images.values()) count += select(detections, threshold).length;
    return count;
  }

  * inOrder() {
    for (const key of [...this.images.keys()].sort((a, b) => a - b)) yield this.images.get(key);
  }

  /** Give detection.csv, as text. */
  toCsv(threshold) {
    const lines = [COLUMNS];
    for (const { name, width, height, detections } of this.inOrder()) {
      for (const { label, score, box } of select(detections, threshold)) {
        lines.push([name, width, height, label, score.toFixed(4), ...wholePixels(box, width, height)]);
      }
    }
    return lines.map((fields) => fields.map(quote).join(",") + "\n").join("");
  }

  /** Give detection.json, as text. */
  toJson(threshold) {
    const results = [];
    let imageId = 0;
    for (const { name, detections } of this.inOrder()) {
      imageId += 1;
      for (const { label, score, box } of select(detections, threshold)) {
        results.push(JSON.stringify({
          image_id: imageId,
          file_name: name,
          category_id: this.labels.indexOf(label) + 1,
          category_name: label,
          bbox: [box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin].map((value) => round(value, 2)),
          score: round(score, 4),
        }));
      }
    }
    return results.length > 0 ? `[\n${results.join(",\n")}\n]\n` : "[]\n";
  }
}

/** Keep the detections at or above a score. */
export const select = (detections, threshold) => detections.filter(({ score }) => score >= threshold);

const round = (value, digits) => Number(value.toFixed(digits));

/** Round to whole pixels inside the image, half-open, at least one pixel large. */
function wholePixels(box, width, height) {
  const xmin = Math.min(Math.round(box.xmin), width - 1);
  const ymin = Math.min(Math.round(box.ymin), height - 1);
  return [xmin, ymin, Math.max(Math.round(box.xmax), xmin + 1), Math.max(Math.round(box.ymax), ymin + 1)];
}

function quote(field) {
  const text = String(field);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Let the browser save a text under a name. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  [link.href, link.download] = [url, name];
  link.click();
  // The browser has begun to read it by then
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
