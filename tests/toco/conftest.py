"""What the tests of the TFLite conversion share: conversions of the tiny model."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT, need_environment

SCRIPT = ROOT / "container_scripts" / "tflite.py"


@pytest.fixture(scope="session")
def toco_python() -> Path:
    return need_environment("toco")


def run_tflite(python: Path, frozen_dir: Path, tflite_dir: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a job does, but without the environment's bin folder on PATH."""
    return subprocess.run(
        [python, SCRIPT, "--frozen-dir", frozen_dir, "--tflite-dir", tflite_dir, *flags],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines meant for people; TensorFlow's own are left out."""
    return [line for line in done.stderr.splitlines() if line.startswith(("error: ", "hint: "))]


def copy_frozen(source: Path, target: Path, **changes: Any) -> Path:
    """Copy what the conversion reads, with other values in model.json."""
    target.mkdir(parents=True)
    shutil.copy(source / "tflite_graph.pb", target)
    model = json.loads((source / "model.json").read_text(encoding="utf-8"))
    (target / "model.json").write_text(json.dumps({**model, **changes}), encoding="utf-8")
    return target


def convert(python: Path, frozen_dir: Path, folder: Path, *flags: str) -> Path:
    done = run_tflite(python, frozen_dir, folder, *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def tflite_dir(toco_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, converted as it is by default."""
    return convert(toco_python, tiny_frozen_dir, tmp_path_factory.mktemp("converted") / "tflite")


@pytest.fixture(scope="session")
def fast_tflite_dir(toco_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with fast suppression, few boxes, and other names of its classes."""
    folder = tmp_path_factory.mktemp("fast")
    frozen = copy_frozen(tiny_frozen_dir, folder / "frozen", classes=["zèbre", "driver's cab", "apple", "4"])
    return convert(toco_python, frozen, folder / "tflite", "--nms", "fast", "--max-detections", "7")


@pytest.fixture(scope="session")
def float_frozen_dir(toco_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as if it had never been quantized; model.json still says that it is."""
    folder = copy_frozen(tiny_frozen_dir, tmp_path_factory.mktemp("float") / "frozen")
    script = Path(__file__).with_name("without_quantization.py")
    graph = tiny_frozen_dir / "tflite_graph.pb"
    subprocess.run([toco_python, script, graph, folder / "tflite_graph.pb"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def int8_dir(
    toco_python: Path, float_frozen_dir: Path, tiny_records_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny model quantized after training."""
    folder = tmp_path_factory.mktemp("int8")
    frozen = copy_frozen(float_frozen_dir, folder / "frozen", quantized=False)
    return convert(toco_python, frozen, folder / "tflite", "--records-dir", str(tiny_records_dir))
