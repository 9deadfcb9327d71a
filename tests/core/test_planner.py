"""What a run is exported with: the training's settings, odpipe.yaml as it is now, what the command line says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.planner import plan_trained
from tests.project import copy_project

TRAINED = "model: ssd_mobilenet_v2_quantized\nname: cats\nsteps: 300\nnms: regular\nmax_detections: 20\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run that was trained once, and an odpipe.yaml that was changed since."""
    folder = tmp_path / "output/cats/train"
    folder.mkdir(parents=True)
    (folder / "settings.yaml").write_text(TRAINED)
    (tmp_path / "odpipe.yaml").write_text("nms: fast\ntolerance: 2\nsteps: 9\n")
    return tmp_path


def test_how_a_run_is_exported_is_for_odpipe_yaml_and_the_command_line_to_say(root: Path) -> None:
    settings = plan_trained(root, {"name": "cats", "tolerance": None, "max_detections": 50}).settings
    assert (settings.nms, settings.tolerance, settings.max_detections) == ("fast", "2", 50)
    assert plan_trained(root, {"name": "cats", "tolerance": "tflite=1", "nms": "regular"}).settings.nms == "regular"


def test_how_a_run_was_trained_is_not(root: Path) -> None:
    assert plan_trained(root, {"name": "cats"}).settings.steps == 300


def test_a_container_plans_an_export_by_its_environment(tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project")
    environment = {
        "NAME": "cats",
        "NMS": "fast",
        "MAX_DETECTIONS": "7",
        "TOLERANCE": "tflite=3",
        "TFJS_WEIGHTS": "uint8",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "plan"],
        cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settings = {
        stage: json.loads((root / f"output/cats/.jobs/{stage}.json").read_text())["settings"]
        for stage in ("metrics", "tflite", "tfjs")
    }
    assert settings["metrics"] == {
        "tfjs_weights": "uint8", "nms": "fast", "max_detections": 7, "tolerance": "tflite=3",
    }  # fmt: skip
    assert (settings["tflite"]["nms"], settings["tflite"]["max_detections"]) == ("fast", 7)
    assert settings["tfjs"]["weights"] == "uint8"
