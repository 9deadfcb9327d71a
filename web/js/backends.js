// TensorFlow.js and what it computes with: WASM, WebGL or WebGPU, each loaded when it is first chosen.

/** Something that the person before the page can understand and often mend; its message is a sentence. */
export class PageError extends Error {}

const FOLDER = new URL("../tfjs/", import.meta.url);
const NAMES = { wasm: "WASM", webgl: "WebGL", webgpu: "WebGPU" };
const scripts = new Map();

/** Run a script of TensorFlow.js, once. */
function loadScript(file) {
  if (!scripts.has(file)) {
    scripts.set(file, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(file, FOLDER);
      script.onload = resolve;
      script.onerror = () => {
        scripts.delete(file);
        script.remove();
        reject(new PageError(`TensorFlow.js is not whole: tfjs/${file} is missing on the server.`));
      };
      document.head.append(script);
    }));
  }
  return scripts.get(file);
}

/** Load TensorFlow.js without any backend; returns it. */
export async function loadTensorFlow() {
  await loadScript("tf-core.js");
  await loadScript("tf-converter.js");
  globalThis.tf.enableProdMode();
  return globalThis.tf;
}

/** Make a backend the one that computes; returns a line about it. Throws PageError and leaves the old one. */
export async function startBackend(tf, name) {
  const before = tf.engine().backendName;
  try {
    return await STARTS[name](tf);
  } catch (error) {
    if (before && before !== tf.engine().backendName) await tf.setBackend(before);
    throw error;
  }
}

const STARTS = {
  async wasm(tf) {
    if (typeof WebAssembly === "undefined") throw new PageError("This browser has no WebAssembly. Choose WebGL.");
    await loadScript("tf-backend-wasm.js");
    const [simd, threads] = await Promise.all(
      ["WASM_HAS_SIMD_SUPPORT", "WASM_HAS_MULTITHREAD_SUPPORT"].map((flag) => tf.env().getAsync(flag)),
    );
    const threaded = simd && threads && globalThis.crossOriginIsolated;
    const file = `tfjs-backend-wasm${threaded ? "-threaded" : ""}${simd ? "-simd" : ""}.wasm`;
    // Asked for first: TensorFlow.js waits for ever on a file that is not there
    const there = await fetch(new URL(file, FOLDER)).then((answer) => answer.ok && answer.arrayBuffer()).catch(() => null);
    if (!there) {
      throw new PageError(`The WASM file tfjs/${file} is missing on the server. Choose WebGL, or put the file there.`);
    }
    tf.wasm.setWasmPaths(FOLDER.href);
    await choose(tf, "wasm", "WASM does not start in this browser. Choose WebGL.");
    const count = threaded ? tf.wasm.getThreadsCount() : 1;
    return `on the processor, ${count} thread${count === 1 ? "" : "s"}`;
  },

  async webgl(tf) {
    const context = document.createElement("canvas").getContext("webgl2");
    if (!context) {
      throw new PageError("This browser has no WebGL 2: switch hardware acceleration on in its settings, or choose WASM.");
    }
    const details = context.getExtension("WEBGL_debug_renderer_info");
    const renderer = details ? context.getParameter(details.UNMASKED_RENDERER_WEBGL) : "the graphics card";
    context.getExtension("WEBGL_lose_context")?.loseContext();
    await loadScript("tf-backend-webgl.js");
    await choose(tf, "webgl", "WebGL does not start in this browser. Choose WASM.");
    // What a processor that plays graphics card is called by Chromium and Firefox
    return /swiftshader|llvmpipe|software/i.test(renderer)
      ? "no graphics card is used: WASM will be faster" : `on ${renderer}`;
  },

  async webgpu(tf) {
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    if (!adapter) {
      throw new PageError("This browser has no WebGPU here: it is too old, or knows no graphics card. Choose WebGL or WASM.");
    }
    await loadScript("tf-backend-webgpu.js");
    await choose(tf, "webgpu", "WebGPU does not start in this browser. Choose WebGL or WASM.");
    return "on the graphics card";
  },
};

async function choose(tf, name, sentence) {
  if (!(await tf.setBackend(name).catch(() => false))) throw new PageError(sentence);
  await tf.ready();
}

/** How people write a backend's name. */
export const backendName = (name) => NAMES[name];
