"""explain_tfjs.mjs on the tiny model's builds: every node is found in the graph, and the damaged one is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.explain.verdict import Folders, explain
from tests.project import need_environment
from tests.tfjs.conftest import SCRIPTS

pytestmark = [pytest.mark.odapi, pytest.mark.tfjs]

KERNEL = "FeatureExtractor/MobilenetV2/expanded_conv_5/project/weights_quant/FakeQuantWithMinMaxVars"
INPUT = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
BEFORE = "Preprocessor/sub"
Numbers = npt.NDArray[Any]
LAYER = "FeatureExtractor/MobilenetV2/expanded_conv_5/project/add_fold"


def look_at(
    node: Path, out: Path, *, tfjs: Path, records: Path, build: str = "fast"
) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing in the environment that could help it find its packages."""
    return subprocess.run(
        [node, SCRIPTS / "explain_tfjs.mjs", "--build", build, "--records-dir", records, "--tfjs-dir", tfjs,
         "--images", "3", "--layer-images", "1", "--out", out],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip


def explain_build(
    node: Path, folder: Path, *, tfjs: Path, frozen: Path, records: Path, build: str = "fast"
) -> dict[str, Any]:
    """Return what drop.json says of a build."""
    done = look_at(node, folder / "artefact", tfjs=tfjs, records=records, build=build)
    assert done.returncode == 0, done.stderr[-3000:]
    done = subprocess.run(
        [need_environment("odapi"), SCRIPTS / "explain_tensors.py", "--records-dir", records, "--frozen-dir", frozen,
         "--artefact", folder / "artefact", "--out", folder / "reference"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return explain(
        Folders(folder / "artefact", folder / "reference", records, frozen), name="tiny", artefact="tfjs_fast"
    )


def change_kernel(folder: Path, name: str, change: Callable[[Numbers], Numbers]) -> None:
    """Change the numbers of a kernel in the shard of a model."""
    (group,) = json.loads((folder / "model.json").read_text(encoding="utf-8"))["weightsManifest"]
    (shard,) = (folder / path for path in group["paths"])
    content, at = bytearray(shard.read_bytes()), 0
    for weight in group["weights"]:
        stored = weight.get("quantization", weight)["dtype"]
        size = int(np.prod(weight["shape"])) * np.dtype(stored).itemsize
        if weight["name"] == name:
            values = np.frombuffer(bytes(content[at : at + size]), stored)
            content[at : at + size] = change(values).astype(stored).tobytes()
        at += size
    shard.write_bytes(content)


@pytest.mark.parametrize(("build", "folder"), [("fast", "fast"), ("plain", ".")])
def test_a_shard_that_ends_too_early_is_named(
    node: Path, tfjs_dir: Path, tiny_records_dir: Path, tmp_path: Path, build: str, folder: str
) -> None:
    model = shutil.copytree(tfjs_dir, tmp_path / "tfjs") / folder
    (shard,) = model.glob("*.bin")
    shard.write_bytes(shard.read_bytes()[:-1000])
    done = look_at(node, tmp_path / "artefact", tfjs=tmp_path / "tfjs", records=tiny_records_dir, build=build)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {model}: its weight files are cut off: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda told: told["signature"]["outputs"].pop("raw_detection_boxes"),
            "its signature has no raw_detection_boxes",
        ),
        (
            lambda told: told["modelTopology"]["node"].append({"name": "copy", "op": "Identity", "input": [BEFORE]}),
            f"the network's input cannot be told in its graph: {INPUT}, {BEFORE} stand between it and Preprocessor/",
        ),
    ],
)
def test_a_plain_build_whose_network_cannot_be_told_is_refused(
    node: Path, tfjs_dir: Path, tiny_records_dir: Path, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    path = shutil.copytree(tfjs_dir, tmp_path / "tfjs") / "model.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")
    done = look_at(node, tmp_path / "artefact", tfjs=path.parent, records=tiny_records_dir, build="plain")
    assert (done.returncode, done.stderr) == (3, f"error: {path}: {message}\n")


def test_the_convolution_whose_shard_was_damaged_is_named_and_a_sound_build_is_not(
    node: Path, tfjs_dir: Path, tiny_frozen_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(tfjs_dir, tmp_path / "damaged")
    change_kernel(damaged / "fast", KERNEL, lambda values: np.rint(values / 85) * 85)
    sound, broken = (
        explain_build(node, tmp_path / name, tfjs=build, frozen=tiny_frozen_dir, records=tiny_records_dir)
        for name, build in (("sound", tfjs_dir), ("broken", damaged))
    )
    assert [one for one in sound["findings"] if one["step"] != "freezing"] == []
    # Of the real converter: depthwise convolutions under their own name, biases that are 0 left out
    assert [one["name"] for one in sound["layers"] if not one["matched"]] == []
    assert len(sound["layers"]) > 100
    assert any(one["folded"] for one in sound["layers"])
    assert all(
        one["weights_compared"]["relative_error"] < 1e-3 for one in sound["layers"] if one["weights"] is not None
    )
    found = [one for one in broken["findings"] if one["step"] == "layers"]
    assert [(one["layer"], one["kind"]) for one in found] == [(LAYER, "weights_rounded")]
    assert broken["first_layer"] == LAYER
    assert "weights rounded: 4 different values are left of the checkpoint's" in found[0]["cause"]


def test_the_same_of_the_plain_build_whose_network_lies_between_loops(
    node: Path, tfjs_dir: Path, tiny_frozen_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(tfjs_dir, tmp_path / "damaged")
    change_kernel(damaged, KERNEL, lambda values: values * 4)
    sound, broken = (
        explain_build(
            node, tmp_path / name, tfjs=build, frozen=tiny_frozen_dir, records=tiny_records_dir, build="plain"
        )
        for name, build in (("sound", tfjs_dir), ("broken", damaged))
    )
    assert [one for one in sound["findings"] if one["step"] != "freezing"] == []
    assert [one["name"] for one in sound["layers"] if not one["matched"]] == []
    assert (len(sound["layers"]) > 100, sound["layers"][0]["name"]) == (True, INPUT)
    assert not any(one.get("folded") for one in sound["layers"])
    assert [one["text"] for one in sound["steps"] if one["step"] == "input"] == [
        "same image: mean 127.5, deviation 127.5"
    ]
    found = [one for one in broken["findings"] if one["step"] == "layers"]
    assert [(one["layer"], one["kind"]) for one in found] == [(LAYER, "weights_differ")]
    assert found[0]["cause"] == "weights differ: all channels have 4 times the checkpoint's weights"
