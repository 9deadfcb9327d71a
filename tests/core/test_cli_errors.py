"""What a person reads when something is wrong: the whole message, the hint, the exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.models import preset_names
from tests.project import copy_project

MODELS_KNOWN = ", ".join(preset_names())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def odpipe(project: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command line in a project; return exit code, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=project, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_no_dataset(project: Path) -> None:
    assert odpipe(project, "train", "--dataset", "input/nothing") == (
        3,
        "",
        "error: no dataset at input/nothing\n"
        "hint: put your labelled images there, or name their folder, tar or zip: DATASET=path\n",
    )


def test_an_unknown_model_is_guessed(project: Path) -> None:
    assert odpipe(project, "train", "--model", "ssd_mobilnet_v2") == (
        2,
        "",
        f"error: unknown model 'ssd_mobilnet_v2'; known: {MODELS_KNOWN}\nhint: did you mean 'ssd_mobilenet_v2'?\n",
    )


@pytest.mark.parametrize("verb", ["freeze", "tflite", "tfjs", "export", "evaluate"])
def test_exporting_before_training(project: Path, verb: str) -> None:
    assert odpipe(project, verb, "--name", "cats") == (
        4,
        "",
        "error: stage freeze needs output/cats/train/checkpoint\n"
        "hint: make train NAME=cats (or: docker compose up train)\n",
    )
    assert not (project / "output/cats").exists()


def test_detecting_before_exporting(project: Path, tmp_path: Path) -> None:
    assert odpipe(project, "detect", "--name", "cats", "--images", str(tmp_path)) == (
        4,
        "",
        "error: detect needs output/cats/tflite/detect.tflite or output/cats/frozen/frozen_inference_graph.pb\n"
        "hint: make export NAME=cats\n",
    )


def test_faster_rcnn_has_no_tflite_form(project: Path) -> None:
    assert odpipe(project, "tflite", "--model", "faster_rcnn_inception_v2") == (
        2,
        "",
        "error: faster_rcnn_inception_v2 is no SSD, and only SSD converts to TFLite; frozen graph, SavedModel and "
        "TF.js do work\n"
        "hint: make tfjs NAME=faster_rcnn_inception_v2, or train an SSD: MODEL=ssd_mobilenet_v2_quantized\n",
    )


def test_docker_is_asked_for_and_no_engine_answers(project: Path, tmp_path: Path) -> None:
    (project / "input/supervisely").mkdir()
    (project / "input/supervisely/meta.json").write_text("{}")
    address = f"unix://{tmp_path}/none.sock"
    assert odpipe(project, "train", "--backend", "docker", DOCKER_HOST=address) == (
        5,
        "",
        f"error: no Docker engine answers at {address}\nhint: start Docker, or use BACKEND=local\n",
    )


def test_no_python_3_7_is_to_be_had(project: Path, tmp_path: Path) -> None:
    (project / "output/cats/train").mkdir(parents=True)
    (project / "output/cats/train/checkpoint").write_text("x")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    (tools / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    (tools / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
    code, out, err = odpipe(
        project, "freeze", "--name", "cats", "--backend", "local",
        PATH=str(tools), PYENV_ROOT=str(tmp_path), HOME=str(tmp_path),
    )  # fmt: skip
    assert (code, out, err) == (
        5,
        "",
        "error: no Python 3.7 on PATH, in pyenv, or to be had through micromamba, mamba, conda; TensorFlow needs "
        "exactly that version\n"
        "hint: install one (pyenv install 3.7, or micromamba), or start Docker and use BACKEND=docker\n",
    )


def test_images_that_are_not_there(project: Path) -> None:
    done = odpipe(project, "detect", "--images", "nowhere")
    assert done == (2, "", "error: there is nothing at nowhere\nhint: IMAGES=folder, a file, a video or a pattern\n")


def test_a_graph_without_its_labels(project: Path, tmp_path: Path) -> None:
    for name in ("graph.pb", "photo.jpg"):
        (tmp_path / name).write_text("")
    arguments = ("detect", "--images", str(tmp_path), "--graph", str(tmp_path / "graph.pb"))
    assert odpipe(project, *arguments) == (
        2,
        "",
        "error: GRAPH needs a label map that names its classes\n"
        "hint: LABELS=label_map.pbtxt, or labels.txt with a name a line, or lines of `id name`\n",
    )


def test_programs_get_the_error_as_json(project: Path) -> None:
    code, out, _ = odpipe(project, "export", "--name", "cats", "--json")
    assert (code, json.loads(out)) == (
        4,
        {
            "error": "stage freeze needs output/cats/train/checkpoint",
            "hint": "make train NAME=cats (or: docker compose up train)",
            "exit_code": 4,
        },
    )


def test_a_name_that_was_trained_with_another_model(project: Path) -> None:
    (project / "output/cats/train").mkdir(parents=True)
    (project / "output/cats/train/settings.yaml").write_text("model: ssd_mobilenet_v2\nname: cats\n")
    assert odpipe(project, "export", "--name", "cats", "--model", "ssd_mobilenet_v2_quantized") == (
        2,
        "",
        "error: cats was trained with ssd_mobilenet_v2, not with ssd_mobilenet_v2_quantized\n"
        "hint: leave MODEL out, or train it under another NAME: make train MODEL=ssd_mobilenet_v2_quantized NAME=...\n",
    )


def test_status_of_a_run_that_does_not_exist_writes_nothing(project: Path) -> None:
    code, out, _ = odpipe(project, "status", "--name", "cats", "--json")
    states = {stage["stage"]: (stage["state"], stage["reason"]) for stage in json.loads(out)["stages"]}
    assert code == 0
    assert states["train"] == ("stale", "has not run yet")
    assert "edgetpu" not in states, "it runs only when it is asked for"
    assert not (project / "output/cats").exists()


def test_a_bug_is_said_to_be_one(project: Path) -> None:
    (project / "pipeline/commands/status.py").write_text("def status(root, given):\n    raise RuntimeError('oh')\n")
    code, _, err = odpipe(project, "status")
    assert code == 70
    assert err == "error: a bug of ours: RuntimeError: oh\nhint: please report it with output/odpipe-crash.log\n"
    assert "RuntimeError: oh" in (project / "output/odpipe-crash.log").read_text()
