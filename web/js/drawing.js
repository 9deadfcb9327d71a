// Draw an image and its boxes as large as there is room, with labels that stay readable at any size.

const TALLEST_SHARE = 0.72; // of the window

/** Give a class its colour: hues a golden angle apart, so that neighbours in the list differ. */
export const colourOf = (classIndex) => `hsl(${(classIndex * 137.508 + 150) % 360} 75% 45%)`;

/**
 * Draw a frame and its boxes into a canvas.
 *
 * @param {HTMLCanvasElement} canvas  is made as large as its parent, and as sharp as the screen
 * @param {{canvas: HTMLCanvasElement, width: number, height: number}} frame
 * @param {object[]} detections  boxes in pixels of the frame; the best is drawn last, over the others
 */
export function draw(canvas, frame, detections, labels) {
  const scale = Math.min(canvas.parentElement.clientWidth / frame.width, (innerHeight * TALLEST_SHARE) / frame.height);
  const [width, height] = [Math.max(1, Math.round(frame.width * scale)), Math.max(1, Math.round(frame.height * scale))];
  const sharpness = Math.min(devicePixelRatio || 1, 2);
  fit(canvas, width, height, sharpness);
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(frame.canvas, 0, 0, canvas.width, canvas.height);
  context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  const upwards = detections.map((found) => ({ ...found, colour: colourOf(labels.indexOf(found.label)) })).reverse();
  for (const found of upwards) drawBox(context, found, scale);
  // All names after all boxes: a name that another box crosses cannot be read
  for (const found of upwards) drawName(context, found, { scale, width });
}

function fit(canvas, width, height, sharpness) {
  const [columns, rows] = [Math.round(width * sharpness), Math.round(height * sharpness)];
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
}

function drawBox(context, { box, colour }, scale) {
  const [left, top] = [box.xmin * scale, box.ymin * scale];
  const [across, down] = [(box.xmax - box.xmin) * scale, (box.ymax - box.ymin) * scale];
  // A light line within a coloured one is seen on any ground
  context.lineWidth = 4;
  context.strokeStyle = colour;
  context.strokeRect(left, top, across, down);
  context.lineWidth = 1;
  context.strokeStyle = "#ffffffcc";
  context.strokeRect(left, top, across, down);
}

function drawName(context, { label, score, box, colour }, { scale, width }) {
  const [left, top] = [box.xmin * scale, box.ymin * scale];
  const text = `${label} ${score.toFixed(2)}`;
  const textWidth = context.measureText(text).width + 10;
  const x = Math.max(0, Math.min(left - 2, width - textWidth));
  const y = top >= 20 ? top - 20 : top;
  context.fillStyle = colour;
  context.fillRect(x, y, textWidth, 20);
  context.lineWidth = 3;
  context.strokeStyle = "#00000088";
  context.strokeText(text, x + 5, y + 10.5);
  context.fillStyle = "#fff";
  context.fillText(text, x + 5, y + 10.5);
}
