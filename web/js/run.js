// Work through a source with all panels: images one after the other, the one on the page first; or frames as they come.

import { PageError } from "./backends.js";

/**
 * Detect on all images of a source.
 *
 * `page.wanted()` is the number of the image that should be on the page; `page.show(frame, number)` shows it,
 * `page.tell(done)` says how far the work is, `page.leaveOut(number, sentence)` that an image could not be decoded.
 */
export async function runImages(images, panels, page, signal) {
  const left = new Set(Array.from({ length: images.count }, (_, number) => number));
  while (left.size > 0 && !signal.aborted) {
    const wanted = page.wanted();
    const number = left.has(wanted) ? wanted : left.values().next().value;
    left.delete(number);
    try {
      const frame = await images.frame(number);
      for (const panel of panels) {
        if (signal.aborted) return;
        await panel.detect(frame, number);
      }
      if (signal.aborted) return;
      if (number === page.wanted()) page.show(frame, number);
    } catch (error) {
      if (!(error instanceof PageError)) throw error;
      page.leaveOut(number, error.message);
    }
    page.tell(images.count - left.size);
    await breathe();
  }
}

/** Detect on frames until `signal` says stop; of a file every frame's detections are kept, of a camera the last one's. */
export async function runVideo(video, panels, page, signal) {
  const ends = [];
  while (!signal.aborted) {
    const frame = await video.frame(signal);
    if (!frame) continue;
    const found = [];
    for (const panel of panels) {
      found.push(await panel.detect(frame, video.isCamera ? 0 : frame.time));
      if (signal.aborted) return;
    }
    const now = performance.now();
    ends.push(now);
    while (now - ends[0] > 2000) ends.shift();
    const perSecond = ends.length > 2 ? ((ends.length - 1) * 1000) / (now - ends[0]) : null;
    panels.forEach((panel, index) => panel.show(frame, found[index], { isMoving: true, perSecond }));
    page.tellFrame(frame);
    await breathe();
  }
}

/** Let the page react and draw: WASM computes without a pause otherwise. */
const breathe = () => new Promise((resolve) => {
  // A page in the background draws nothing, but goes on
  if (document.hidden) setTimeout(resolve);
  else requestAnimationFrame(() => setTimeout(resolve));
});
