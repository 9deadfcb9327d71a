"""The stage edgetpu with a stand-in for Google's compiler, which cannot be had here: it speaks as the real one does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import parse_settings
from pipeline.planner import make_plan, write_specs
from tests.preflight.models import detector
from tests.project import copy_project

SPEAKS = """#!{python}
import pathlib, shutil, sys
folder, model = sys.argv[3:]
print("Edge TPU Compiler version 16.0.384591198")
if {fails}:
    print("ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version might be supported.")
    sys.exit({fails})
shutil.copyfile(model, pathlib.Path(folder) / "detect_edgetpu.tflite")
print('''On-chip memory used for caching model parameters: 1.00KiB

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type''')
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = copy_project(tmp_path / "project")
    (root / "output/cats/tflite").mkdir(parents=True)
    detector().write(root / "output/cats/tflite/detect.tflite")
    return root


def compile_cats(project: Path, *, fails: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the stage's script; `fails` is the stand-in's exit code, None when there is no compiler at all."""
    tools = project / "tools"
    tools.mkdir(exist_ok=True)
    if fails is not None:
        tool = tools / "edgetpu_compiler"
        tool.write_text(SPEAKS.format(python=sys.executable, fails=fails))
        tool.chmod(0o755)
    output = "output/cats/edgetpu/detect_edgetpu"
    command = ["container_scripts/edgetpu.py", "--tflite-dir", "output/cats/tflite", "--compiled", f"{output}.tflite"]
    return subprocess.run(
        [sys.executable, *command, "--log", f"{output}.log"], cwd=project, env={**os.environ, "PATH": str(tools)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_compiled_model_and_what_the_compiler_said_are_kept(project: Path) -> None:
    done = compile_cats(project, fails=0)
    assert done.returncode == 0, done.stderr
    made = sorted(path.name for path in (project / "output/cats/edgetpu").iterdir())
    assert made == ["detect_edgetpu.log", "detect_edgetpu.tflite"]
    compare = [sys.executable, "-m", "pipeline", "preflight", "--name", "cats", "--json"]
    told = subprocess.run(
        [*compare, "--log", "output/cats/edgetpu/detect_edgetpu.log"], cwd=project, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    log = json.loads(told.stdout)["log"]
    assert (log["compiler"], log["cached_bytes"], log["differences"]) == ("16.0.384591198", 1024, [])


def test_a_compiler_that_refuses_leaves_nothing_and_is_quoted(project: Path) -> None:
    done = compile_cats(project, fails=1)
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "error: edgetpu_compiler does not compile output/cats/tflite/detect.tflite: ERROR: Didn't find op for builtin "
        "opcode 'CONV_2D' version '6'. An older version might be supported.",
        "hint: what is in the way, and what to do: odpipe preflight output/cats/tflite/detect.tflite",
    ]
    assert list((project / "output/cats/edgetpu").iterdir()) == []


def test_both_stages_run_as_jobs_and_only_once(project: Path) -> None:
    compile_cats(project, fails=0)  # leaves the stand-in
    shutil.rmtree(project / "output/cats/edgetpu")
    write_specs(project, make_plan(project, parse_settings({"model": "ssd_mobilenet_v2_quantized", "name": "cats"})))
    environment = {**os.environ, "PATH": f"{project / 'tools'}:{os.environ['PATH']}"}
    for again in (False, True):
        for stage in ("preflight", "edgetpu"):
            command = [sys.executable, "container_scripts/run_job.py", stage, "--run", "cats"]
            done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert (f"{stage}  up to date" in done.stderr) is again, done.stderr
    made = sorted(path.name for path in (project / "output/cats/edgetpu").iterdir())
    assert made == ["detect_edgetpu.log", "detect_edgetpu.tflite", "preflight.json"]


def test_without_the_compiler_it_says_where_it_is_had(project: Path) -> None:
    done = compile_cats(project)
    assert done.returncode == 4
    assert done.stderr.startswith(
        "error: edgetpu_compiler is not on PATH\nhint: https://coral.ai/docs/edgetpu/compiler"
    )
    shutil.rmtree(project / "output/cats/tflite")
    assert compile_cats(project).stderr.startswith("error: stage edgetpu needs output/cats/tflite/detect.tflite")
