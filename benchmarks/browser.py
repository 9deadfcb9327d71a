"""Time the fast TF.js build against the SavedModel converted by hand, in Chromium: image element in, boxes out.

    .envs/pipeline/bin/python benchmarks/browser.py --frozen-dir output/cats/frozen \\
        --tfjs-dir output/cats/tensorflow_js --image photo.jpg

The peer is what baselines/saved_model2tfjs.py makes, used as tutorials do: `fromPixels` at the image's own size,
`expandDims`, `executeAsync`, arrays read, tensors disposed. The fast build runs by its detector.js. The photo is shown
in several sizes, --sizes. Both on the WASM backend, on one thread and, on a page that is isolated, on as many as there
are cores: TensorFlow.js takes half of what the browser says (tensorflow/tfjs#8513), so that page is told of twice as
many. A round loads both on fresh pages and then lets them detect in turn, so that whatever else the machine does meets
both. Needs playwright, and Chromium at --chromium.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import io
import json
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("tfjs-core/dist/tf-core.min.js", "tfjs-converter/dist/tf-converter.min.js",
           "tfjs-backend-wasm/dist/tf-backend-wasm.min.js")  # fmt: skip
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows")  # fmt: skip
CORES = """<script>
    Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 * navigator.hardwareConcurrency });
</script>"""

PEER = """
    const model = await tf.loadGraphModel("/peer/model.json");
    globalThis.detect = async (element) => {
        const input = tf.tidy(() => tf.expandDims(tf.browser.fromPixels(element)));
        const outputs = await model.executeAsync(input);
        const values = await Promise.all(outputs.map((tensor) => tensor.data()));
        tf.dispose([input, ...outputs]);
        return values;
    };
"""
FAST = """
    const { Detector } = await import("/model/detector.js");
    const detector = await Detector.load("/model/fast/", { tf });
    globalThis.detect = (element) => detector.detect(element);
"""
LOAD = """
    async () => {
        globalThis.image = document.querySelector("img");
        await image.decode();
        tf.wasm.setWasmPaths("/tf/tfjs-backend-wasm/wasm-out/");
        tf.wasm.setThreadsCount(crossOriginIsolated ? navigator.hardwareConcurrency : 1);
        await tf.setBackend("wasm");
        const began = performance.now();
        %s
        return { load: performance.now() - began, threads: tf.wasm.getThreadsCount() };
    }
"""
DETECT = "async () => { const began = performance.now(); await detect(image); return performance.now() - began; }"


def main() -> None:
    """Print the times of both, and their ratios, a kind of page and a size of image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frozen-dir", type=Path, required=True)
    parser.add_argument("--tfjs-dir", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True, help="a photo, shown in every size")
    parser.add_argument("--sizes", nargs="+", default=["300x300", "640x480", "1280x960"])
    parser.add_argument("--runs", type=int, default=50, help="detections a round, after the first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    flags = parser.parse_args()
    labels = json.loads((flags.tfjs_dir / "labels.json").read_text(encoding="utf-8"))
    # The whole graph suppresses class by class, so they decide how long it takes
    print(f"{len(labels)} classes, {flags.rounds} rounds of {flags.runs} detections")
    images = {f"/image/{size}.jpg": resize(flags.image, size) for size in flags.sizes}
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "peer"
        convert_by_hand(flags.frozen_dir, peer)
        with serve(peer, flags.tfjs_dir, images) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=flags.chromium, args=list(FLAGS))
            for kind in ("plain", "isolated"):
                for size in flags.sizes:
                    url = f"{address}/{kind}-page.html?/image/{size}.jpg"
                    rounds = [run_round(browser, url, flags.runs) for _ in range(flags.rounds)]
                    report(kind, size, rounds)
            browser.close()
        print_download(peer, flags.tfjs_dir)


def resize(path: Path, size: str) -> bytes:
    """Return a photo as JPEG of a size such as 640x480."""
    width, height = map(int, size.split("x"))
    content = io.BytesIO()
    Image.open(path).convert("RGB").resize((width, height), Image.Resampling.LANCZOS).save(content, "JPEG", quality=90)
    return content.getvalue()


