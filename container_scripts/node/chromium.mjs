// Start Chromium without a window, and drive one page of it over the DevTools protocol, through two pipes:
//
//   const chromium = await Chromium.start(findChromium());
//   await chromium.open("http://127.0.0.1:1234/");
//   await chromium.call("async (n) => n + 1", 41);       // 42
//   await chromium.close();
//
// A pipe needs no port that others could connect to, and Chromium ends when it closes, however this process ends.
// Source: https://chromedevtools.github.io/devtools-protocol/, "--remote-debugging-pipe": JSON messages, each ended by a
// zero byte, read by the browser from descriptor 3 and written to descriptor 4.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const NAMES = [
  "chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chrome",
  "headless_shell",
];
const FLAGS = [
  "--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--mute-audio", "--hide-scrollbars",
  // The one page is our own, and a container without privileges cannot make the namespaces of the sandbox
  "--no-sandbox",
  // /dev/shm of a container has 64 MB
  "--disable-dev-shm-usage",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  // Nobody looks at the page: its timers and its thread must not be slowed down for that
  "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
];
const START_MS = 60_000;
const END_MS = 10_000;
const LAST_LINES = 3;
// Its other processes end a moment after the first one, and may still write
const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };

/** Chromium that did not start, or ended by itself. */
export class ChromiumError extends Error {}

/** What a page threw: the message has its name and text. */
export class PageError extends Error {}

/** Return the path of Chromium or Chrome: the one that ODPIPE_CHROMIUM names, or one on PATH; null when there is none. */
export function findChromium(environment = process.env) {
  if (environment.ODPIPE_CHROMIUM) return environment.ODPIPE_CHROMIUM;
  const folders = (environment.PATH ?? "").split(path.delimiter).filter(Boolean);
  const candidates = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  candidates.push("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export class Chromium {
  /** Start a browser. Throws ChromiumError with what it said last when it does not answer. */
  static async start(executable, { flags = ["--disable-gpu"] } = {}) {
    const chromium = new Chromium(executable, flags);
    try {
      const { product } = await chromium.send("Browser.getVersion", {}, { timeoutMs: START_MS });
      chromium.version = product.split("/")[1];
      const { targetId } = await chromium.send("Target.createTarget", { url: "about:blank" });
      ({ sessionId: chromium.sessionId } = await chromium.send("Target.attachToTarget", { targetId, flatten: true }));
      await chromium.send("Page.enable");
    } catch (error) {
      await chromium.close();
      throw error;
    }
    return chromium;
  }

  constructor(executable, flags) {
    this.profile = mkdtempSync(path.join(tmpdir(), "odpipe-chromium-"));
    this.waiting = new Map();
    this.listeners = new Map();
    this.stderr = "";
    this.lastId = 0;
    this.child = spawn(executable, [...FLAGS, ...flags, `--user-data-dir=${this.profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
      // crashpad and fontconfig want a HOME that can be written
      env: { ...process.env, HOME: this.profile, XDG_CONFIG_HOME: this.profile, XDG_CACHE_HOME: this.profile },
    });
    const [, , stderr, toBrowser, fromBrowser] = this.child.stdio;
    this.toBrowser = toBrowser;
    stderr.on("data", (data) => { this.stderr = (this.stderr + data).slice(-10_000); });
    toBrowser.on("error", () => {}); // it has ended: `exit` says so
    let rest = [];
    fromBrowser.on("data", (data) => {
      for (let end = data.indexOf(0); end >= 0; end = data.indexOf(0)) {
        this.receive(JSON.parse(Buffer.concat([...rest, data.subarray(0, end)]).toString("utf8")));
        [rest, data] = [[], data.subarray(end + 1)];
      }
      rest.push(data);
    });
    this.ended = new Promise((resolve) => {
      const end = (how) => {
        const said = this.stderr.trim().split("\n").slice(-LAST_LINES).join(" | ");
        this.error = new ChromiumError(`${executable} ${how}${said ? `: ${said}` : ""}`);
        for (const { reject } of this.waiting.values()) reject(this.error);
        this.waiting.clear();
        resolve();
      };
      this.child.on("error", (error) => end(`could not be started (${error.code})`));
      this.child.on("close", (code, signal) => end(signal ? `was ended by ${signal}` : `ended with code ${code}`));
    });
    this.onExit = () => {
      this.child.kill("SIGKILL");
      rmSync(this.profile, REMOVE);
    };
    process.on("exit", this.onExit);
  }

  receive({ id, result, error, method, params }) {
    if (id === undefined) {
      this.listeners.get(method)?.(params);
      return;
    }
    const { resolve, reject } = this.waiting.get(id) ?? {};
    this.waiting.delete(id);
    if (error) reject?.(new ChromiumError(`Chromium: ${error.message}`));
    else resolve?.(result);
  }

  /** Send a command; resolves to its result. */
  async send(method, params = {}, { timeoutMs = 0 } = {}) {
    if (this.error) throw this.error;
    const id = ++this.lastId;
    let timer;
    const answer = new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      if (timeoutMs > 0) {
        timer = setTimeout(() => reject(new ChromiumError(`Chromium gave no answer in ${timeoutMs / 1000} s`)), timeoutMs);
      }
    });
    this.toBrowser.write(JSON.stringify({ id, method, params, sessionId: this.sessionId }) + "\0");
    return answer.finally(() => clearTimeout(timer));
  }

  /** Load a page. */
  async open(url) {
    const loaded = new Promise((resolve) => { this.listeners.set("Page.loadEventFired", resolve); });
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new ChromiumError(`${url} does not load: ${errorText}`);
    await loaded;
  }

  /** Call a function, given as its source, on the page; resolves to what it gives. Throws PageError. */
  async call(code, ...args) {
    const expression = `(${code})(...${JSON.stringify(args)})`;
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails) {
      const { exception, text } = exceptionDetails;
      throw new PageError((exception?.description ?? exception?.value ?? text).split("\n    at ")[0]);
    }
    return result.value;
  }

  /** The process of the page, of this machine; null when Chromium does not say. */
  async findPageProcess() {
    const { sessionId } = this;
    this.sessionId = undefined; // the browser's own command, not the page's
    try {
      const { processInfo } = await this.send("SystemInfo.getProcessInfo");
      const pages = processInfo.filter(({ type }) => type === "renderer");
      return pages.sort((a, b) => b.cpuTime - a.cpuTime)[0]?.id ?? null;
    } catch (error) {
      if (error instanceof ChromiumError) return null;
      throw error;
    } finally {
      this.sessionId = sessionId;
    }
  }

  /** End the browser and remove its profile. */
  async close() {
    // Asked first: Debian's chromium-headless-shell is a shell that starts the browser, and killing that ends nothing
    this.sessionId = undefined;
    this.send("Browser.close").catch(() => {});
    const patience = setTimeout(() => {
      this.child.kill("SIGKILL");
      for (const stream of this.child.stdio) stream?.destroy(); // at which a browser ends as well
    }, END_MS);
    await this.ended;
    clearTimeout(patience);
    process.off("exit", this.onExit);
    rmSync(this.profile, REMOVE);
  }
}
