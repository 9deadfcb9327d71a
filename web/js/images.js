// Images from files: dropped, pasted, chosen one by one or as a folder. One is decoded at a time.

import { PageError } from "./backends.js";

// As make detect has them; which of them can be decoded is the browser's affair
const SUFFIXES = /\.(jpe?g|jpe|jfif|png|bmp|gif|webp|avif|tiff?|mpo|ppm|pgm)$/i;

export const isImage = (file) => file.type.startsWith("image/") || SUFFIXES.test(file.name);
export const isVideo = (file) => file.type.startsWith("video/");

/** Images in the order of their names; names are relative to the folder that was chosen. */
export class Images {
  /** @param {{file: File, name: string}[]} named */
  constructor(named) {
    this.named = [...named].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  }

  get count() {
    return this.named.length;
  }

  name(index) {
    return this.named[index].name;
  }

  /** Decode an image: { canvas, width, height, name }. */
  async frame(index) {
    const { file, name } = this.named[index];
    let bitmap;
    try {
      // Upright as EXIF says, which is the default, and no colour profile applied: what training and evaluation see
      bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
    } catch {
      throw new PageError(`${name} is no image that this browser can decode.`);
    }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d");
    // Transparent pixels lie over white, as in training
    context.fillStyle = "#fff";
    context.fillRect(0, 0, bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return { canvas, width: canvas.width, height: canvas.height, name };
  }
}

/** Name the files of a file input: of a folder, relative to it. */
export function nameFiles(files) {
  return [...files]
    .map((file) => ({ file, name: file.webkitRelativePath.split("/").slice(1).join("/") || file.name }))
    .filter(isVisible);
}

/** Hidden files and folders are left out, as make detect leaves them out. */
const isVisible = ({ name }) => !name.split("/").some((part) => part.startsWith("."));

/** Name what was dropped or pasted; folders are walked. */
export async function nameItems(transfer) {
  // All entries are asked for at once: after the first wait, the browser has emptied the list
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
  const only = entries.length === 1 && entries[0].isDirectory ? entries[0].fullPath.length + 1 : 1;
  const named = [];
  for (const entry of entries) {
    if (entry instanceof File) named.push({ file: entry, name: entry.name });
    else await walk(entry, (file, path) => named.push({ file, name: path.slice(only) }));
  }
  return named.filter(isVisible);
}

async function walk(entry, found) {
  if (entry.isFile) {
    found(await new Promise((resolve, reject) => entry.file(resolve, reject)), entry.fullPath);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // It gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, found);
  }
}