def convert_by_hand(frozen_dir: Path, target: Path) -> None:
    """Convert the SavedModel in the environment of TensorFlow.js."""
    script = ROOT / "benchmarks/baselines/saved_model2tfjs.py"
    command = [ROOT / ".envs/tfjs/bin/python", script, frozen_dir / "saved_model", target]
    subprocess.run(command, check=True, capture_output=True)


def run_round(browser: Browser, url: str, runs: int) -> dict[str, dict[str, Any]]:
    """Load both builds on fresh pages and let them detect in turn."""
    found: dict[str, dict[str, Any]] = {}
    pages: dict[str, Page] = {}
    for name, code in (("peer", PEER), ("fast", FAST)):
        # A context of its own is a process of its own, and an empty cache
        pages[name] = browser.new_context().new_page()
        pages[name].goto(url)
        found[name] = pages[name].evaluate(LOAD % code)
        found[name]["first"] = pages[name].evaluate(DETECT)
        found[name]["times"] = []
    for _ in range(runs):
        for name, page in pages.items():
            found[name]["times"].append(page.evaluate(DETECT))
    for page in pages.values():
        page.context.close()
    return found


def report(kind: str, size: str, rounds: list[dict[str, dict[str, Any]]]) -> None:
    """Print medians in ms, and what part of the peer's the fast build's is."""
    threads = rounds[0]["fast"]["threads"]
    print(f"{kind} page, {threads} thread{'s' * (threads != 1)}, image of {size}   peer ms   fast ms   fast / peer")
    figures = {
        "detection, median": lambda one: statistics.median(one["times"]),
        "first after load": lambda one: one["first"],
        "load": lambda one: one["load"],
        "load and first": lambda one: one["load"] + one["first"],
    }
    for what, figure in figures.items():
        peer, fast = (statistics.median(figure(one[name]) for one in rounds) for name in ("peer", "fast"))
        print(f"  {what:34s} {peer:9.1f} {fast:9.1f} {fast / peer:9.2f}", flush=True)


def print_download(peer: Path, tfjs_dir: Path) -> None:
    """Print what a page downloads: the model's files, and detector.js with the fast build."""
    there = size_of(peer.iterdir())
    here = size_of([tfjs_dir / "detector.js", *(tfjs_dir / "fast").iterdir()])
    print(f"download: peer {there / 1e6:.2f} MB, fast {here / 1e6:.2f} MB, fast / peer {here / there:.2f}")


def size_of(paths: Iterator[Path] | list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


@contextmanager
def serve(peer: Path, tfjs_dir: Path, images: dict[str, bytes]) -> Iterator[str]:
    """Serve pages, TensorFlow.js, the models and the images on this machine; yield the address."""
    packages = ROOT / ".envs/tfjs/node_modules/@tensorflow"
    folders = {"tf": packages, "model": tfjs_dir.resolve(), "peer": peer}
    handler = functools.partial(Handler, folders=folders, images=images)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Folders, images, and two pages that differ in whether they are isolated: only then may WASM use threads."""

    def __init__(self, *args: Any, folders: dict[str, Path], images: dict[str, bytes], **kwargs: Any) -> None:
        self.folders, self.images = folders, images
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """Answer with an image, a page or a file."""
        if self.path in self.images:
            self.give(self.images[self.path], "image/jpeg")
        elif "-page.html" in self.path:
            scripts = CORES if self.path.startswith("/isolated-page") else ""
            scripts += "".join(f'<script src="/tf/{name}"></script>' for name in SCRIPTS)
            image = f"<img src={json.dumps(self.path.partition('?')[2])}>"
            self.give(f'<!doctype html><meta charset="utf-8">{scripts}{image}'.encode(), "text/html; charset=utf-8")
        else:
            super().do_GET()

    def give(self, content: bytes, kind: str) -> None:
        """Send some bytes."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self) -> None:
        """Isolate one of the pages, and let it have every file, the workers of WASM too."""
        if not self.path.startswith("/plain-page"):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
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
