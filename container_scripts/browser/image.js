// From anything that shows an image to the numbers that a model was trained on.

import { DetectorError } from "./errors.js";

/**
 * Resize an image into the model's input, as TensorFlow 1's `resize_images` does: bilinear, output pixel x reads input
 * position x * in / out, nothing averaged. Canvas, CSS and tf.image of other conventions give other scores.
 *
 * `resize` is "stretch", or "letterbox": the sides keep their ratio, and what is left on the right and below is 0.
 * Returns the share of the input that the image covers, { y, x }.
 */
export function fitInput(image, target, { height, width, resize, scale, offset }) {
  let [usedHeight, usedWidth] = [height, width];
  if (resize === "letterbox") {
    [usedHeight, usedWidth] = letterboxSize(image, { height, width });
    // The OD API pads what it has normalized already: this is no black, but the middle of what the network knows
    target.fill(0);
  }
  const channels = image.data.length / (image.width * image.height);
  const columns = positions(image.width, usedWidth, channels);
  const rows = positions(image.height, usedHeight, image.width * channels);
  const { data } = image;
  for (let y = 0; y < usedHeight; y++) {
    const [top, bottom, yShare] = [rows.lower[y], rows.upper[y], rows.share[y]];
    let to = y * width * 3;
    for (let x = 0; x < usedWidth; x++) {
      const [left, right, xShare] = [columns.lower[x], columns.upper[x], columns.share[x]];
      for (let channel = 0; channel < 3; channel++) {
        const a = data[top + left + channel];
        const b = data[bottom + left + channel];
        const above = a + (data[top + right + channel] - a) * xShare;
        const below = b + (data[bottom + right + channel] - b) * xShare;
        target[to++] = (above + (below - above) * yShare) * scale[channel] + offset[channel];
      }
    }
  }
  return { y: usedHeight / height, x: usedWidth / width };
}

/** Give the [height, width] of an image in a letterbox, as tf.image.resize_images with preserve_aspect_ratio has it. */
function letterboxSize(image, { height, width }) {
  const factor = Math.min(Math.fround(height / image.height), Math.fround(width / image.width));
  return [image.height, image.width].map((side) => roundHalfToEven(Math.fround(factor * side)));
}

function roundHalfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** Find, for each output position, the offsets of its two input neighbours and the upper one's share. */
function positions(inSize, outSize, step) {
  const factor = Math.fround(Math.fround(inSize) / Math.fround(outSize));
  const [lower, upper, share] = [new Int32Array(outSize), new Int32Array(outSize), new Float32Array(outSize)];
  for (let index = 0; index < outSize; index++) {
    const position = Math.fround(index * factor);
    lower[index] = Math.floor(position) * step;
    upper[index] = Math.min(Math.ceil(position), inSize - 1) * step;
    share[index] = position - Math.floor(position);
  }
  return { lower, upper, share };
}

let canvas;

/** Read the pixels of anything that shows an image: { width, height, data }, 3 or 4 bytes a pixel. */
export async function readPixels(source) {
  if (source?.data?.length && source.width && source.height) return source;
  if (typeof Blob !== "undefined" && source instanceof Blob) return readBitmap(await createImageBitmap(source));
  if (typeof source?.decode === "function" && !source.complete) await source.decode();
  const width = source?.videoWidth ?? source?.naturalWidth ?? source?.displayWidth ?? source?.width;
  const height = source?.videoHeight ?? source?.naturalHeight ?? source?.displayHeight ?? source?.height;
  if (!width || !height) {
    throw new DetectorError(
      "nothing to look at: wanted an image, video, canvas, ImageBitmap, Blob, ImageData or { width, height, data }"
      + `, found ${describe(source)}; a video has no size before its 'loadeddata' event`,
    );
  }
  return draw(source, width, height);
}

function readBitmap(bitmap) {
  try {
    return draw(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

function draw(source, width, height) {
  canvas ??= typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  // Both clear the canvas: transparent pixels of an image before must not shine through. A new size costs new memory
  if (canvas.width === width && canvas.height === height) context.clearRect(0, 0, width, height);
  else [canvas.width, canvas.height] = [width, height];
  context.drawImage(source, 0, 0, width, height);
  try {
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    throw new DetectorError(
      "the browser hides the pixels of this image, which is from another origin: serve it from this one,"
      + " or with CORS headers and crossorigin=\"anonymous\"", { cause: error },
    );
  }
}

function describe(value) {
  return value === null || value === undefined ? String(value) : (value.constructor?.name ?? typeof value);
}
