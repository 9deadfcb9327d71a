"""Every runtime over the test images of a tiny trained run."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.detections_file import ImageDetections, measure_size_bytes, read_detections
from pipeline.jobs import detect_tflite
from pipeline.records import read_examples
from tests.project import ROOT, need_environment

DECODE = """
import sys
import numpy as np
sys.path.insert(0, "container_scripts")
import detect_tensorflow
chunks = detect_tensorflow.decode_in_chunks(sys.argv[2:])
np.savez(sys.argv[1], *[image for chunk in chunks for _, image in chunk])
"""


def read_test_records(records_dir: Path) -> list[Path]:
    return sorted(records_dir.glob("test.record-*"))


def boxes_of(image: ImageDetections, count: int = 5) -> np.ndarray:
    return np.array([found[2:] for found in image.detections[:count]])


def test_tflite_answers_for_every_test_image(tiny_run_dir: Path, tiny_records_dir: Path, tmp_path: Path) -> None:
    tflite_dir = tiny_run_dir / "tflite"
    flags = ["--records-dir", str(tiny_records_dir), "--tflite-dir", str(tflite_dir), "--detections-dir", str(tmp_path)]
    detect_tflite.main(flags)
    header, images = read_detections(str(tmp_path / "tflite.jsonl"))
    assert header.artefact == "tflite"
    assert header.runtime.startswith("ai-edge-litert ")
    assert header.size_bytes == (tflite_dir / "detect.tflite").stat().st_size
    answers = list(images)
    examples = [example for path in read_test_records(tiny_records_dir) for example in read_examples(path)]
    assert [image.source_id for image in answers] == [example.source_id for example in examples]
    assert [(image.width, image.height) for image in answers] == [(one.width, one.height) for one in examples]
    # An interpreter of two threads would lose the third of four classes
    assert {found.class_id for image in answers for found in image.detections} == {1, 2, 3, 4}
    assert all(image.ms > 0 for image in answers)


@pytest.mark.odapi
def test_checkpoint_frozen_graph_and_saved_model_agree(
    tiny_run_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    command = [need_environment("odapi"), "container_scripts/detect_tensorflow.py", "--records-dir", tiny_records_dir]
    command += ["--train-dir", tiny_run_dir / "train", "--frozen-dir", tiny_run_dir / "frozen"]
    command += ["--detections-dir", tmp_path]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = {name: read_detections(str(tmp_path / f"{name}.jsonl")) for name in
               ("checkpoint", "frozen_graph", "saved_model")}  # fmt: skip
    assert [header.artefact for header, _ in answers.values()] == list(answers)
    assert {header.runtime for header, _ in answers.values()} == {"tensorflow 1.15.5"}
    saved_model_size = measure_size_bytes(str(tiny_run_dir / "frozen" / "saved_model"))
    assert answers["saved_model"][0].size_bytes == saved_model_size
    images = [list(found) for _, found in answers.values()]
    total = sum(1 for path in read_test_records(tiny_records_dir) for _ in read_examples(path))
    assert [len(found) for found in images] == [total] * 3
    for checkpoint, frozen_graph, saved_model in zip(*images, strict=True):
        assert checkpoint.source_id == frozen_graph.source_id == saved_model.source_id
        assert boxes_of(frozen_graph) == pytest.approx(boxes_of(checkpoint), abs=1e-4)
        assert boxes_of(saved_model) == pytest.approx(boxes_of(checkpoint), abs=1e-4)


@pytest.mark.odapi
def test_every_runtime_sees_the_same_pixels(tiny_records_dir: Path, tmp_path: Path) -> None:
    paths = read_test_records(tiny_records_dir)
    command = [str(need_environment("odapi")), "-c", DECODE, str(tmp_path / "pixels.npz"), *map(str, paths)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    pixels = np.load(tmp_path / "pixels.npz")
    examples = (example for path in paths for example in read_examples(path))
    for number, example in enumerate(examples):
        ours = np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))
        assert np.array_equal(ours, pixels[f"arr_{number}"])


@pytest.mark.odapi
def test_a_frozen_folder_says_of_which_checkpoint_it_was_made(
    tiny_records_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    command = [need_environment("odapi"), "container_scripts/detect_tensorflow.py", "--records-dir", tiny_records_dir]
    command += ["--train-dir", tmp_path, "--detections-dir", tmp_path / "out", "--frozen-dir"]
    for frozen_dir, exit_code, said in (
        (
            tmp_path,
            3,
            f"error: {tmp_path}/model.json does not tell of which checkpoint the graphs beside it were made\n",
        ),
        (tiny_frozen_dir, 4, f"error: the checkpoint that {tiny_frozen_dir} was made of is gone: {tmp_path}/"),
    ):
        words = [str(word) for word in (*command, frozen_dir)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, said in done.stderr) == (exit_code, True), done.stderr[-2000:]
