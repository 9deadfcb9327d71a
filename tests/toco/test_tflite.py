"""container_scripts/tflite.py and tflite_graph2tflite.sh in the real toco environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tests.project import ROOT
from tests.toco.conftest import run_tflite
from tests.toco.flatbuffer import CUSTOM, QUANTIZE, read_operators

pytestmark = pytest.mark.toco


def copy_frozen(source: Path, target: Path, **changes: Any) -> Path:
    """Copy what the conversion reads, with other values in model.json."""
    target.mkdir(parents=True)
    shutil.copy(source / "tflite_graph.pb", target)
    model = json.loads((source / "model.json").read_text(encoding="utf-8"))
    (target / "model.json").write_text(json.dumps({**model, **changes}), encoding="utf-8")
    return target


@pytest.fixture(scope="session")
def float_frozen_dir(toco_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as if it had never been quantized; model.json still says that it is."""
    folder = copy_frozen(tiny_frozen_dir, tmp_path_factory.mktemp("float") / "frozen")
    script = Path(__file__).with_name("without_quantization.py")
    graph = tiny_frozen_dir / "tflite_graph.pb"
    subprocess.run([toco_python, script, graph, folder / "tflite_graph.pb"], check=True, capture_output=True)
    return folder


def test_a_quantized_model_has_operators_of_version_1_only_and_none_that_quantizes(tflite_dir: Path) -> None:
    operators = read_operators(tflite_dir / "detect.tflite")
    assert {operator.version for operator in operators} == {1}
    assert QUANTIZE not in {operator.builtin for operator in operators}
    assert [operator.custom for operator in operators if operator.builtin == CUSTOM] == ["TFLite_Detection_PostProcess"]
    assert operators[-1].builtin == CUSTOM


def test_a_quantized_model_takes_uint8_and_gives_boxes_classes_scores_count(
    tflite_dir: Path, tiny_frozen_dir: Path
) -> None:
    model = json.loads((tiny_frozen_dir / "model.json").read_text(encoding="utf-8"))
    interpreter = Interpreter(model_path=str(tflite_dir / "detect.tflite"))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    assert image["name"] == "normalized_input_image_tensor"
    assert image["shape"].tolist() == [1, model["input_height"], model["input_width"], 3]
    assert image["dtype"] is np.uint8
    scale, zero = image["quantization"]
    assert (scale, zero) == (pytest.approx(1 / 128), 128)
    count = model["max_detections"]
    outputs = [(output["name"], output["shape"].tolist()) for output in interpreter.get_output_details()]
    assert outputs == [
        ("TFLite_Detection_PostProcess", [1, count, 4]),
        ("TFLite_Detection_PostProcess:1", [1, count]),
        ("TFLite_Detection_PostProcess:2", [1, count]),
        ("TFLite_Detection_PostProcess:3", [1]),
    ]


def test_labels_are_in_the_order_of_ids_and_model_json_is_copied(
    toco_python: Path, tflite_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    assert (tflite_dir / "model.json").read_bytes() == (tiny_frozen_dir / "model.json").read_bytes()
    assert sorted(path.name for path in tflite_dir.iterdir()) == ["detect.tflite", "labels.txt", "model.json"]
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen", classes=["zèbre", "driver's cab", "apple"])
    assert run_tflite(toco_python, frozen, tmp_path / "tflite").returncode == 0
    assert (tmp_path / "tflite/labels.txt").read_text(encoding="utf-8") == "zèbre\ndriver's cab\napple\n"


def test_two_conversions_differ_at_most_in_the_order_of_the_post_processing_options(
    toco_python: Path, tflite_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    assert run_tflite(toco_python, tiny_frozen_dir, tmp_path / "tflite").returncode == 0
    first, second = ((folder / "detect.tflite").read_bytes() for folder in (tflite_dir, tmp_path / "tflite"))
    assert len(first) == len(second)
    different = [place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other]
    options = {name: first.find(name) for name in (b"nms_score_threshold\0", b"_output_quantized\0", b"w_scale\0")}
    near = range(min(options.values()) - 512, max(options.values()) + 1024)
    assert all(place in near for place in different)


def test_a_model_without_quantization_becomes_float32(
    toco_python: Path, float_frozen_dir: Path, tmp_path: Path
) -> None:
    frozen = copy_frozen(float_frozen_dir, tmp_path / "frozen", quantized=False)
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 0, done.stderr[-3000:]
    interpreter = Interpreter(model_path=str(tmp_path / "tflite/detect.tflite"))
    assert interpreter.get_input_details()[0]["dtype"] is np.float32


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines meant for people; TensorFlow's own are left out."""
    return [line for line in done.stderr.splitlines() if line.startswith(("error: ", "hint: "))]


def test_a_graph_without_ranges_is_no_quantized_model(
    toco_python: Path, float_frozen_dir: Path, tmp_path: Path
) -> None:
    done = run_tflite(toco_python, float_frozen_dir, tmp_path / "tflite")
    assert done.returncode == 4
    graph = float_frozen_dir / "tflite_graph.pb"
    assert said(done) == [
        f"error: {graph}: model.json says 'quantized', but the graph lacks the ranges of its values",
        "hint: it was trained without quantization; train on with it, then export again",
    ]


def test_a_file_with_another_number_of_detections_is_refused(
    toco_python: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen", max_detections=7)
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 4
    (line,) = said(done)
    found = f"error: {tmp_path}/tflite/detect.tflite: its outputs are [('TFLite_Detection_PostProcess', [1, "
    assert line.startswith(found)
    assert "not [('TFLite_Detection_PostProcess', [1, 7, 4], 'float32')" in line


def test_faster_rcnn_is_refused_before_tensorflow_is_imported(toco_python: Path, tmp_path: Path) -> None:
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    (frozen / "model.json").write_text('{"architecture": "faster_rcnn"}')
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 2
    # The whole of stderr: TensorFlow 1.15 cannot be imported without a word on it.
    assert done.stderr == (
        "error: Faster R-CNN does not convert to TFLite; only SSD models do, "
        f"and {frozen}/model.json says 'faster_rcnn'\n"
        "hint: train an ssd_* model, or use this one as a frozen graph or in the browser (make tfjs)\n"
    )
    assert not (tmp_path / "tflite").exists()


def test_a_missing_graph_is_named(toco_python: Path, tiny_frozen_dir: Path, tmp_path: Path) -> None:
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen")
    (frozen / "tflite_graph.pb").unlink()
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: stage tflite needs {frozen}/tflite_graph.pb\n"
        "hint: make the frozen graph again: make export MODEL=...\n"
    )


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


@pytest.mark.parametrize("arguments, environment", [(["cats"], {}), ([], {"MODEL_NAME": "cats"})])
def test_the_published_command_replaces_an_older_model(
    project: Path, tiny_frozen_dir: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    copy_frozen(tiny_frozen_dir, project / "output/cats/frozen")
    (project / "output/cats/tflite").mkdir()
    (project / "output/cats/tflite/old").touch()
    done = run_shell(project, *arguments, **environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "output/cats/tflite\n"
    assert sorted(path.name for path in (project / "output/cats/tflite").iterdir()) == [
        "detect.tflite",
        "labels.txt",
        "model.json",
    ]
    assert sorted(path.name for path in (project / "output/cats").iterdir()) == ["frozen", "tflite"]


def test_the_published_command_leaves_nothing_of_a_conversion_that_failed(project: Path, tiny_frozen_dir: Path) -> None:
    copy_frozen(tiny_frozen_dir, project / "output/cats/frozen", max_detections=7)
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
