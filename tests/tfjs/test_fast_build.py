"""The fast TF.js build and its detector.js: files, numbers, and the same boxes as the whole graph."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.resize import resize_legacy_bilinear
from tests.tfjs.conftest import SCRIPTS, run_detect
from tests.tfjs.test_detect_tfjs import agreement, reference

pytestmark = pytest.mark.tfjs


def run_detector(node: Path, tfjs_dir: Path, code: str, *arguments: str | Path) -> Any:
    """Run JavaScript with `detector` loaded as a program in Node would load it; return what it prints, as JSON."""
    prelude = f"""
        import {{ requirePackage }} from {json.dumps((SCRIPTS / "node/npm_packages.mjs").as_uri())};
        import {{ decodeImage }} from {json.dumps((SCRIPTS / "node/decode_image.mjs").as_uri())};
        import {{ readFileSync }} from "node:fs";
        import {{ Detector, DetectorError }} from {json.dumps((tfjs_dir / "detector.js").as_uri())};
        const tf = {{ ...requirePackage("@tensorflow/tfjs-core"), ...requirePackage("@tensorflow/tfjs-converter") }};
        requirePackage("@tensorflow/tfjs-backend-wasm");
        const args = process.argv.slice(1);
    """
    done = subprocess.run(
        [node, "--input-type=module", "-e", prelude + code, "--", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_fast_build_holds_all_that_a_page_needs(tfjs_dir: Path, tiny_frozen_dir: Path) -> None:
    names = {path.name for path in tfjs_dir.iterdir()}
    assert {"fast", "detector.js", "detector.d.ts", "detector.script.js", "package.json", "model.json"} <= names
    described = json.loads((tfjs_dir / "fast" / "detector.json").read_text(encoding="utf-8"))
    model = json.loads((tiny_frozen_dir / "model.json").read_text(encoding="utf-8"))
    assert described["labels"] == model["classes"]
    assert (described["input"]["height"], described["input"]["width"]) == (model["input_height"], model["input_width"])
    assert described["boxScales"] == {"y": 10, "x": 10, "height": 5, "width": 5}
    assert described["nms"] == {"scoreThreshold": 0, "iouThreshold": 0.6, "maxPerClass": 100, "maxTotal": 100}


def test_its_graph_has_neither_loops_nor_suppression_nor_fake_quantization(tfjs_dir: Path) -> None:
    nodes = json.loads((tfjs_dir / "fast" / "model.json").read_text(encoding="utf-8"))["modelTopology"]["node"]
    kinds = {node["op"] for node in nodes}
    assert not {kind for kind in kinds if "FakeQuant" in kind or "NonMax" in kind or "TensorArray" in kind}
    assert not kinds & {"Enter", "While", "Switch", "Merge", "LoopCond"}


def test_clips_are_left_only_where_a_convolution_cannot_do_them(tfjs_dir: Path) -> None:
    nodes = json.loads((tfjs_dir / "fast" / "model.json").read_text(encoding="utf-8"))["modelTopology"]["node"]
    by_name = {node["name"]: node for node in nodes}
    clips = [node for node in nodes if node["op"] == "ClipByValue"]
    assert clips
    for clip in clips:
        readers = {node["op"] for node in nodes if clip["name"] in node.get("input", [])}
        # A residual sum before or behind it, or one of the two outputs
        assert by_name[clip["input"][0]]["op"] == "AddV2" or readers & {"AddV2", "Reshape"}, clip["name"]


def test_folded_clips_give_the_same_numbers() -> None:
    script = Path(__file__).with_name("fold_clips.py")
    done = subprocess.run([sys.executable, script], env={"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = {name: (folded, error) for name, folded, error in map(json.loads, done.stdout.splitlines())}
    assert {name for name, (folded, _) in results.items() if folded} == {
        "relu6 to less than 6", "relu6 to more than 6", "relu6 before 3x3", "two-sided before 1x1",
    }  # fmt: skip
    assert set(results) >= {"two-sided before 3x3", "another activation", "an output"}
    assert max(error for _, error in results.values()) < 1e-4


def test_its_kernels_take_a_byte_each_and_lose_nothing(
    tfjs_python: Path, tiny_frozen_dir: Path, tfjs_dir: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [tfjs_python, SCRIPTS / "tfjs.py", "--frozen-dir", tiny_frozen_dir, "--tfjs-dir", tmp_path / "float32",
         "--weights", "float32"],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    exact, stored = read_weights(tmp_path / "float32" / "fast"), read_weights(tfjs_dir / "fast")
    assert list(exact) == list(stored)
    large = [name for name, values in exact.items() if values.size >= 1024]
    assert large
    for name, values in exact.items():
        np.testing.assert_allclose(stored[name], values, atol=2e-6 * max(np.abs(values).max(), 1e-9), err_msg=name)
    sizes = [
        sum(path.stat().st_size for path in (folder / "fast").glob("*.bin"))
        for folder in (tmp_path / "float32", tfjs_dir)
    ]
    assert sizes[1] < 0.3 * sizes[0]


@pytest.mark.parametrize(("dtype", "share", "error"), [("float16", 0.5, 6e-4), ("uint8", 0.25, 2.1e-3)])
def test_weights_of_any_values_are_stored_smaller(tmp_path: Path, dtype: str, share: float, error: float) -> None:
    values = np.random.default_rng(1).uniform(-0.3, 0.7, 4096).astype(np.float32)
    bias = values[:1280] * 1000  # as long as that of MobileNet V2's last layer
    (tmp_path / "group1-shard1of1.bin").write_bytes(values.tobytes() + bias.tobytes())
    manifest = [
        {"name": "kernel", "shape": [64, 64], "dtype": "float32"},
        {"name": "bias", "shape": [1280], "dtype": "float32"},
    ]
    model = {
        "modelTopology": {"node": [{"name": "x", "attr": {"T": {}, "_noted": {}}}]},
        "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": manifest}],
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    code = f"""
import functools
from tfjs_build.tfjs_model import read_model, write_model
from tfjs_build.tfjs_weights import shrink
write_model({str(tmp_path)!r}, *read_model({str(tmp_path)!r}), functools.partial(shrink, dtype={dtype!r}))
"""
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SCRIPTS)}, check=True)
    restored = read_weights(tmp_path)
    np.testing.assert_array_equal(restored["bias"], bias)
    np.testing.assert_allclose(restored["kernel"], values, atol=error)
    assert (tmp_path / "group1-shard1of1.bin").stat().st_size == 4096 * 4 * share + 1280 * 4
    (node,) = json.loads((tmp_path / "model.json").read_text())["modelTopology"]["node"]
    assert node["attr"] == {"T": {}}


def read_weights(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The weights of a graph model as TensorFlow.js restores them."""
    (group,) = json.loads((folder / "model.json").read_text(encoding="utf-8"))["weightsManifest"]
    content = b"".join((folder / name).read_bytes() for name in group["paths"])
    weights, at = {}, 0
    for weight in group["weights"]:
        how = weight.get("quantization")
        stored = np.frombuffer(content, how["dtype"] if how else weight["dtype"], int(np.prod(weight["shape"])), at)
        at += stored.nbytes
        restored = stored * how["scale"] + how["min"] if how and "scale" in how else stored
        weights[weight["name"]] = restored.astype(np.float64)
    assert at == len(content)
    return weights


