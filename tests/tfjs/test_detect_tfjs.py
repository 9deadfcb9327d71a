"""container_scripts/detect_tfjs.mjs in the tfjs environment's own Node: the same boxes as TensorFlow's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.tfjs.conftest import SCRIPTS, run_detect

pytestmark = pytest.mark.tfjs

Detection = list[float]  # class_id, score, ymin, xmin, ymax, xmax


def reference(tfjs_python: Path, frozen_dir: Path, records_dir: Path, *flags: str) -> list[dict[str, Any]]:
    """What TensorFlow detects on the same images, decoded by TensorFlow."""
    script = Path(__file__).with_name("run_frozen_graph.py")
    done = subprocess.run(
        [tfjs_python, script, frozen_dir, records_dir, *flags], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def overlap(one: Detection, other: Detection) -> float:
    """Intersection over union of the boxes of two detections of one class; 0 for two classes."""
    height = min(one[4], other[4]) - max(one[2], other[2])
    width = min(one[5], other[5]) - max(one[3], other[3])
    if one[0] != other[0] or height <= 0 or width <= 0:
        return 0.0
    areas = sum((box[4] - box[2]) * (box[5] - box[3]) for box in (one, other))
    return height * width / (areas - height * width)


def agreement(
    wanted: list[dict[str, Any]], found: list[dict[str, Any]], *, best: int, iou: float, score: float
) -> float:
    """The part of the `best` detections of every image that were found again, as far off as allowed."""
    hits = [
        any(overlap(detection, other) >= iou and abs(detection[1] - other[1]) <= score for other in there["detections"])
        for here, there in zip(wanted, found, strict=True)
        for detection in here["detections"][:best]
    ]
    assert hits
    return sum(hits) / len(hits)


def test_the_file_says_what_ran_and_has_a_line_for_every_test_image(
    detections: list[dict[str, Any]], tfjs_dir: Path, tiny_records_dir: Path
) -> None:
    head, *images = detections
    weights = sum(path.stat().st_size for path in tfjs_dir.glob("*.bin"))
    assert 20e6 < head.pop("memory_bytes") < 4e9
    assert head == {
        "artefact": "tfjs",
        "runtime": "tfjs 4.22.0 wasm",
        "size_bytes": weights + (tfjs_dir / "model.json").stat().st_size,
        "memory_shared": True,  # one Node runs both builds
        "not_run": None,
    }
    counted = json.loads((tiny_records_dir / "records.json").read_text(encoding="utf-8"))
    assert len(images) == counted["test"]["images"]
    assert list(images[0]) == ["source_id", "filename", "width", "height", "ms", "detections"]
    for image in images:
        assert image["ms"] > 0
        assert 0 < len(image["detections"]) <= 100
        scores = [score for _, score, *_ in image["detections"]]
        assert scores == sorted(scores, reverse=True)
        for class_id, _, ymin, xmin, ymax, xmax in image["detections"]:
            assert class_id >= 1 and class_id == int(class_id)
            assert 0 <= ymin <= ymax <= 1 and 0 <= xmin <= xmax <= 1


def test_tfjs_computes_what_tensorflow_computes_with_the_same_graph(
    detections: list[dict[str, Any]], tfjs_python: Path, tiny_frozen_dir: Path, tiny_records_dir: Path
) -> None:
    wanted = reference(tfjs_python, tiny_frozen_dir, tiny_records_dir, "--rewritten")
    found = detections[1:]
    for key in ("source_id", "filename", "width", "height"):
        assert [image[key] for image in found] == [image[key] for image in wanted]
    assert agreement(wanted, found, best=20, iou=0.99, score=0.001) > 0.99


def test_tfjs_detects_what_the_frozen_graph_detects(
    detections: list[dict[str, Any]], tfjs_python: Path, tiny_frozen_dir: Path, tiny_records_dir: Path
) -> None:
    # The frozen graph rounds its activations to 8 bits, TF.js does not: on a model of a few steps that shows, and
    # three images have too few best boxes to count. tests/demo holds a trained model to its mAP.
    wanted = reference(tfjs_python, tiny_frozen_dir, tiny_records_dir)
    assert agreement(wanted, detections[1:], best=10, iou=0.6, score=0.15) > 0.8


def fail_with(tmp_path: Path, node: Path, records: Path, model: Path, *, exit_code: int) -> str:
    done = run_detect(node, records, model, tmp_path / "detections")
    assert done.returncode == exit_code, done.stderr[-3000:]
    return "".join(line + "\n" for line in done.stderr.splitlines() if line.startswith(("error: ", "hint: ")))


def test_a_record_that_is_cut_off_is_named_before_anything_runs(
    node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path: Path
) -> None:
    shard = sorted(tiny_records_dir.glob("test.record-*"))[-1]
    records = shutil.copytree(tiny_records_dir, tmp_path / "records")
    content = shard.read_bytes()
    (records / shard.name).write_bytes(content[:-10])
    message = fail_with(tmp_path, node, records, tfjs_dir, exit_code=3)
    assert message.startswith(f"error: {records / shard.name}: record ")
    assert " is cut off: it needs " in message
    assert not (tmp_path / "detections").exists()


def test_a_model_with_a_missing_weight_file_is_named(
    node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tfjs_dir, tmp_path / "model")
    (shard,) = model.glob("*.bin")
    shard.unlink()
    assert fail_with(tmp_path, node, tiny_records_dir, model, exit_code=3) == (
        f"error: {model}/model.json: its weight file {shard.name} cannot be read (ENOENT)\n"
    )


def test_a_model_that_detects_nothing_is_named(
    node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tfjs_dir, tmp_path / "model")
    content = json.loads((model / "model.json").read_text(encoding="utf-8"))
    content["signature"]["outputs"] = {"logits": {"name": "logits:0"}}
    (model / "model.json").write_text(json.dumps(content))
    assert fail_with(tmp_path, node, tiny_records_dir, model, exit_code=3) == (
        f"error: {model}/model.json: its signature has no detection_boxes, detection_scores, detection_classes, "
        "num_detections; it has logits\n"
    )


def test_flags_that_are_missing_or_unknown_are_a_configuration_error(node: Path) -> None:
    def run(*flags: str) -> tuple[int, str]:
        done = subprocess.run([node, SCRIPTS / "detect_tfjs.mjs", *flags], capture_output=True, text=True)
        return done.returncode, done.stderr

    hint = "hint: node container_scripts/detect_tfjs.mjs --help\n"
    assert run("--records-dir", "a") == (2, "error: --tfjs-dir, --detections-dir: not given\n" + hint)
    code, message = run("--record-dir", "a")
    assert code == 2 and message.startswith("error: Unknown option '--record-dir'") and message.endswith(hint)
    assert run("--help") == (0, "")


def test_another_node_says_where_the_packages_should_be(
    node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path: Path
) -> None:
    lonely = tmp_path / "bin/node"
    lonely.parent.mkdir()
    shutil.copy(node, lonely)
    assert fail_with(tmp_path, lonely, tiny_records_dir, tfjs_dir, exit_code=4) == (
        f"error: {lonely} finds no npm package @tensorflow/tfjs-core above itself or in NODE_PATH\n"
        "hint: run it with the tfjs environment's own bin/node, or set NODE_PATH to a node_modules that has it\n"
    )
