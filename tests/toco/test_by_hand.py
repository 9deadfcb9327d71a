"""container_scripts/tflite_graph2tflite.sh: the published command, in the real toco environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT
from tests.toco.conftest import copy_frozen

pytestmark = pytest.mark.toco


@pytest.fixture
def project(toco_python: Path, tmp_path: Path) -> Path:
    """A project folder with the scripts and the toco environment."""
    for name in ("container_scripts", "pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".envs").mkdir()
    (tmp_path / ".envs/toco").symlink_to(toco_python.parent.parent)
    return tmp_path


def run_shell(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = project / "container_scripts/tflite_graph2tflite.sh"
    variables = {name: value for name, value in os.environ.items() if name != "MODEL_NAME"}
    return subprocess.run([script, *arguments], env={**variables, **environment}, capture_output=True, text=True)


def test_the_published_command_replaces_an_older_model(project: Path, tiny_frozen_dir: Path) -> None:
    copy_frozen(tiny_frozen_dir, project / "output/cats/frozen")
    (project / "output/cats/tflite").mkdir()
    (project / "output/cats/tflite/old").touch()
    done = run_shell(project, MODEL_NAME="cats")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "output/cats/tflite\n"
    assert sorted(path.name for path in (project / "output/cats/tflite").iterdir()) == [
        "detect.tflite",
        "detect_float.tflite",
        "labels.txt",
        "model.json",
    ]
    assert sorted(path.name for path in (project / "output/cats").iterdir()) == ["frozen", "tflite"]


def test_the_published_command_leaves_nothing_of_a_failed_conversion(project: Path, float_frozen_dir: Path) -> None:
    copy_frozen(float_frozen_dir, project / "output/cats/frozen", quantized=True)
    assert run_shell(project, "cats").returncode == 4
    assert [path.name for path in (project / "output/cats").iterdir()] == ["frozen"]


def test_the_published_command_says_what_it_needs(project: Path) -> None:
    done = run_shell(project)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no MODEL_NAME\nhint: tflite_graph2tflite.sh cats   (or MODEL_NAME=cats tflite_graph2tflite.sh)\n",
    )
    done = run_shell(project, "dogs")
    assert (done.returncode, done.stderr) == (
        3,
        "error: stage tflite needs output/dogs/frozen\nhint: make export MODEL=dogs\n",
    )
    done = run_shell(project, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tflite_graph2tflite.sh [MODEL_NAME]\n")
