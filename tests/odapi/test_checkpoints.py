"""Torn checkpoints, the best one, and which one is exported: all of check_checkpoints.py, which is one process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.odapi

CHECKS = Path(__file__).with_name("check_checkpoints.py")
WORDS = "CHECKPOINT=best, last, one of these steps, or the path of a checkpoint without its .index"


@pytest.fixture(scope="module")
def found(odapi_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("checkpoints")
    done = subprocess.run([str(odapi_python), str(CHECKS), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_a_torn_checkpoint_is_passed_over_and_said(found):
    torn = found["torn"]
    assert {name: chosen for name, (chosen, _) in torn.items()} == dict.fromkeys(torn, "model.ckpt-200")
    for name, (_, said) in torn.items():
        (line,) = said
        reason = "w holds values that are no numbers (NaN)" if name == "NaN" else "it is torn or incomplete ("
        assert line.startswith(f"model.ckpt-300 is not used: {reason}"), name


def test_the_best_checkpoint_is_the_one_of_the_highest_map(found):
    choice = found["choice"]
    assert choice["float"]["best"] == ["best/model.ckpt-200", []]
    assert choice["float"]["last"] == ["model.ckpt-300", []]
    assert choice["float"]["100"] == ["model.ckpt-100", []]
    assert choice["path"][:2] == [["model.ckpt-300", []]] * 2


def test_a_quantized_checkpoint_beats_a_float_one_of_the_same_run(found):
    choice = found["choice"]
    assert choice["quantized"]["best"] == ["best/model.ckpt-300", []]
    assert choice["not yet"]["best"] == ["best/model.ckpt-100", []]
    assert choice["unevaluated since"]["best"] == [
        "model.ckpt-300", ["step 200 scored best before quantization, and nothing was evaluated since"],
    ]  # fmt: skip


def test_without_an_evaluation_the_best_is_the_last(found):
    assert found["choice"]["never evaluated"]["best"] == ["model.ckpt-300", []]


def test_a_best_checkpoint_outlives_its_rotation_and_gives_way_when_it_is_torn(found):
    choice = found["choice"]
    assert choice["rotated"] == choice["rotated by step"] == ["best/model.ckpt-200", []]
    chosen, (said,) = choice["torn best"]
    assert chosen == "model.ckpt-300"
    assert said.startswith("the best checkpoint, best/model.ckpt-200, is not used: it is torn or incomplete (")


def test_a_checkpoint_that_is_not_there_is_answered_with_those_that_are(found):
    choice = found["choice"]
    there = "100, 200 (best, mAP 0.400), 300 (last)"
    assert choice["float"]["7"] == ["exit 2", [f"error: no checkpoint 7 in RUN; there are: {there}", f"hint: {WORDS}"]]
    assert choice["path"][2][1][0] == f"error: no checkpoint no/x in RUN; there are: {there}"
    assert choice["quantized"]["7"][1][0].endswith("there are: 100, 200, 300 (best, mAP 0.300; last)")
    assert choice["empty"]["best"] == ["exit 4", ["error: no checkpoint in RUN", "hint: make train MODEL=..."]]


def test_a_kill_while_the_best_checkpoint_changes_leaves_the_old_or_the_new_one_whole(found):
    steps = []
    for ended, step, damage, names in found["kills"]:
        assert damage is None
        assert names == [f"model.ckpt-{step}.data-00000-of-00001", f"model.ckpt-{step}.index"]
        assert step == 200 or not ended
        steps.append(step)
    assert steps == sorted(steps)
    assert set(steps) == {100, 200}


def test_metrics_after_a_kill_are_whole_and_patience_is_counted_from_them(found):
    assert found["metrics"] == {
        "kept": [10, 10, 20, 20, 30, 40, 40, 60],
        "counts": [2, 0, 2, 0],
        "evaluated": [True, False, True],
    }


def test_no_more_checkpoints_stay_than_are_wanted_whatever_kills_have_left(found):
    names, best = found["surplus"]
    parts = ("data-00000-of-00001", "index")
    assert names == [f"model.ckpt-{step}.{part}" for step in (400, 500) for part in parts]
    assert best == [f"model.ckpt-100.{part}" for part in parts]