@pytest.fixture(scope="module")
def fast(node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The lines of tfjs_fast.jsonl for the tiny model's test images."""
    folder = tmp_path_factory.mktemp("fast") / "detections"
    done = run_detect(node, tiny_records_dir, tfjs_dir, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in (folder / "tfjs_fast.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_fast_build_finds_what_the_same_graph_finds_in_tensorflow(
    fast: list[Any], tfjs_python: Path, tiny_frozen_dir: Path, tiny_records_dir: Path
) -> None:
    wanted = reference(tfjs_python, tiny_frozen_dir, tiny_records_dir, "--rewritten")
    assert fast[0]["artefact"] == "tfjs_fast"
    assert [image["filename"] for image in fast[1:]] == [image["filename"] for image in wanted]
    assert agreement(wanted, fast[1:], best=20, iou=0.99, score=0.001) > 0.99
    assert agreement(fast[1:], wanted, best=20, iou=0.99, score=0.001) > 0.99


@pytest.mark.parametrize("size", [(640, 427), (64, 64), (33, 190), (1, 1)])
def test_an_image_is_resized_as_in_training(node: Path, tfjs_dir: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    raw = tmp_path / "image.rgb"
    raw.write_bytes(image.tobytes())
    code = """
        const detector = await Detector.load(args[0], { tf, backend: "wasm" });
        const data = new Uint8Array(readFileSync(args[1]));
        await detector.detectRows({ width: Number(args[2]), height: Number(args[3]), data });
        console.log(JSON.stringify([...detector.input]));
    """
    found = np.float32(run_detector(node, tfjs_dir, code, tfjs_dir / "fast", raw, width, height))
    described = json.loads((tfjs_dir / "fast" / "detector.json").read_text(encoding="utf-8"))["input"]
    wanted = resize_legacy_bilinear(image, height=described["height"], width=described["width"]) * (2 / 255) - 1
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=2e-6)


def test_detect_gives_labels_scores_and_pixels_of_the_source(node: Path, tfjs_dir: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (300, 200), (200, 30, 30, 255)).save(tmp_path / "red.png")
    code = """
        const detector = await Detector.load(args[0], { tf, backend: "wasm" });
        const { width, height, pixels } = await decodeImage(readFileSync(args[1]));
        const all = await detector.detect({ width, height, data: pixels }, { threshold: 0 });
        const rgba = new Uint8ClampedArray(width * height * 4)
            .map((_, at) => at % 4 === 3 ? 255 : pixels[(at >> 2) * 3 + at % 4]);
        const again = await detector.detect({ width, height, data: rgba }, { threshold: 0, maxDetections: 3 });
        const limit = all[1].score;
        const some = await detector.detect({ width, height, data: pixels }, { threshold: limit });
        const threshold = Object.fromEntries(detector.labels.map((name) => [name, 1.1]));
        const none = await detector.detect({ width, height, data: pixels }, { threshold });
        const { labels, backend } = detector;
        console.log(JSON.stringify({ all, again, some, none, limit, labels, backend }));
    """
    found = run_detector(node, tfjs_dir, code, tfjs_dir / "fast", tmp_path / "red.png")
    assert found["backend"] == "wasm"
    assert found["all"] and found["all"][:3] == found["again"]
    assert found["some"] == [one for one in found["all"] if one["score"] >= found["limit"]]
    assert found["none"] == []
    for one in found["all"]:
        assert one["label"] in found["labels"]
        box = one["box"]
        assert 0 <= box["xmin"] < box["xmax"] <= 300 and 0 <= box["ymin"] < box["ymax"] <= 200


def test_errors_name_the_file_or_the_backend(node: Path, tfjs_dir: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tfjs_dir / "fast", tmp_path / "broken")
    (broken / "detector.json").write_text("{}")
    half = shutil.copytree(tfjs_dir / "fast", tmp_path / "half")
    (shard,) = half.glob("*.bin")
    shard.unlink()
    code = """
        const told = [];
        const say = async (...given) => {
            told.push(await Detector.load(...given).then(() => "loaded", (error) => `${error.name}: ${error.message}`));
        };
        await say(args[0], { tf, backend: "wasm" });
        await say(args[1], { tf, backend: "wasm" });
        await say(args[2], { tf, backend: "wasm" });
        await say(args[3], { tf, backend: "webgl" });
        await say(args[3], {});
        const detector = await Detector.load(args[3], { tf, backend: "wasm" });
        await detector.detect(null).catch((error) => told.push(error.message));
        console.log(JSON.stringify(told));
    """
    missing, other, without, backend, no_tf, nothing = run_detector(
        node, tfjs_dir, code, tmp_path / "nowhere", broken, half, tfjs_dir / "fast"
    )
    assert missing == f"DetectorError: {tmp_path}/nowhere/detector.json cannot be read (ENOENT)"
    assert other.startswith(f"DetectorError: file://{broken}/detector.json is of format undefined undefined;")
    assert without == f"DetectorError: {shard} cannot be read (ENOENT)"
    assert backend.startswith("DetectorError: the backend 'webgl' does not start here")
    assert no_tf.startswith("DetectorError: TensorFlow.js is not loaded")
    assert nothing.startswith("nothing to look at: wanted an image")


def test_the_script_for_pages_without_modules_is_the_module(node: Path, tfjs_dir: Path) -> None:
    script = (tfjs_dir / "detector.script.js").read_text(encoding="utf-8")
    done = subprocess.run(
        [node, "-e", script + "\nconsole.log(typeof Detector.load, new DetectorError('x').name)"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["function", "DetectorError"], done.stderr
