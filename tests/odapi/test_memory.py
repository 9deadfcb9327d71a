"""Out of memory, for real: TensorFlow's and Python's own errors become advice; a kill finds the figures it left."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.odapi.conftest import SCRIPTS, run, small_preset, train_command, write_preset
from tests.odapi.test_train import run_code

pytestmark = pytest.mark.odapi

# 400 images of 300x300x32 floats are 4.6 GB, which an address space of 2 GB more does not have
CODE = """
import resource, sys, memory, tensorflow as tf
memory.read_limit = lambda: memory.read_process_memory("VmRSS") + int(2e9)
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    images = tf.random.uniform([400, 300, 300, 32])
    session.run(tf.constant(0))
    used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (used * 1024 + int(2e9),) * 2)
    with memory.MemoryWatch(sys.argv[1], batch=400):
        session.run(images)
"""


def test_tensorflow_without_memory_says_which_batch_would_fit(odapi_python: Path, tmp_path: Path):
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "CUDA_VISIBLE_DEVICES": "-1"}
    path = tmp_path / "memory.json"
    done = subprocess.run(
        [str(odapi_python), "-c", CODE, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 4, done.stderr[-3000:]
    error, hint = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "hint: "))]
    assert error.startswith(
        "error: out of memory on the machine with 400 images a step: OOM when allocating tensor with "
        "shape[400,300,300,32] and type float"
    )
    figures = json.loads(path.read_text())
    assert figures["peak_bytes"] - figures["before_bytes"] == pytest.approx(400 * 300 * 300 * 32 * 4, rel=0.02)
    fitting = int(hint.split("BATCH=")[1].split(":")[0])
    assert 100 < fitting < 200
    assert f"hint: BATCH={fitting}: 400 images want 4." in hint


def test_advice_is_never_more_than_half_of_what_failed_and_never_none(odapi_python: Path):
    code = """
import json, memory
read = memory.read_process_memory
def advise(batch, before, peak, limit, **more):
    figures = {"before_bytes": before * 10**9, "peak_bytes": peak * 10**9, "limit_bytes": limit * 10**9}
    return memory.advise(dict(figures, batch=batch), **more).split(":")[0]
print(json.dumps([advise(16, 1, 9, 5), advise(16, 1, 5, 100), advise(16, 1, 5, 5, failed=False), advise(16, 8, 9, 5),
                  advise(1, 1, 9, 5), advise(16, 1, 9, 5, on_gpu=True)[:8],
                  *map(memory.find_wanted_bytes, ("shape[2,3] and type half", "shape[] and type float", "out of luck")),
                  memory.format_bytes(2040109466), memory.format_bytes(340 * 2**20),
                  0 < read("VmRSS") <= read("VmHWM") < memory.read_limit()]))
"""
    assert json.loads(run_code(odapi_python, code)) == [
        "BATCH=7", "BATCH=8", "BATCH=14", "BATCH=1", "one image a step is too much", "BATCH=8 ",
        12, 4, 0, "1.9 GB", "340 MB", True,
    ]  # fmt: skip


def test_a_batch_that_nobody_asked_for_is_lowered_to_what_memory_holds(
    odapi_python: Path, records: Path, tmp_path: Path
):
    model = write_preset(tmp_path, small_preset(quantized=False))
    (tmp_path / "options.json").write_text('{"choose_batch": true, "eval_every": 0}')
    flags = {"model": model, "steps": 1, "batch": 4, "options": tmp_path / "options.json"}
    command = train_command(odapi_python, records, tmp_path / "train", **flags)
    code = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
import memory
# What is there already, and room for two and a half images of 96x96 pixels of this model (about 10 MB each)
memory.read_available = lambda: (memory.read_process_memory("VmRSS") + 25e6) / memory.USABLE
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    done = run([command[0], "-c", code, *command[1:]])
    assert done.returncode == 0, done.stderr[-3000:]
    said = next(line for line in done.stderr.splitlines() if "not the model's 4" in line)
    fitting = int(said.split(" images a step")[0])
    assert 1 <= fitting < 4
    assert f"batch_size: {fitting}\n" in (tmp_path / "train" / "pipeline.config").read_text()
    assert "trained 1 steps" in done.stderr
