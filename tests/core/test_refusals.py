"""What a model cannot become is said in the first second: before an environment is made or a job is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.models import read_preset
from pipeline.planner import make_plan
from tests.project import copy_project

TWO_STAGES = "faster_rcnn_resnet50"
WHY = f"{TWO_STAGES} is no SSD, and only SSD converts to TFLite; frozen graph, SavedModel and TF.js do work"
A_DETECTOR = "MODEL=ssd_mobilenet_v2_quantized"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without environments, in which a Faster R-CNN was trained: whatever starts a job fails."""
    root = copy_project(tmp_path_factory.mktemp("refusals") / "project")
    train = root / "output/cats/train"
    train.mkdir(parents=True)
    (train / "settings.yaml").write_text(f"model: {TWO_STAGES}\nname: cats\nbackend: local\n")
    (train / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-1"\n')
    return root


def odpipe(project: Path, *arguments: str) -> tuple[int, str]:
    """Run the command line where no other program can be found; return exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=project, capture_output=True, text=True, env={**os.environ, "PATH": "/nowhere"}, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def assert_nothing_began(project: Path) -> None:
    """See that no job was planned, and that no environment was begun."""
    assert sorted(path.name for path in (project / "output/cats").iterdir()) == ["train"]
    assert not (project / ".envs").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("tflite",), WHY, f"make tfjs NAME=cats, or train an SSD: {A_DETECTOR}"),
        (("edgetpu",), WHY, f"train a model that is made for it: {A_DETECTOR}"),
        (("preflight",), WHY, f"train an SSD: {A_DETECTOR}"),
        (
            ("export", "--tfjs-weights", "uint8"),
            f"TFJS_WEIGHTS is of the browser's fast build, and {WHY}",
            f"leave TFJS_WEIGHTS out, or train an SSD: {A_DETECTOR}",
        ),
        (
            ("tfjs", "--nms", "fast"),
            f"NMS is of the post-processing of TFLite, and {WHY}",
            f"leave NMS out, or train an SSD: {A_DETECTOR}",
        ),
    ],
)
def test_what_only_an_ssd_becomes_is_refused_before_a_job_starts(
    project: Path, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    verb, *options = arguments
    assert odpipe(project, verb, "--name", "cats", *options) == (2, f"error: {message}\nhint: {hint}\n")
    assert_nothing_began(project)


def test_a_model_of_operators_that_the_edge_tpu_lacks_is_not_compiled_for_it(project: Path) -> None:
    assert odpipe(project, "edgetpu", "--model", "ssdlite_mobilenet_v3_small", "--name", "dogs") == (
        2,
        "error: ssdlite_mobilenet_v3_small is not made for the Edge TPU; make models lists those that are\n"
        f"hint: train a model that is made for it: {A_DETECTOR}\n",
    )
    assert not (project / "output/dogs").exists()


def test_an_export_begins_with_what_it_will_not_make(project: Path) -> None:
    _, told = odpipe(project, "export", "--name", "cats")
    assert told.splitlines()[0] == (
        f"{TWO_STAGES} becomes: frozen graph, SavedModel, TensorFlow.js; not: TFLite, the browser's fast build, "
        f"Edge TPU, Frigate ({WHY})"
    )


def test_a_training_begins_with_what_it_will_not_become(project: Path) -> None:
    code, told = odpipe(project, "train", "--model", TWO_STAGES, "--dataset", "input/nothing", "--name", "new")
    assert (code, told.split(" ")[:2]) == (3, [TWO_STAGES, "becomes:"])


@pytest.mark.parametrize(
    ("text", "architecture"),
    [
        ("model {\n  ssd {\n    num_classes: 3\n", "ssd"),
        ("# mine\nmodel: {\n  # as in the paper\n  faster_rcnn {\n", "faster_rcnn"),
        ("train_config {\n  batch_size: 2\n}\nmodel { context_rcnn {", "context_rcnn"),
        ("train_config {\n}\n", "ssd"),
    ],
)
def test_a_config_of_ones_own_says_what_the_model_is(tmp_path: Path, text: str, architecture: str) -> None:
    (tmp_path / "own.config").write_text(text)
    plan = make_plan(tmp_path, Settings(config="own.config"))
    assert plan.architecture == architecture
    assert read_preset(plan.settings.model).architecture == "ssd"
