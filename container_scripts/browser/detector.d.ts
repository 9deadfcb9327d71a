// Types of detector.js. TensorFlow.js is taken as it is given: any 4.x build with the backends that are to be used.

/** A box in pixels of the image that was given; xmin and ymin are its left and upper edges. */
export interface Box {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}

export interface Detection {
  label: string;
  /** 0 to 1. */
  score: number;
  box: Box;
}

/** Pixels in rows, three (RGB) or four (RGBA) bytes each. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

export type Source =
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame
  | ImageBitmap
  | ImageData
  | Blob
  | Pixels;

export interface LoadOptions {
  /** TensorFlow.js; globalThis.tf when not given. */
  tf?: unknown;
  /** The backend that is set when not given. */
  backend?: "wasm" | "webgl" | "webgpu" | "cpu";
  /** Is told the share of the weights that is loaded, 0 to 1. */
  onProgress?: (share: number) => void;
}

export interface DetectOptions {
  /** Lowest score, 0.5 when not given; or one for each label, the others having 0.5. */
  threshold?: number | Record<string, number>;
  /** 100 when not given; never more than the model was exported with. */
  maxDetections?: number;
  /** The overlap (intersection over union) from which the weaker of two boxes of one class goes; the model's own. */
  iou?: number;
}

/** [class id from 1, score, ymin, xmin, ymax, xmax], coordinates as shares of the image. */
export type Row = [number, number, number, number, number, number];

export class Detector {
  /** Load a detector from its folder and run it once, so that the first image does not wait. */
  static load(url: string | URL, options?: LoadOptions): Promise<Detector>;
  /** Names of the classes; that of id n is labels[n - 1]. */
  readonly labels: readonly string[];
  /** "wasm", "webgl", ... */
  readonly backend: string;
  /** Detect objects, best first, in pixels of the source. */
  detect(source: Source, options?: DetectOptions): Promise<Detection[]>;
  /** Detect objects on pixels, as rows; `limits` holds the lowest score of each class. */
  detectRows(image: Pixels, options?: Omit<DetectOptions, "threshold"> & { limits?: readonly number[] }): Promise<Row[]>;
  /** Free the model's memory. */
  dispose(): void;
}

/** What the caller can mend: a missing file, an image of another origin, no backend. */
export class DetectorError extends Error {}
