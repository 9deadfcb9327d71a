"""explain_tfjs.mjs on the tiny model's fast build: every node is found in the graph, and the damaged one is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.explain.verdict import Folders, explain
from tests.project import need_environment
from tests.tfjs.conftest import SCRIPTS

pytestmark = [pytest.mark.odapi, pytest.mark.tfjs]

KERNEL = "FeatureExtractor/MobilenetV2/expanded_conv_5/project/weights_quant/FakeQuantWithMinMaxVars"
LAYER = "FeatureExtractor/MobilenetV2/expanded_conv_5/project/add_fold"


def look_at(node: Path, out: Path, *, tfjs: Path, records: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing in the environment that could help it find its packages."""
    return subprocess.run(
        [node, SCRIPTS / "explain_tfjs.mjs", "--records-dir", records, "--tfjs-dir", tfjs, "--images", "3",
         "--layer-images", "1", "--out", out],
        env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip


def explain_build(node: Path, folder: Path, *, tfjs: Path, frozen: Path, records: Path) -> dict[str, Any]:
    """Return what drop.json says of a build."""
    done = look_at(node, folder / "artefact", tfjs=tfjs, records=records)
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


def round_to_two_bits(fast: Path, name: str) -> None:
    """Leave four of the 256 values that a kernel has in its shard, a byte each."""
    (group,) = json.loads((fast / "model.json").read_text(encoding="utf-8"))["weightsManifest"]
    (shard,) = (fast / path for path in group["paths"])
    content, at = bytearray(shard.read_bytes()), 0
    for weight in group["weights"]:
        stored = weight.get("quantization", weight)["dtype"]
        size = int(np.prod(weight["shape"])) * np.dtype(stored).itemsize
        if weight["name"] == name:
            assert stored == "uint8"
            values = np.frombuffer(bytes(content[at : at + size]), np.uint8)
            content[at : at + size] = (np.rint(values / 85) * 85).astype(np.uint8).tobytes()
        at += size
    shard.write_bytes(content)


def test_a_shard_that_ends_too_early_is_named(
    node: Path, tfjs_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    build = shutil.copytree(tfjs_dir, tmp_path / "build")
    (shard,) = (build / "fast").glob("*.bin")
    shard.write_bytes(shard.read_bytes()[:-1000])
    done = look_at(node, tmp_path / "artefact", tfjs=build, records=tiny_records_dir)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {build}/fast: its weight files are cut off: ")


def test_the_convolution_whose_shard_was_damaged_is_named_and_a_sound_build_is_not(
    node: Path, tfjs_dir: Path, tiny_frozen_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(tfjs_dir, tmp_path / "damaged")
    round_to_two_bits(damaged / "fast", KERNEL)
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
