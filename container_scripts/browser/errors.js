/** Something that the caller can mend: a missing file, an image of another origin, no backend. */
export class DetectorError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "DetectorError";
  }
}
