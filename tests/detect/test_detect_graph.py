from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline.detections.detections_file import read_detections
from tests.project import ROOT, need_environment, shared_data

pytestmark = pytest.mark.odapi

OTHER_GRAPH = """
import sys
import tensorflow as tf
tf.compat.v1.placeholder(tf.float32, [None, 4], name="features")
tf.identity(tf.compat.v1.get_default_graph().get_tensor_by_name("features:0") * 2, name="logits")
open(sys.argv[1], "wb").write(tf.compat.v1.get_default_graph().as_graph_def().SerializeToString())
"""


def detect(*flags: object) -> subprocess.CompletedProcess[str]:
    """Run the script as people do."""
    command = [str(need_environment("odapi")), "container_scripts/detect_graph.py", *map(str, flags)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_frozen_graph_and_its_results(tiny_run_dir: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    photos = sorted((shared_data() / "raccoon" / "images").iterdir())[:3]
    for photo in photos[:2]:
        shutil.copyfile(photo, images / photo.name)
    Image.open(photos[2]).save(images / "sub" / "alpha.png")
    (images / "broken.jpg").write_bytes(b"no image")
    frozen, detections = tiny_run_dir / "frozen", tmp_path / "out" / "detections.jsonl"
    labels = frozen / "label_map.pbtxt"
    graph = frozen / "frozen_inference_graph.pb"
    done = detect("--graph", graph, "--labels", labels, "--images", images, "--detections", detections)
    assert done.returncode == 3
    assert "skipped broken.jpg: cannot identify image file" in done.stderr
    assert done.stderr.endswith("error: 1 of 4 images could not be read and were skipped; they are named above\n")
    header, found = read_detections(str(detections))
    answers = list(found)
    assert [header.artefact, header.runtime, header.size_bytes] == [
        "frozen_graph", "tensorflow 1.15.5", graph.stat().st_size,
    ]  # fmt: skip
    assert [image.filename for image in answers] == [photos[0].name, photos[1].name, "sub/alpha.png"]
    assert [(image.width, image.height) for image in answers] == [Image.open(photo).size for photo in photos]
    assert all(image.detections and image.ms > 0 for image in answers)

    command = [sys.executable, "-m", "pipeline.jobs.draw_detections", "--detections", detections, "--labels", labels]
    command += ["--images", images, "--out", tmp_path / "out", "--threshold", "0"]
    drawn = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr
    with (tmp_path / "out" / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(image.detections) for image in answers)
    assert rows[0]["filename"] == photos[0].name
    assert float(rows[0]["score"]) == pytest.approx(answers[0].detections[0].score, abs=1e-4)
    copies = [path.relative_to(tmp_path / "out" / "annotated") for path in (tmp_path / "out").rglob("*.png")]
    assert [str(copy) for copy in copies] == ["sub/alpha.png"]


def test_a_graph_without_detections_says_what_it_has(tiny_run_dir: Path, tmp_path: Path) -> None:
    graph = tmp_path / "classifier.pb"
    subprocess.run([need_environment("odapi"), "-c", OTHER_GRAPH, graph], check=True, capture_output=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    labels = tiny_run_dir / "frozen" / "label_map.pbtxt"
    done = detect("--graph", graph, "--labels", labels, "--images", tmp_path, "--detections", tmp_path / "d.jsonl")
    assert done.returncode == 3
    assert done.stderr.endswith(
        f"error: {graph} is not a frozen graph of an image detector: it has no image_tensor, detection_boxes, "
        "detection_classes, detection_scores; its inputs are features; its outputs are logits\n"
    )
    assert not (tmp_path / "d.jsonl").exists()


def test_a_file_that_is_no_graph_is_named(tiny_run_dir: Path, tmp_path: Path) -> None:
    labels = tiny_run_dir / "frozen" / "label_map.pbtxt"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    done = detect("--graph", labels, "--labels", labels, "--images", tmp_path, "--detections", tmp_path / "d.jsonl")
    assert done.returncode == 3
    assert f"error: {labels} is not a frozen graph: " in done.stderr


def test_a_wrong_label_map_is_named_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "labels.pbtxt").write_text("cat\ndog\n")
    done = detect(
        "--graph", "no.pb", "--labels", tmp_path / "labels.pbtxt", "--images", tmp_path, "--detections", tmp_path / "d"
    )
    assert done.returncode == 3
    assert f"error: {tmp_path / 'labels.pbtxt'} is not a label map: 1:1 : " in done.stderr


def test_a_folder_without_images_is_an_error(tiny_run_dir: Path, tmp_path: Path) -> None:
    labels = tiny_run_dir / "frozen" / "label_map.pbtxt"
    (tmp_path / "images").mkdir()
    done = detect(
        "--graph", "none.pb", "--labels", labels, "--images", tmp_path / "images", "--detections", tmp_path / "d.jsonl"
    )
    assert done.returncode == 3
    assert done.stderr.endswith(
        f"error: there are no images in {tmp_path / 'images'}; looked for "
        ".jpg .jpeg .jpe .jfif .png .bmp .gif .webp .tif .tiff .mpo .ppm .pgm\n"
    )
