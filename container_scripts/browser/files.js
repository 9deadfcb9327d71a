// Fetch a model: from a server in the browser, from a disk in Node.

import { DetectorError } from "./errors.js";

export async function chooseBackend(tf, backend) {
  if (backend) {
    const chosen = await tf.setBackend(backend).catch(() => false);
    if (!chosen) {
      throw new DetectorError(
        `the backend '${backend}' does not start here: its script is not loaded, or the browser lacks what it needs`
        + ` (known: ${Object.keys(tf.engine().registryFactory).join(", ") || "none"})`,
      );
    }
  }
  await tf.ready();
}

/** Give the URL of the folder that a URL or, in Node, a path names; detector.json and model.json name theirs. */
export function folderUrl(url) {
  const text = String(url).replace(/(detector|model)\.json$/, "");
  const slashed = text === "" || text.endsWith("/") ? text : text + "/";
  if (/^[a-z][a-z0-9+.-]+:/i.test(slashed)) return new URL(slashed);
  if (globalThis.document) return new URL(slashed, globalThis.document.baseURI);
  if (globalThis.location) return new URL(slashed, globalThis.location.href);
  const escaped = slashed.split("/").map(encodeURIComponent).join("/");
  return new URL(escaped, `file://${globalThis.process.cwd().split("/").map(encodeURIComponent).join("/")}/`);
}

export async function read(url) {
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    try {
      const bytes = await readFile(url);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    } catch (error) {
      throw new DetectorError(`${url.pathname} cannot be read (${error.code})`, { cause: error });
    }
  }
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new DetectorError(`${url} cannot be fetched: ${error.message}`, { cause: error });
  }
  if (!response.ok) throw new DetectorError(`${url} cannot be fetched: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

/** Wait for all; when several fail, throw what the first of the list did, not the first in time. */
export async function allInOrder(promises) {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  return settled.map(({ value }) => value);
}

export function parseJson(bytes, name, folder) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new DetectorError(`${new URL(name, folder)} is not JSON: ${error.message}`, { cause: error });
  }
}

export async function readWeights(modelJson, folder, onProgress) {
  const names = modelJson.weightsManifest.flatMap((group) => group.paths);
  let loaded = 0;
  const parts = await allInOrder(names.map(async (name) => {
    const part = await read(new URL(name, folder));
    onProgress(++loaded / names.length);
    return part;
  }));
  const weights = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    weights.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return weights.buffer;
}
