"""detector.js in real Chromium: backends, threads, the script, errors, the letterbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.pages import DETECT, LOAD, Open, differences, encode, load
from tests.browser.site import Site
from tests.browser.toy_model import SIDE, write_toy_model

pytestmark = pytest.mark.tfjs


@pytest.mark.parametrize("backend", ["wasm", "cpu", "webgl", "webgpu"])
def test_every_backend_computes_the_same(open_page: Open, site: Site, tmp_path: Path, backend: str) -> None:
    site.folders["toy"] = write_toy_model(tmp_path / "toy")
    picture = Image.new("RGB", (SIDE * 10, SIDE * 10))
    picture.paste((255, 0, 0), (0, 0, SIDE * 5, SIDE * 5))
    picture.paste((0, 255, 0), (SIDE * 5, SIDE * 5, SIDE * 10, SIDE * 10))
    site.files["/photo"] = encode(picture, "PNG")
    page = open_page(site.page(backend))
    if backend == "webgpu" and not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
        pytest.skip("this Chromium offers no WebGPU adapter, not even one of software")
    assert page.evaluate(LOAD, [backend, "/toy/"]) == backend
    found = page.evaluate(DETECT, {"threshold": 0.6})
    assert [one["label"] for one in found] == ["red", "green"]
    high = 1 / (1 + np.exp(-4))
    assert [one["score"] for one in found] == pytest.approx([high, high], abs=2e-2)  # the edges are mixed with black
    assert found[0]["box"] == pytest.approx({"xmin": 0, "ymin": 0, "xmax": 80, "ymax": 80}, abs=0.01)
    assert found[1]["box"] == pytest.approx({"xmin": 80, "ymin": 80, "xmax": 160, "ymax": 160}, abs=0.01)


def test_webgl_finds_what_wasm_finds_and_compiles_beside_the_page(
    open_page: Open, site: Site, photo: Image.Image
) -> None:
    wanted = load(open_page, site).evaluate(DETECT, {"threshold": 0.05})
    page = open_page(site.page("webgl"))
    ours = page.evaluate(
        """async () => {
            const { Detector } = await import("/model/detector.js");
            const [run, stood] = [Detector.prototype.run, []];
            Detector.prototype.run = function () {
                const began = performance.now();
                try { return run.call(this); } finally { stood.push(performance.now() - began); }
            };
            globalThis.detector = await Detector.load("/model/fast/", { backend: "webgl" });
            return Math.max(...stood);
        }"""
    )
    score, pixels = differences(wanted, page.evaluate(DETECT, {"threshold": 0.05}))
    assert score < 1e-3 and pixels < 0.1
    plain = open_page(site.page("webgl")).evaluate(
        """async () => {
            await tf.setBackend("webgl");
            const model = await tf.loadGraphModel("/model/fast/model.json");
            const input = tf.zeros(model.inputs[0].shape);
            const began = performance.now();
            tf.dispose(model.predict(input));
            return performance.now() - began;
        }"""
    )
    # How long the page stands still at once while shaders are compiled. (Reading the first answer is left out: a GPU of
    # software compiles a second time then, and has the page wait.)
    assert ours < 0.7 * plain


@pytest.mark.slow
def test_webgpu_finds_what_wasm_finds(open_page: Open, site: Site, photo: Image.Image) -> None:
    wanted = load(open_page, site).evaluate(DETECT, {"threshold": 0.05})
    page = load(open_page, site, "webgpu")
    score, pixels = differences(wanted, page.evaluate(DETECT, {"threshold": 0.05}))
    assert score < 1e-3 and pixels < 0.1


def test_detections_leave_no_tensor_and_dispose_leaves_nothing(open_page: Open, site: Site, photo: Image.Image) -> None:
    page = open_page(site.page("wasm"))
    page.evaluate("() => tf.setBackend('wasm')")
    count = "() => tf.memory().numTensors"
    before = page.evaluate(count)
    page.evaluate(LOAD, ["wasm", None])
    loaded = page.evaluate(count)
    for _ in range(3):
        page.evaluate(DETECT, {})
    assert page.evaluate(count) == loaded > before
    page.evaluate("() => detector.dispose()")
    assert page.evaluate(count) == before


def test_threads_run_on_an_isolated_page(open_page: Open, site: Site, photo: Image.Image) -> None:
    wanted = load(open_page, site).evaluate(DETECT, {})
    # TensorFlow.js takes half of the logical cores at most, whatever it is told (tensorflow/tfjs#8513)
    cores = "<script>Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 })</script>"
    page = open_page(site.page("wasm", body=cores, name="threads.html"))
    page.evaluate("() => tf.wasm.setThreadsCount(2)")
    page.evaluate(LOAD, ["wasm", None])
    found = page.evaluate(DETECT, {})
    assert page.evaluate("() => [crossOriginIsolated, tf.wasm.getThreadsCount()]") == [True, 2]
    score, pixels = differences(wanted, found)
    assert score < 1e-5 and pixels < 1e-2


@pytest.mark.parametrize("isolated", [True, False])
def test_the_script_works_where_there_are_no_modules(
    open_page: Open, site: Site, photo: Image.Image, isolated: bool
) -> None:
    body = """<script src="/model/detector.script.js"></script>
        <script>
            Detector.load("/model/fast/", { backend: "wasm" }).then((one) => { window.detector = one; });
        </script>"""
    page = open_page(site.page("wasm", body=body, name="script.html", isolated=isolated))
    page.wait_for_function("() => window.detector")
    assert page.evaluate(DETECT, {}) == load(open_page, site).evaluate(DETECT, {})


def test_the_share_that_is_loaded_rises_to_one(open_page: Open, site: Site) -> None:
    page = open_page(site.page("wasm"))
    shares = page.evaluate(
        """async () => {
            const { Detector } = await import("/model/detector.js");
            const shares = [];
            const onProgress = (share) => shares.push(share);
            await Detector.load("/model/fast/detector.json", { backend: "wasm", onProgress });
            return shares;
        }"""
    )
    assert shares == sorted(shares) and shares[-1] == 1


def test_errors_say_what_to_do(open_page: Open, site: Site, changed_model: Callable[[str], Path]) -> None:
    (changed_model("half") / "model.json").unlink()
    (changed_model("garbled") / "detector.json").write_text("<!doctype html>")
    site.files["/photo.png"] = encode(Image.new("RGB", (8, 8)), "PNG")
    page = open_page(site.page("wasm", isolated=False))
    page.route(
        "http://elsewhere.test/*",
        lambda route: route.fulfill(body=site.files["/photo.png"], content_type="image/png"),
    )
    told = page.evaluate(
        """async () => {
            const { Detector, DetectorError } = await import("/model/detector.js");
            const say = (error) => `${error instanceof DetectorError} ${error.message}`;
            const load = (...given) => Detector.load(...given).then(() => "loaded", say);
            const told = [
                await load("/nowhere/"), await load("/half"), await load("/garbled/"),
                await load("http://127.0.0.1:1/fast/"), await load("/model/fast/", { backend: "webgl" }),
                await load("/model/fast/", { tf: {} }),
            ];
            const detector = await Detector.load("/model/fast/", { backend: "wasm" });
            const image = new Image();
            image.src = "http://elsewhere.test/photo.png";
            await image.decode();
            for (const source of [image, "photo.png"]) {
                told.push(await detector.detect(source).then(() => "found", say));
            }
            return told;
        }"""
    )
    here = site.address
    assert told == [
        f"true {here}/nowhere/detector.json cannot be fetched: 404 Not Found",
        f"true {here}/half/model.json cannot be fetched: 404 Not Found",
        f"true {here}/garbled/detector.json is not JSON: Unexpected token '<', \"<!doctype html>\" is not valid JSON",
        "true http://127.0.0.1:1/fast/detector.json cannot be fetched: Failed to fetch",
        "true the backend 'webgl' does not start here: its script is not loaded, or the browser lacks what it needs"
        " (known: wasm)",
        "true TensorFlow.js is not loaded: give it as { tf }, or load its script before this one",
        "true the browser hides the pixels of this image, which is from another origin: serve it from this one,"
        ' or with CORS headers and crossorigin="anonymous"',
        "true nothing to look at: wanted an image, video, canvas, ImageBitmap, Blob, ImageData or"
        " { width, height, data }, found String; a video has no size before its 'loadeddata' event",
    ]


def test_a_letterbox_covers_the_upper_left_and_boxes_are_of_the_image(
    open_page: Open, site: Site, photo: Image.Image, changed_model: Callable[[str], Path]
) -> None:
    described = changed_model("letterbox") / "detector.json"
    content = json.loads(described.read_text(encoding="utf-8"))
    content["input"]["resize"] = "letterbox"
    described.write_text(json.dumps(content), encoding="utf-8")
    side = content["input"]["width"]
    page = load(open_page, site, folder="/letterbox/")
    boxes = page.evaluate(DETECT, {})
    inputs = page.evaluate("() => [...detector.input]")
    height = round(photo.height * side / photo.width)
    assert photo.width > photo.height
    assert set(inputs[height * side * 3 :]) == {0}
    assert 0 not in inputs[(height - 1) * side * 3 : height * side * 3 : 97]
    for found in boxes:
        assert 0 <= found["box"]["xmin"] < found["box"]["xmax"] <= photo.width + 1e-6
        assert 0 <= found["box"]["ymin"] < found["box"]["ymax"] <= photo.height + 1e-6
