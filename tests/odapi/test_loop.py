"""What the loop decides: the same run from the same seed, an early end of each phase, a finished run left alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.odapi.conftest import run, small_preset, train_command, write_preset
from tests.odapi.test_train import read_metrics

pytestmark = pytest.mark.odapi

REPEAT = Path(__file__).with_name("repeat_training.py")
FIRST_LOSSES = 20


def without_quantization() -> dict:
    preset = small_preset()
    del preset["pipeline"]["graph_rewriter"]
    return preset


def test_the_same_seed_gives_the_same_first_losses(odapi_python: Path, records: Path, tmp_path: Path):
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"eval_every": 0, "device": "cpu"}))
    arguments = train_command(
        odapi_python, records, tmp_path / "train", model=write_preset(tmp_path, without_quantization()),
        steps=FIRST_LOSSES, options=options,
    )[2:]  # fmt: skip
    command = [str(odapi_python), str(REPEAT), "3,3", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lives = json.loads(done.stdout.splitlines()[-1])
    assert [life["code"] for life in lives] == [0, 0], lives[0]["lines"][-5:]
    losses = [[line["loss"] for line in read_metrics(tmp_path / f"train.{number}")] for number in range(2)]
    assert [len(one) for one in losses] == [FIRST_LOSSES] * 2
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == FIRST_LOSSES


def test_patience_ends_the_float_phase_and_then_the_quantized_one(odapi_python: Path, records: Path, tmp_path: Path):
    patience, every, steps = 2, 2, 400
    options = tmp_path / "options.json"
    # At this rate nothing is learned, so that no evaluation stays better for long
    options.write_text(json.dumps({"eval_every": every, "patience": patience, "learning_rate": 1e-7}))
    command = train_command(
        odapi_python, records, tmp_path / "train", model=write_preset(tmp_path, small_preset()),
        steps=steps, options=options,
    )  # fmt: skip
    result = run(command)
    assert result.returncode == 0, result.stderr[-3000:]
    evaluations = [line for line in read_metrics(tmp_path / "train") if "map" in line]
    ends = {}
    for quantized in (False, True):
        phase = [line for line in evaluations if line["quantized"] == quantized]
        scores = [line["map"] for line in phase]
        assert max(scores[:-patience]) >= max(scores[-patience:])
        assert all(
            max(scores[: n - patience]) < max(scores[n - patience : n]) for n in range(patience + 1, len(scores))
        )
        ends[quantized] = phase[-1]["step"]
    assert ends[False] < 0.75 * steps
    assert [line["step"] for line in evaluations] == list(range(every, ends[True] + 1, every))
    why = f"no better mAP in {patience} evaluations (PATIENCE)"
    said = result.stderr.splitlines()
    assert f"quantization from step {ends[False]} on, earlier than planned: {why}" in said
    assert f"step {ends[True]} of {steps} is the last: {why}" in said
    assert f"trained {ends[True]} steps" in said

    again = run(command)  # nothing is left to do, and nothing is done
    assert again.returncode == 0, again.stderr[-3000:]
    assert f"step {ends[True]} of {steps} is the last: {why}" in again.stderr.splitlines()
    assert [line for line in read_metrics(tmp_path / "train") if "map" in line] == evaluations
