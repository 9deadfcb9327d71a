"""container_scripts/tfjs.py and saved_model2tfjs.sh in the real tfjs environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT
from tests.tfjs.conftest import run_tfjs

pytestmark = pytest.mark.tfjs


@pytest.fixture(scope="session")
def model_json(tfjs_dir: Path) -> dict[str, Any]:
    return json.loads((tfjs_dir / "model.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_folder_holds_a_graph_model_and_its_labels(
    tfjs_dir: Path, tiny_frozen_dir: Path, model_json: dict[str, Any]
) -> None:
    shards = [name for group in model_json["weightsManifest"] for name in group["paths"]]
    beside = ["fast", "detector.js", "detector.d.ts", "detector.script.js", "package.json"]  # see test_fast_build
    assert sorted(path.name for path in tfjs_dir.iterdir()) == sorted(["model.json", "labels.json", *shards, *beside])
    assert model_json["format"] == "graph-model"
    classes = json.loads((tiny_frozen_dir / "model.json").read_text(encoding="utf-8"))["classes"]
    assert json.loads((tfjs_dir / "labels.json").read_text(encoding="utf-8")) == classes


def test_inputs_and_outputs_have_the_names_of_the_saved_model(model_json: dict[str, Any]) -> None:
    signature = model_json["signature"]
    assert {key: tensor["name"] for key, tensor in signature["inputs"].items()} == {"inputs": "image_tensor:0"}
    outputs = {key: tensor["name"] for key, tensor in signature["outputs"].items()}
    assert all(name == key + ":0" for key, name in outputs.items())
    assert {"detection_boxes", "detection_classes", "detection_scores", "num_detections"} <= outputs.keys()


def test_no_operator_is_left_that_tensorflow_js_computes_otherwise(model_json: dict[str, Any]) -> None:
    nodes = model_json["modelTopology"]["node"]
    assert not [node["name"] for node in nodes if node["op"].startswith("FakeQuant")]
    assert not [
        node["name"]
        for node in nodes
        if node["op"] == "Cast"
        and (node["attr"]["SrcT"]["type"], node["attr"]["DstT"]["type"]) == ("DT_FLOAT", "DT_BOOL")
    ]
    assert not [node["name"] for node in nodes if node["op"] == "Assert"]


def test_a_second_conversion_gives_the_same_bytes(
    tfjs_python: Path, tfjs_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    # On a busy machine a digit in model.json was another one, twice in some twenty runs; why is not known
    differences = []
    for attempt in (1, 2):
        again = tmp_path / f"again{attempt}"
        done = run_tfjs(tfjs_python, tiny_frozen_dir, again, hash_seed=attempt)
        assert done.returncode == 0, done.stderr[-3000:]
        differences.append([first_difference(path, again / path.relative_to(tfjs_dir)) for path in files_of(tfjs_dir)])
        if not any(differences[-1]):
            return
    raise AssertionError(differences)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def first_difference(path: Path, other_path: Path) -> str | None:
    one, other = path.read_bytes(), other_path.read_bytes()
    if one == other:
        return None
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return f"{path.name}: {one[max(at - 200, 0) : at + 50]!r}, then {other[max(at - 200, 0) : at + 50]!r}"


def test_the_nudged_range_is_where_tensorflow_clips(tfjs_python: Path) -> None:
    code = f"""
import json, sys; sys.path.insert(0, {str(ROOT / "container_scripts")!r})
import tensorflow as tf
from tfjs_build import tfjs_graph
for low, high in (0., 6.), (-1.3, 2.9), (-0.0421, 7.731), (0.5, 3.), (-3., -1.):
    clipped = tf.quantization.fake_quant_with_min_max_vars([-1e3, 1e3], low, high)
    nudged = tfjs_graph.nudge_range(low, high, bits=8, narrow_range=False)
    print(json.dumps([clipped.numpy().tolist(), nudged]))
"""
    done = subprocess.run([tfjs_python, "-c", code], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        wanted, found = json.loads(line)
        assert found == pytest.approx(wanted, abs=1e-6)


def test_a_missing_saved_model_is_named(tfjs_python: Path, tiny_frozen_dir: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_frozen_dir / "model.json", tmp_path)
    done = run_tfjs(tfjs_python, tmp_path, tmp_path / "tensorflow_js")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: stage tfjs needs {tmp_path}/saved_model/saved_model.pb\n"
        "hint: make the frozen graph again: make export MODEL=...\n"
    )


def run_shell(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = project / "container_scripts/saved_model2tfjs.sh"
    environment = {name: value for name, value in os.environ.items() if name != "MODEL_NAME"}
    return subprocess.run([script, *arguments], env=environment, capture_output=True, text=True)


def test_the_published_command_converts_and_says_what_it_needs(
    tfjs_python: Path, tfjs_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    for name in ("container_scripts", "pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".envs").mkdir()
    (tmp_path / ".envs/tfjs").symlink_to(tfjs_python.parent.parent)
    done = run_shell(tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no MODEL_NAME\nhint: saved_model2tfjs.sh cats   (or MODEL_NAME=cats saved_model2tfjs.sh)\n",
    )
    done = run_shell(tmp_path, "cats")
    assert (done.returncode, done.stderr) == (
        3,
        "error: stage tfjs needs output/cats/frozen\nhint: make export MODEL=cats\n",
    )
    (tmp_path / "output/cats").mkdir(parents=True)
    (tmp_path / "output/cats/frozen").symlink_to(tiny_frozen_dir)
    done = run_shell(tmp_path, "cats")
    assert (done.returncode, done.stdout) == (0, "output/cats/tensorflow_js\n"), done.stderr[-3000:]
    converted = tmp_path / "output/cats/tensorflow_js"
    assert {path.name for path in converted.iterdir()} == {path.name for path in tfjs_dir.iterdir()}
