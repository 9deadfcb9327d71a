// Find the npm packages of the tfjs environment from a script that does not lie beside them.
// The environment has its own Node, and its node_modules lies above that Node, so `require` looks upwards
// from the running executable. With another Node, say where the packages are with NODE_PATH.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { fail } from "./screen.mjs";

const require = createRequire(process.execPath);

/** Return the path of a package's file, such as `@jsquash/jpeg/decode.js`. */
export function resolvePackage(name) {
  try {
    return require.resolve(name);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return fail(`${process.execPath} finds no npm package ${name} above itself or in NODE_PATH`, {
      hint: "run it with the tfjs environment's own bin/node, or set NODE_PATH to a node_modules that has it",
      exitCode: 4,
    });
  }
}

/** Load a CommonJS package, such as TensorFlow.js in its builds for Node. */
export const requirePackage = (name) => require(resolvePackage(name));

/** Load an ES module of a package. */
export const importPackage = (name) => import(pathToFileURL(resolvePackage(name)));

/** Compile a .wasm file that a package carries; left alone, it would look for it with `fetch`, which reads no files. */
export const compileWasm = (name) => WebAssembly.compile(readFileSync(resolvePackage(name)));
