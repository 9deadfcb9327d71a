// Frames of a camera or of a video file.

import { PageError } from "./backends.js";

const CAMERA_PROBLEMS = {
  NotAllowedError: "The camera was refused. Allow it for this page (at the left of the address), then press Camera again.",
  NotFoundError: "There is no camera on this machine.",
  NotReadableError: "The camera is in use by another program, or does not answer.",
  OverconstrainedError: "The camera has no picture size that fits.",
};
const VIDEO_PROBLEMS = {
  2: "cannot be read to its end",
  3: "is broken, or in a format that this browser cannot decode",
  4: "is in a format that this browser cannot play; WebM and MP4 with H.264 are the usual ones",
};

/** Moving pictures in a <video> that is not shown: frames are drawn with the boxes that belong to them. */
export class Video {
  /** Ask for the camera. */
  static async fromCamera() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new PageError("This browser gives a camera only to pages of https:// or of this machine (127.0.0.1).");
    }
    const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1280 } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      throw new PageError(CAMERA_PROBLEMS[error.name] ?? `The camera cannot be used: ${error.message}`, { cause: error });
    }
    const video = new Video("camera", { isCamera: true });
    video.stream = stream;
    video.element.srcObject = stream;
    return video.begin();
  }

  /** Play a file. */
  static async fromFile(file) {
    const video = new Video(file.name, { isCamera: false });
    video.url = URL.createObjectURL(file);
    video.element.src = video.url;
    return video.begin();
  }

  constructor(name, { isCamera }) {
    Object.assign(this, { name, isCamera, element: document.createElement("video"), canvas: document.createElement("canvas") });
    Object.assign(this.element, { muted: true, playsInline: true, loop: !isCamera });
  }

  async begin() {
    try {
      await this.element.play();
      return this;
    } catch (error) {
      const problem = VIDEO_PROBLEMS[this.element.error?.code];
      this.stop();
      throw new PageError(problem ? `${this.name} ${problem}.` : `${this.name} does not play: ${error.message}`, { cause: error });
    }
  }

  /** Wait for a frame that was not seen yet and return it; null when `signal` ends the wait. */
  async frame(signal) {
    const { element, canvas } = this;
    const presented = await nextFrame(element, signal);
    if (signal.aborted || !element.videoWidth) return null;
    const [width, height] = [element.videoWidth, element.videoHeight];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(element, 0, 0);
    // The frame's own time, the same each time the video is played, where the browser tells it
    const time = presented?.mediaTime ?? element.currentTime;
    return { canvas, width, height, time, name: this.isCamera ? this.name : `${this.name}#t=${time.toFixed(3)}` };
  }

  /** Free the camera or the file. */
  stop() {
    this.element.pause();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.element.srcObject = null;
    this.element.removeAttribute("src");
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

function nextFrame(element, signal) {
  return new Promise((resolve) => {
    const done = (_, presented) => {
      signal.removeEventListener("abort", done);
      resolve(presented);
    };
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
    else if (element.requestVideoFrameCallback) element.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
  });
}
