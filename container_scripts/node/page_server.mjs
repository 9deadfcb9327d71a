// Serve one page, TensorFlow.js, a folder of models and whatever is given by hand, on this machine alone.
//
//   GET /                          the page: TensorFlow.js with its WASM backend as `tf`
//   GET /tf/tfjs-core/dist/...     a file of an @tensorflow package
//   GET /model/fast/model.json     a file of the folder
//   GET /image                     the bytes that were laid there last
//
// The page is isolated (COOP, COEP): only then may WASM use threads, and clocks are fine enough to time with.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";

import { resolvePackage } from "./npm_packages.mjs";

const TYPES = {
  ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm",
};
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};
const PAGE = `<!doctype html><meta charset="utf-8"><title>detector</title><link rel="icon" href="data:,">
${["core/dist/tf-core", "converter/dist/tf-converter", "backend-wasm/dist/tf-backend-wasm"]
    .map((name) => `<script src="/tf/tfjs-${name}.min.js"></script>`).join("\n")}
`;

export class PageServer {
  /** Start to serve on a free port of 127.0.0.1; `address` is where. */
  static async start(folder) {
    const server = new PageServer(folder);
    await new Promise((resolve, reject) => {
      server.http.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    server.address = `http://127.0.0.1:${server.http.address().port}/`;
    return server;
  }

  constructor(folder) {
    this.folder = path.resolve(folder);
    this.image = Buffer.alloc(0);
    this.http = createServer((request, response) => {
      this.answer(request, response).catch(() => response.destroy());
    });
  }

  async answer(request, response) {
    const { pathname } = new URL(request.url, this.address);
    const send = (type, body) => response.writeHead(200, { ...ISOLATED, "Content-Type": type }).end(body);
    if (pathname === "/") return send("text/html; charset=utf-8", PAGE);
    if (pathname === "/image") return send("application/octet-stream", this.image);
    const file = this.findFile(decodeURIComponent(pathname));
    const stream = createReadStream(file ?? "/nonexistent");
    try {
      await new Promise((resolve, reject) => { stream.once("open", resolve).once("error", reject); });
    } catch {
      return response.writeHead(404, ISOLATED).end("not found");
    }
    response.writeHead(200, { ...ISOLATED, "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream" });
    return pipeline(stream, response);
  }

  /** Find the file of a path such as /model/model.json. `URL` has taken out any "..". */
  findFile(pathname) {
    const [, root, ...rest] = pathname.split("/");
    if (rest.includes("..")) return null;
    if (root === "model") return path.join(this.folder, ...rest);
    if (root === "tf") return path.join(path.dirname(resolvePackage("@tensorflow/tfjs-core/package.json")), "..", ...rest);
    return null;
  }

  close() {
    this.http.closeAllConnections();
    this.http.close();
  }
}
