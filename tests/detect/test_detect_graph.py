from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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


def read_found(path: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert list(lines[0]) == ["journal"]
    return {line["name"]: line for line in lines[1:]}


def make_images(folder: Path) -> list[Path]:
    """Make a.jpg, b.jpg, sub/alpha.png of three photos, and broken.jpg."""
    (folder / "sub").mkdir(parents=True)
    photos = sorted((shared_data() / "raccoon" / "images").iterdir())[:3]
    for photo, name in zip(photos, ("a.jpg", "b.jpg"), strict=False):
        shutil.copyfile(photo, folder / name)
    Image.open(photos[2]).save(folder / "sub" / "alpha.png")
    (folder / "broken.jpg").write_bytes(b"no image")
    return photos


def test_a_frozen_graph_and_its_results(tiny_run_dir: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    photos = make_images(images)
    graph = tiny_run_dir / "frozen" / "frozen_inference_graph.pb"
    done = detect("--graph", graph, "--images", images, "--found", tmp_path / "found")
    assert done.returncode == 3
    assert "skipped broken.jpg: cannot identify image file" in done.stderr
    assert done.stderr.endswith("error: 1 of 4 images could not be read and were skipped; they are named above\n")
    answers = read_found(tmp_path / "found")
    assert list(answers) == ["a.jpg", "b.jpg", "sub/alpha.png"]
    assert [(image["width"], image["height"]) for image in answers.values()] == [Image.open(p).size for p in photos]
    assert all(image["detections"] for image in answers.values())

    command = [sys.executable, "-m", "pipeline.jobs.detect_images", "--found", tmp_path / "found", "--images", images]
    command += ["--labels", tiny_run_dir / "frozen" / "label_map.pbtxt", "--out", tmp_path / "out", "--threshold", "0"]
    drawn = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr
    with (tmp_path / "out" / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(image["detections"]) for image in answers.values())
    assert rows[0]["filename"] == "a.jpg"
    assert float(rows[0]["score"]) == pytest.approx(answers["a.jpg"]["detections"][0][1], abs=1e-4)
    copies = [path.relative_to(tmp_path / "out" / "annotated") for path in (tmp_path / "out").rglob("*.png")]
    assert [str(copy) for copy in copies] == ["sub/alpha.png"]


def test_what_was_found_already_is_not_looked_at_again(tiny_run_dir: Path, tmp_path: Path) -> None:
    make_images(tmp_path / "images")
    graph = tiny_run_dir / "frozen" / "frozen_inference_graph.pb"
    flags = ("--graph", graph, "--images", tmp_path / "images", "--found", tmp_path / "found", "--least-score", "0.05")
    detect(*flags)
    before = (tmp_path / "found").read_bytes()
    again = detect(*flags)
    assert "3 of 4 pictures are done already" in again.stderr and again.returncode == 3
    assert (tmp_path / "found").read_bytes() == before
    assert "done already" not in detect(*flags, "--tiles", "2x1").stderr


def test_checkpoint_frozen_graph_and_saved_model_find_the_same(tiny_run_dir: Path, tmp_path: Path) -> None:
    make_images(tmp_path / "images")
    frozen = tiny_run_dir / "frozen"
    forms = {
        "frozen_graph": ("--graph", frozen / "frozen_inference_graph.pb"),
        "saved_model": ("--graph", frozen / "saved_model"),
        "checkpoint": ("--graph", tiny_run_dir / "train", "--frozen-dir", frozen),
    }
    found = {}
    for name, flags in forms.items():
        detect(*flags, "--images", tmp_path / "images", "--found", tmp_path / name)
        found[name] = [image["detections"][:5] for image in read_found(tmp_path / name).values()]
    assert np.allclose(found["saved_model"], found["frozen_graph"], atol=1e-4)
    assert np.allclose(found["checkpoint"], found["frozen_graph"], atol=1e-4)


def test_a_graph_without_detections_says_what_it_has(tiny_run_dir: Path, tmp_path: Path) -> None:
    graph = tmp_path / "classifier.pb"
    subprocess.run([need_environment("odapi"), "-c", OTHER_GRAPH, graph], check=True, capture_output=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    done = detect("--graph", graph, "--images", tmp_path, "--found", tmp_path / "found")
    assert done.returncode == 3
    assert done.stderr.endswith(
        f"error: {graph} is not a frozen graph of an image detector: it has no image_tensor, detection_boxes, "
        "detection_classes, detection_scores; its inputs are features; its outputs are logits\n"
    )
    assert read_found(tmp_path / "found") == {}


def test_a_file_that_is_no_graph_is_named(tiny_run_dir: Path, tmp_path: Path) -> None:
    labels = tiny_run_dir / "frozen" / "label_map.pbtxt"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    done = detect("--graph", labels, "--images", tmp_path, "--found", tmp_path / "found")
    assert done.returncode == 3
    assert f"error: {labels} is not a frozen graph: " in done.stderr


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    done = detect("--graph", "none.pb", "--images", tmp_path / "images", "--found", tmp_path / "found")
    assert done.returncode == 3
    assert done.stderr.endswith(
        f"error: there are no images in {tmp_path / 'images'}; looked for "
        ".jpg .jpeg .jpe .jfif .png .bmp .gif .webp .tif .tiff .mpo .ppm .pgm and videos\n"
    )
