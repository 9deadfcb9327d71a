"""Time both TF.js builds of a model in Chromium: image element in, boxes out.

    .envs/pipeline/bin/python benchmarks/browser.py --tfjs-dir output/cats/tensorflow_js --image photo.jpg

The plain build is run as its documentation says (`fromPixels`, `executeAsync`); the fast build by its detector.js.
Both on the WASM backend, on one thread and, on a page that is isolated, on several; in turn, each round on fresh pages.
Needs playwright, and Chromium at --chromium.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("tfjs-core/dist/tf-core.min.js", "tfjs-converter/dist/tf-converter.min.js",
           "tfjs-backend-wasm/dist/tf-backend-wasm.min.js")  # fmt: skip
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

PLAIN = """
    const model = await tf.loadGraphModel("/model/model.json");
    const detect = async (element) => {
        const input = tf.tidy(() => tf.expandDims(tf.browser.fromPixels(element)));
        const outputs = await model.executeAsync(input, ["detection_boxes", "detection_scores", "detection_classes"]);
        const values = await Promise.all(outputs.map((tensor) => tensor.data()));
        tf.dispose([input, ...outputs]);
        return values;
    };
"""
FAST = """
    const { Detector } = await import("/model/detector.js");
    const detector = await Detector.load("/model/fast/", { tf });
    const detect = (element) => detector.detect(element);
"""
MEASURE = """
    async (runs) => {
        const element = document.querySelector("img");
        await element.decode();
        tf.wasm.setWasmPaths("/tf/tfjs-backend-wasm/wasm-out/");
        tf.wasm.setThreadsCount(crossOriginIsolated ? navigator.hardwareConcurrency : 1);
        await tf.setBackend("wasm");
        const began = performance.now();
        %s
        const loaded = performance.now();
        await detect(element);
        const times = [performance.now() - loaded];
        for (let run = 0; run < runs; run++) {
            const start = performance.now();
            await detect(element);
            times.push(performance.now() - start);
        }
        const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
        return { load: loaded - began, first: times[0], times: times.slice(1), threads };
    }
"""


def main() -> None:
    """Print the times of both builds, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tfjs-dir", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=50, help="images a round, after the first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    flags = parser.parse_args()
    with serve(flags.tfjs_dir, flags.image) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=flags.chromium, args=list(FLAGS))
        for kind in ("plain-page", "isolated-page"):
            found: dict[str, list[dict[str, Any]]] = {"plain": [], "fast": []}
            for _ in range(flags.rounds):
                for build, code in (("plain", PLAIN), ("fast", FAST)):
                    page = browser.new_page()
                    page.goto(f"{address}/{kind}.html")
                    found[build].append(measure(page, code, flags.runs))
                    page.close()
            report(kind, found)
        browser.close()
    print_download(flags.tfjs_dir)


def measure(page: Page, code: str, runs: int) -> dict[str, Any]:
    """Load one build on a page and run it."""
    result: dict[str, Any] = page.evaluate(MEASURE % code, runs)
    return result


def report(kind: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians in ms, and what part of the plain build's the fast build's is."""
    threads = found["fast"][0]["threads"]
    print(f"{kind}, {threads} thread{'s' * (threads != 1)}   plain ms   fast ms   fast / plain")
    medians = {
        build: {
            "detection, median": statistics.median(time for round_ in rounds for time in round_["times"]),
            "first after load": statistics.median(round_["first"] for round_ in rounds),
            "load": statistics.median(round_["load"] for round_ in rounds),
        }
        for build, rounds in found.items()
    }
    for what, plain in medians["plain"].items():
        fast = medians["fast"][what]
        print(f"  {what:20s} {plain:9.1f} {fast:9.1f} {fast / plain:9.2f}")


def print_download(tfjs_dir: Path) -> None:
    """Print what a page downloads: the model's files, and detector.js with the fast build."""
    plain = size_of([tfjs_dir / "model.json", *tfjs_dir.glob("*.bin")])
    fast = size_of([tfjs_dir / "detector.js", *(tfjs_dir / "fast").iterdir()])
    print(f"download: plain {plain / 1e6:.2f} MB, fast {fast / 1e6:.2f} MB, fast / plain {fast / plain:.2f}")


def size_of(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


@contextmanager
def serve(tfjs_dir: Path, image: Path) -> Iterator[str]:
    """Serve pages, TensorFlow.js, the model and the image on this machine; yield the address."""
    packages = ROOT / ".envs/tfjs/node_modules/@tensorflow"
    folders = {"tf": packages, "model": tfjs_dir.resolve(), "image": image.resolve().parent}
    handler = functools.partial(Handler, folders=folders, image=image.name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Three folders, and two pages that differ in whether they are isolated: only then may WASM use threads."""

    def __init__(self, *args: Any, folders: dict[str, Path], image: str, **kwargs: Any) -> None:
        self.folders, self.image = folders, image
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """Answer with a page or a file."""
        if not self.path.endswith("-page.html"):
            return super().do_GET()
        scripts = "".join(f'<script src="/tf/{name}"></script>' for name in SCRIPTS)
        page = f'<!doctype html><meta charset="utf-8">{scripts}<img src={json.dumps("/image/" + self.image)}>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        if "isolated" in self.path:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(page)
        return None

    def end_headers(self) -> None:
        """Let isolated pages have every file, the workers of WASM too."""
        if not self.path.endswith("-page.html"):
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def translate_path(self, path: str) -> str:
        """Find the file of a path like /model/model.json."""
        _, folder, *rest = path.split("?")[0].split("/")
        return str(self.folders.get(folder, Path("/nonexistent")).joinpath(*(part for part in rest if part != "..")))

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


if __name__ == "__main__":
    main()
