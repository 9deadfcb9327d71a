// Decode a JPEG or PNG to RGB pixels, as TensorFlow does: EXIF orientation is not applied, grey becomes
// three equal channels, alpha is dropped. The decoders are libjpeg (mozjpeg) and Rust's png as WebAssembly:
// no native module, hence the same pixels on every machine.
import { compileWasm, importPackage } from "./npm_packages.mjs";

let decoders;

async function loadDecoders() {
  const [jpeg, png] = await Promise.all(["@jsquash/jpeg/decode.js", "@jsquash/png/decode.js"].map(importPackage));
  await jpeg.init(await compileWasm("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
  await png.init(await compileWasm("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"));
  return { jpeg, png };
}

/**
 * Decode an image to `{ width, height, pixels }`, pixels being a Uint8Array of height x width x 3.
 * Throws an Error that says what is wrong with it.
 */
export async function decodeImage(bytes) {
  decoders ??= await loadDecoders();
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  const isPng = bytes.subarray(0, 4).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47]));
  if (!isJpeg && !isPng) throw new Error(`neither JPEG nor PNG (it starts with ${bytes.toString("hex", 0, 4)})`);
  let image;
  try {
    image = isJpeg ? await decoders.jpeg.default(bytes) : await decoders.png.default(bytes);
  } catch (error) {
    throw new Error(`cannot be decoded as ${isJpeg ? "JPEG" : "PNG"}: ${error?.message ?? error}`);
  }
  const { width, height, data } = image;
  const pixels = new Uint8Array(width * height * 3);
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += 4) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { width, height, pixels };
}
