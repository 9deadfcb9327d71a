"""A training that is killed with SIGKILL at random moments goes on from a whole checkpoint, and loses nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.odapi.conftest import small_preset, train_command, write_preset
from tests.odapi.test_train import read_metrics, run_code

pytestmark = pytest.mark.odapi

KILLER = Path(__file__).with_name("kill_training.py")
KEPT = 3


@pytest.mark.parametrize(("kills", "steps", "delay"), [(3, 48, 24), pytest.param(10, 159, 60, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_as_if_nothing_had_been(
    kills: int, steps: int, delay: int, odapi_python: Path, records: Path, tmp_path: Path
):
    train_dir = tmp_path / "train"
    preset = small_preset(steps=steps)
    preset["pipeline"]["graph_rewriter"]["quantization"]["delay"] = delay
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"eval_every": 3, "keep": KEPT}))
    arguments = train_command(
        odapi_python, records, train_dir, model=write_preset(tmp_path, preset), steps=steps, options=options
    )[2:]
    killer = [str(odapi_python), str(KILLER), str(kills), "7", "0.3", *arguments]
    done = subprocess.run(killer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lives = json.loads(done.stdout.splitlines()[-1])

    assert [life["code"] for life in lives] == [-9] * kills + [0], lives[-1]["lines"][-5:]
    for before, life in zip(lives, lives[1:], strict=False):
        torn = [line for line in life["lines"] if "is not used: it is torn" in line]
        resumed = [int(line.split()[-1]) for line in life["lines"] if line.startswith("resuming at step ")]
        expected = before["newest"] if not torn else max(resumed, default=0)
        assert resumed == ([expected] if expected else []), (before["newest"], torn)
    assert f"trained {steps} steps" in lives[-1]["lines"]

    metrics = read_metrics(train_dir)  # every line is whole, or this fails
    for kind in ("loss", "map"):
        numbers = [line["step"] for line in metrics if kind in line]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == steps
    assert [line["step"] for line in metrics if "map" in line] == list(range(3, steps + 1, 3))
    names = {path.name for path in train_dir.rglob("*")}
    assert not [name for name in names if name.endswith(".part") or "_temp_" in name]
    assert len(list(train_dir.glob("model.ckpt-*.index"))) <= KEPT
    (best,) = (train_dir / "best").glob("*.index")
    entry = json.loads((train_dir / "best.json").read_text())
    quantized = [line for line in metrics if line.get("quantized")]
    assert entry["prefix"] == f"best/{best.stem}"
    assert (entry["quantized"], entry["map"]) == (True, max(line["map"] for line in quantized))
    assert (
        run_code(
            odapi_python,
            f"from checkpoints import checkpoint_files; print(checkpoint_files.describe_damage({str(best)[:-6]!r}))",
        )
        == "None"
    )
