"""What the TFLite stage reads, and when it has to run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import receipts
from pipeline.config import parse_settings
from pipeline.planner import make_plan
from pipeline.stages import freeze, tflite

FROZEN = ("frozen_inference_graph.pb", "tflite_graph.pb", "model.json")


def spec(root: Path, stage: Any = tflite, **given: Any) -> dict[str, Any]:
    plan = make_plan(root, parse_settings({"name": "cats", **given}))
    return stage.job(plan).to_spec(stage=stage.NAME, image=stage.IMAGE, run="cats")


def finish(root: Path, made: dict[str, Any]) -> None:
    """Leave what a job leaves that ended well."""
    for name, place in made["outputs"].items():
        for file in FROZEN if name == "frozen" else ("detect.tflite",):
            (root / place["path"]).mkdir(parents=True, exist_ok=True)
            (root / place["path"] / file).write_text(file)
    inputs = {name: receipts.fingerprint_files(str(root), place) for name, place in made["inputs"].items()}
    receipts.write_receipt(str(root), made, inputs, receipts.hash_code(str(root), made), 1.0)


@pytest.mark.parametrize("given", [{"model": "ssd_mobilenet_v2"}, {"config": "plain.config"}])
def test_a_model_without_trained_quantization_is_measured_on_its_training_images(
    tmp_path: Path, given: dict[str, str]
) -> None:
    (tmp_path / "plain.config").write_text("model { ssd {} }")
    assert spec(tmp_path, **given)["inputs"]["records"] == {
        "path": "input/tf_records/cats", "only": ["train.record-*"]
    }  # fmt: skip


@pytest.mark.parametrize("given", [{"model": "ssd_mobilenet_v2_quantized"}, {"config": "quantized.config"}])
def test_a_model_with_trained_quantization_needs_no_images(tmp_path: Path, given: dict[str, str]) -> None:
    (tmp_path / "quantized.config").write_text("model { ssd {} } graph_rewriter { quantization { delay: 5 } }")
    assert set(spec(tmp_path, **given)["inputs"]) == {"frozen"}


def test_missing_training_images_are_named_with_what_to_do(tmp_path: Path) -> None:
    for name in FROZEN:
        (tmp_path / "output/cats/frozen").mkdir(parents=True, exist_ok=True)
        (tmp_path / "output/cats/frozen" / name).touch()
    assert receipts.find_missing_input(str(tmp_path), spec(tmp_path, model="ssd_mobilenet_v2")) == (
        "stage tflite needs input/tf_records/cats/train.record-*",
        "int8 after training measures its ranges on the training images: make records NAME=cats DATASET=... writes "
        "them again",
        4,
    )


def test_other_options_of_the_post_processing_make_the_model_again_but_not_the_frozen_graph(tmp_path: Path) -> None:
    (tmp_path / "output/cats/train").mkdir(parents=True)
    (tmp_path / "output/cats/train/checkpoint").touch()
    for stage in (freeze, tflite):
        finish(tmp_path, spec(tmp_path, stage))
        assert receipts.staleness(str(tmp_path), spec(tmp_path, stage)) is None
    changed = {"nms": "fast", "max_detections": 50}
    assert receipts.staleness(str(tmp_path), spec(tmp_path, **changed)) == (
        "settings changed: max_detections 20 -> 50, nms regular -> fast"
    )
    assert receipts.staleness(str(tmp_path), spec(tmp_path, freeze, **changed)) is None
    command = spec(tmp_path, **changed)["command"]
    assert command[command.index("--nms") + 1 :] == ["fast", "--max-detections", "50"]


def test_what_is_no_ssd_has_no_tflite(tmp_path: Path) -> None:
    assert spec(tmp_path, model="faster_rcnn_resnet50")["skip"].startswith("faster_rcnn_resnet50 is no SSD")
