"""Records, presets and runs of the training scripts in the odapi environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.models import read_preset
from pipeline.sample import draw_sample
from tests.project import ROOT, need_environment

SCRIPTS = ROOT / "container_scripts"


@pytest.fixture(scope="session")
def odapi_python() -> Path:
    return need_environment("odapi")


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a drawn sample, made by the stages' own jobs: fewer training images than many a batch."""
    folder = tmp_path_factory.mktemp("records")
    draw_sample(folder / "drawn", images=6)
    for job in (
        ["dataset", "--dataset", "drawn", "--format", "auto", "--test-fraction", "0.2", "--seed", "0",
         "--tf-csv-dir", "tf_csv"],
        ["records", "--tf-csv-dir", "tf_csv", "--records-dir", "records"],
    ):  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", f"pipeline.jobs.{job[0]}", *job[1:]]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder / "records"


def small_preset(**changes: Any) -> dict[str, Any]:
    """Return the CPU-sized preset, smaller still, so that a step takes a blink."""
    preset = read_preset("ssd_mobilenet_v2_quantized_small").model_dump()
    preset["pipeline"]["model"]["ssd"]["image_resizer"]["fixed_shape_resizer"] = {"height": 96, "width": 96}
    preset.update(changes)
    return preset


def write_preset(folder: Path, preset: dict[str, Any]) -> Path:
    path = folder / "model.json"
    path.write_text(json.dumps(preset), encoding="utf-8")
    return path


def train_command(python: Path, records: Path, train_dir: Path, **flags: object) -> list[str]:
    options = {"steps": 6, "batch": 2, "seed": 0, **flags}
    words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    script = str(SCRIPTS / "train.py")
    return [str(python), script, f"--records-dir={records}", f"--train-dir={train_dir}", *words]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def screen_lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what people see: without run_job.py, the screen is stderr, which TensorFlow fills as well."""
    known = ("error:", "hint:", "training on", "resuming", "quantization", "interrupted", "trained", "froze", "step ")
    return [line for line in result.stderr.splitlines() if line.startswith(known) or " steps already" in line]


@pytest.fixture(scope="session")
def two_phase_run(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory):
    """Six steps with a batch larger than the training split: four in floating point, two quantized."""
    folder = tmp_path_factory.mktemp("two_phases")
    model = write_preset(folder, small_preset())
    result = run(train_command(odapi_python, records, folder / "train", model=model, batch=6))
    assert result.returncode == 0, result.stderr[-3000:]
    return folder / "train", result
