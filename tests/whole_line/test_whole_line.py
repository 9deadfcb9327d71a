"""The line from images to detections on the tiny run, through the command line, as a user goes it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages import CHAINS
from tests.conftest import TINY, odpipe

pytestmark = [pytest.mark.odapi, pytest.mark.toco, pytest.mark.tfjs]

ARTEFACTS = [
    "checkpoint", "frozen_graph", "saved_model", "tflite", "tflite_float", "tflite_fast_nms", "tfjs", "tfjs_fast",
    "tfjs_chromium",
]  # fmt: skip
LOCAL = ("--backend", "local")


def run_json(root: Path, *arguments: str, code: int = 0) -> Any:
    done = odpipe(root, *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def states(result: dict[str, Any]) -> dict[str, str]:
    return {stage["stage"]: stage["state"] for stage in result["stages"]}


def test_the_export_is_whole(tiny_run_dir: Path) -> None:
    manifest = json.loads((tiny_run_dir / "export.json").read_text())
    wanted = {
        "frozen/frozen_inference_graph.pb", "frozen/saved_model/saved_model.pb", "frozen/tflite_graph.pb",
        "tflite/detect.tflite", "tflite/labels.txt", "tensorflow_js/model.json", "tensorflow_js/labels.json",
    }  # fmt: skip
    assert wanted <= set(manifest["files"])
    assert (tiny_run_dir / "tflite/labels.txt").read_text().split() == ["ball", "kite", "star", "crate"]


def test_a_second_export_does_nothing(tiny_root: Path) -> None:
    began = os.times().children_user
    result = run_json(tiny_root, "export", "--name", TINY)  # asks no backend: `auto` is not even resolved
    assert states(result) == dict.fromkeys(CHAINS["export"], "up_to_date")
    assert os.times().children_user - began < 2  # CPU seconds, so that a busy machine fails nothing


def test_a_second_training_does_nothing_and_more_steps_do_something(tiny_root: Path) -> None:
    stored = ("--name", TINY, "--model", "ssd_mobilenet_v2_quantized_small", "--dataset", "input/drawn", "--batch", "8")
    assert states(run_json(tiny_root, "train", *stored, "--steps", "30")) == {
        **dict.fromkeys(("check", "dataset", "records", "train"), "up_to_date"), "pretrained": "skipped",
    }  # fmt: skip
    status = run_json(tiny_root, "status", *stored, "--steps", "40")
    (train,) = (stage for stage in status["stages"] if stage["stage"] == "train")
    assert (train["state"], train["reason"]) == ("stale", "settings changed: steps 30 -> 40")


def test_the_export_has_scored_every_artefact(tiny_root: Path, tiny_run_dir: Path) -> None:
    result = run_json(tiny_root, "evaluate", "--name", TINY)
    metrics = json.loads((tiny_run_dir / "evaluation/metrics.json").read_text())
    assert result["metrics"] == metrics
    assert set(states(result).values()) == {"up_to_date"}
    assert [entry["artefact"] for entry in metrics] == ARTEFACTS
    ran = [entry for entry in metrics if entry["verdict"] != "not_run"]
    # Only a browser may be missing
    assert len(ran) >= len(ARTEFACTS) - 1
    assert all(0 < entry["ms_median"] <= entry["ms_p95"] and entry["size_bytes"] > 1000 for entry in ran)
    assert all(entry["memory_bytes"] > 10_000_000 for entry in ran)
    by_name = {entry["artefact"]: entry for entry in metrics}
    for artefact in ("frozen_graph", "saved_model"):
        assert by_name[artefact]["map50"] == pytest.approx(by_name["checkpoint"]["map50"], abs=0.001)


@pytest.fixture(scope="module")
def photos(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three test images outside the project."""
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted((tiny_root / "input/tf_csv" / TINY / "images/test").iterdir())[:3]:
        shutil.copy(path, folder)
    return folder


