"""`odpipe explain-drop` on a run: three jobs, what they leave, and what is refused before any of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands.broken_limit import explain_break
from pipeline.config import parse_settings
from pipeline.planner import make_plan
from pipeline.runner import JobFailed
from tests.project import copy_project, need_environment


def explain_drop(root: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "explain-drop", "--name", "cats", "--backend", "local", *flags]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("verb") / "project", environments=True)


@pytest.mark.odapi
def test_the_verb_names_the_layer_and_leaves_two_files(project: Path, detector: Path) -> None:
    need_environment("odapi")
    shutil.copytree(detector / "frozen", project / "output/cats/frozen")
    shutil.copytree(detector / "records", project / "input/tf_records/cats")
    (project / "output/cats/tflite").mkdir()
    shutil.copy(detector / "tflite/narrow.tflite", project / "output/cats/tflite/detect.tflite")
    done = explain_drop(project, "--json", "--images", "4")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["first_layer"] == "FeatureExtractor/expand/Relu6"
    assert (told["images"], told["layer_images"], told["page"]) == (4, 4, "output/cats/explain/drop.html")
    folder = project / "output/cats/explain"
    assert sorted(path.name for path in folder.iterdir()) == ["drop.html", "drop.json"]
    assert json.loads((folder / "drop.json").read_text()) == {key: told[key] for key in told if key != "page"}
    assert not (project / "output/cats/.cache/explain").exists()
    assert "range too narrow: the file holds [0, 0.3]" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "explained: output/cats/explain/drop.html, drop.json; next: what it says to do, then make evaluate NAME=cats"
    )


@pytest.mark.odapi
@pytest.mark.tfjs
def test_a_broken_limit_of_a_plain_build_names_the_layer_also_where_there_is_no_other_build(
    project: Path, builds: Path
) -> None:
    run = project / "output/wide"
    # Of an image_resizer that only TensorFlow knows there is neither a fast build nor a TFLite graph
    shutil.copytree(builds / "frozen", run / "frozen", ignore=shutil.ignore_patterns("tflite_graph.pb"))
    shutil.copytree(builds / "plain/scaled", run / "tensorflow_js")
    shutil.copytree(builds / "records", project / "input/tf_records/wide")
    (run / "evaluation").mkdir()
    (run / "evaluation/metrics.json").write_text(json.dumps([{"artefact": "tfjs", "verdict": "broken"}]))
    settings = parse_settings({"name": "wide", "model": "ssd_mobilenet_v2_quantized", "backend": "local"})
    failure = JobFailed("evaluate", 4, message="tfjs lost 3 points", hint="train longer")
    told = explain_break(project, make_plan(project, settings), failure)
    first, second = str(told).splitlines()
    assert first == "tfjs lost 3 points"
    assert second.startswith("tfjs: drop is ")
    assert second.endswith(
        "layers: FeatureExtractor/expand/Relu6: weights differ: all channels have 4 times the checkpoint's weights"
    )
    assert (told.exit_code, told.hint) == (4, "the file is damaged or of another checkpoint: make export NAME=wide")


@pytest.mark.parametrize(
    "flags, code, message, hint",
    [
        (
            ("--artefact", "tflit"), 2,
            "unknown artefact 'tflit'; known: edgetpu, frozen_graph, saved_model, tfjs, tfjs_chromium, tfjs_fast, "
            "tflite, tflite_fast_nms, tflite_float, tflite_regular_nms",
            "did you mean 'tflite'?",
        ),
        (
            ("--artefact", "tfjs", "--name", "dogs"), 4,
            "explain-drop needs output/dogs/tensorflow_js/model.json", "make export NAME=dogs",
        ),
        (
            ("--artefact", "saved_model", "--name", "dogs"), 4,
            "explain-drop needs output/dogs/frozen/saved_model/saved_model.pb", "make export NAME=dogs",
        ),
        (
            ("--model", "faster_rcnn_resnet50", "--name", "dogs", "--artefact", "frozen_graph"), 4,
            "explain-drop needs output/dogs/frozen/frozen_inference_graph.pb", "make export NAME=dogs",
        ),
        (
            ("--artefact", "tfjs_fast", "--name", "dogs"), 4,
            "explain-drop needs output/dogs/tensorflow_js/fast/model.json", "make export NAME=dogs",
        ),
        (
            ("--artefact", "tfjs_chromium", "--name", "birds"), 4,
            "output/birds/tensorflow_js has no fast build",
            "ARTEFACT=tfjs looks into the plain one; output/birds/logs/tfjs.log says why there is no other",
        ),
        (
            ("--model", "faster_rcnn_resnet50", "--name", "dogs", "--artefact", "tfjs_fast"), 2,
            "faster_rcnn_resnet50 is no SSD, and only SSD has a fast browser build; the plain TF.js build does work",
            "make evaluate NAME=dogs compares what it has",
        ),
        (
            ("--model", "faster_rcnn_resnet50", "--name", "dogs", "--artefact", "tfjs"), 2,
            "faster_rcnn_resnet50 is no SSD: its second network sees what the first one has chosen of the image, so "
            "that one box chosen otherwise is another value in every layer after it",
            "make evaluate NAME=dogs compares what it has",
        ),
        (("--images", "0"), 2, "IMAGES is 0; wanted at least 1", "IMAGES=100"),
        (
            ("--name", "dogs"), 4, "explain-drop needs output/dogs/tflite/detect.tflite", "make export NAME=dogs",
        ),
        (
            ("--model", "faster_rcnn_resnet50", "--name", "dogs"), 2,
            "faster_rcnn_resnet50 is no SSD, and only SSD converts to TFLite; "
            "frozen graph, SavedModel and TF.js do work",
            "make evaluate NAME=dogs compares what it has",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_at_once(
    project: Path, flags: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    # Of the birds there is a plain TensorFlow.js model
    (project / "output/birds/tensorflow_js").mkdir(parents=True, exist_ok=True)
    (project / "output/birds/tensorflow_js/model.json").write_text("{}")
    done = explain_drop(project, *flags)
    assert done.returncode == code
    assert done.stderr == f"error: {message}\nhint: {hint}\n"
