"""What the tests of the TFLite conversion share: one conversion of the tiny model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT, need_environment

SCRIPT = ROOT / "container_scripts" / "tflite.py"


@pytest.fixture(scope="session")
def toco_python() -> Path:
    return need_environment("toco")


def run_tflite(python: Path, frozen_dir: Path, tflite_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as a job does, but without the environment's bin folder on PATH."""
    return subprocess.run(
        [python, SCRIPT, "--frozen-dir", frozen_dir, "--tflite-dir", tflite_dir],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def tflite_dir(toco_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, converted."""
    folder = tmp_path_factory.mktemp("converted") / "tflite"
    done = run_tflite(toco_python, tiny_frozen_dir, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