def check_detection(out: Path, photos: Path) -> None:
    with open(out / "detection.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["filename", "width", "height", "class", "score", "xmin", "ymin", "xmax", "ymax"]
    assert len(rows) > 1
    assert {row[1] for row in rows[1:]} == {"320"}
    results = json.loads((out / "detection.json").read_text())
    assert len(results) == len(rows) - 1
    assert {"image_id", "file_name", "category_id", "bbox", "score"} <= set(results[0])
    assert sorted(path.name for path in (out / "annotated").iterdir()) == sorted(path.name for path in photos.iterdir())


def test_detecting_with_tflite(tiny_root: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    flags = ("--name", TINY, "--images", str(photos), "--out", str(tmp_path), "--threshold", "0.001")
    run_json(tiny_root, "detect", *flags, *LOCAL)
    check_detection(tmp_path, photos)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_detecting_with_a_frozen_graph_that_people_have(
    tiny_root: Path, tiny_frozen_dir: Path, photos: Path, tmp_path: Path
) -> None:
    graph = ("--graph", str(tiny_frozen_dir / "frozen_inference_graph.pb"))
    labels = ("--labels", str(tiny_frozen_dir / "label_map.pbtxt"))
    flags = ("--images", str(photos), "--out", str(tmp_path / "out"), "--threshold", "0.001")
    run_json(tiny_root, "detect", *graph, *labels, *flags, *LOCAL)
    check_detection(tmp_path / "out", photos)


def test_a_broken_image_is_named_and_the_rest_is_done(tiny_root: Path, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / "broken.jpg").write_bytes(b"no image")
    flags = ("--name", TINY, "--images", str(folder), "--out", str(tmp_path / "out"), "--threshold", "0.001")
    done = odpipe(tiny_root, "detect", *flags, *LOCAL)
    assert done.returncode == 3
    assert "broken.jpg" in done.stderr
    check_detection(tmp_path / "out", photos)


def test_only_broken_images_are_an_error(tiny_root: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/broken.jpg").write_bytes(b"no image")
    flags = ("--name", TINY, "--images", str(tmp_path / "photos"), "--out", str(tmp_path / "out"))
    done = odpipe(tiny_root, "detect", *flags, *LOCAL)
    assert done.returncode == 3
    assert "detected:" not in done.stderr


def test_an_interrupted_training_is_kept_and_goes_on(tiny_root: Path) -> None:
    training = ("--name", "stopped", "--model", "ssd_mobilenet_v2_quantized_small", "--dataset", "input/drawn", *LOCAL)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "train", *training, "--steps", "400", "--batch", "2"],
        cwd=tiny_root, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    metrics = tiny_root / "output/stopped/train/metrics.jsonl"
    deadline = time.monotonic() + 240
    while not (metrics.exists() and metrics.read_text().count("\n") > 1):
        assert process.poll() is None and time.monotonic() < deadline, "training did not begin"
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does on ^C
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.endswith(
        "error: stopped in stage train; what was finished is kept\nhint: the same command goes on from there\n"
    )
    kept = int(re.findall(r'"model.ckpt-(\d+)"', (tiny_root / "output/stopped/train/checkpoint").read_text())[0])
    done = odpipe(tiny_root, "train", "--name", "stopped", "--steps", str(kept + 2), *LOCAL)
    assert done.returncode == 0, done.stderr
    assert f"resuming at step {kept}" in done.stderr


@pytest.mark.parametrize(
    ("script", "stage", "made"),
    [
        ("tflite_graph2tflite.sh", "tflite", "tflite/detect.tflite"),
        ("saved_model2tfjs.sh", "tfjs", "tensorflow_js/model.json"),
    ],
)
def test_the_published_scripts_make_what_the_stages_make(
    tiny_root: Path, tiny_run_dir: Path, script: str, stage: str, made: str
) -> None:
    shutil.rmtree((tiny_run_dir / made).parent)
    done = subprocess.run(
        [str(tiny_root / "container_scripts" / script), TINY], cwd=tiny_root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tiny_run_dir / made).is_file()
    done = odpipe(tiny_root, stage, "--name", TINY)
    assert f"{stage}  up to date" in done.stderr
