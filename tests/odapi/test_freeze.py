"""Freezing in the real environment: what each architecture gives, and the same bytes twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from pipeline.models import read_preset
from tests.odapi.conftest import SCRIPTS, run, screen_lines, small_preset, train_command, write_preset

pytestmark = pytest.mark.odapi


def freeze(python: Path, train_dir: Path, frozen_dir: Path, *flags: str):
    folders = [f"--train-dir={train_dir}", f"--frozen-dir={frozen_dir}"]
    return run([str(python), str(SCRIPTS / "freeze.py"), *folders, *flags])


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_quantized_ssd_freezes_into_every_graph_the_same_bytes_twice(
    two_phase_run, odapi_python: Path, tmp_path: Path
):
    train_dir, _ = two_phase_run
    result = freeze(odapi_python, train_dir, tmp_path / "frozen")
    assert result.returncode == 0, result.stderr[-3000:]
    assert screen_lines(result) == ["froze step 6: ssd, quantized, 96x96, 4 classes"]
    found = digests(tmp_path / "frozen")
    assert sorted(found) == [
        "frozen_inference_graph.pb", "label_map.pbtxt", "model.json", "pipeline.config",
        "saved_model/saved_model.pb", "tflite_graph.pb",
    ]  # fmt: skip
    assert json.loads((tmp_path / "frozen" / "model.json").read_text()) == {
        "architecture": "ssd", "quantized": True, "input_height": 96, "input_width": 96, "step": 6,
        "checkpoint": "best/model.ckpt-6",
        "classes": ["ball", "kite", "star", "crate"], "max_detections": 100, "resize": "stretch",
        "preprocessing": {"scale": [2 / 255] * 3, "offset": [-1.0] * 3},
    }  # fmt: skip
    assert freeze(odapi_python, train_dir, tmp_path / "again", "--pbtxt").returncode == 0
    again = digests(tmp_path / "again")
    assert {again.pop("frozen_inference_graph.pbtxt"), again.pop("tflite_graph.pbtxt")}
    assert again == found


def test_a_checkpoint_from_before_quantization_freezes_as_a_float_model(
    two_phase_run, odapi_python: Path, tmp_path: Path
):
    train_dir = tmp_path / "train"
    train_dir.mkdir()
    for path in two_phase_run[0].glob("*"):
        if path.name in ("pipeline.config", "label_map.pbtxt") or path.name.startswith("model.ckpt-4."):
            shutil.copy(path, train_dir)
    (train_dir / "checkpoint").write_text(
        'model_checkpoint_path: "model.ckpt-4"\nall_model_checkpoint_paths: "model.ckpt-4"\n'
    )
    result = freeze(odapi_python, train_dir, tmp_path / "frozen")
    assert result.returncode == 0, result.stderr[-3000:]
    assert screen_lines(result) == [
        "step 4 is not quantized yet (that starts at step 4): freezing a float model; train on for uint8",
        "froze step 4: ssd, float, 96x96, 4 classes",
    ]
    assert json.loads((tmp_path / "frozen" / "model.json").read_text())["quantized"] is False
    assert "graph_rewriter" not in (tmp_path / "frozen" / "pipeline.config").read_text()


def test_nothing_trained_says_what_to_run(odapi_python: Path, tmp_path: Path):
    result = freeze(odapi_python, tmp_path, tmp_path / "frozen")
    assert (result.returncode, screen_lines(result)) == (
        4, [f"error: no checkpoint in {tmp_path}", "hint: make train MODEL=..."])  # fmt: skip


def test_faster_rcnn_freezes_without_a_tflite_graph(odapi_python: Path, records: Path, tmp_path: Path):
    model = write_preset(tmp_path, small_preset(**read_preset("faster_rcnn_inception_v2").model_dump()))
    command = train_command(odapi_python, records, tmp_path / "train", model=model, steps=2)
    trained = run([*command, "--input-size", "96", "96"])
    assert trained.returncode == 0, trained.stderr[-3000:]
    result = freeze(odapi_python, tmp_path / "train", tmp_path / "frozen")
    assert result.returncode == 0, result.stderr[-3000:]
    assert screen_lines(result) == ["froze step 2: faster_rcnn, float, 96x96, 4 classes"]
    assert not (tmp_path / "frozen" / "tflite_graph.pb").exists()
    assert (tmp_path / "frozen" / "saved_model" / "saved_model.pb").exists()
