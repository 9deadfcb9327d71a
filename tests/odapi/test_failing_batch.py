"""A training that is lost ends at once, keeps what was good, and names the images, the boxes and the likely cause."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.odapi.conftest import run, small_preset, train_command, write_preset
from tests.odapi.test_train import run_code

pytestmark = pytest.mark.odapi


def float_preset() -> dict:
    preset = small_preset()
    del preset["pipeline"]["graph_rewriter"]
    return preset


def told(stderr: str) -> list[str]:
    """Return what was said from the failed step on."""
    lines = [line for line in stderr.splitlines() if line.startswith(("step ", "  ", "error: ", "hint: "))]
    return lines[next(number for number, line in enumerate(lines) if line.startswith("step ")) :]


def test_a_learning_rate_that_is_too_high_is_named_as_the_cause(odapi_python: Path, records: Path, tmp_path: Path):
    options = tmp_path / "options.json"
    sums = "model.ssd.normalize_loss_by_num_matches=false"
    changes = {"optimizer": "momentum", "learning_rate": 1.0, "schedule": "constant", "warmup": 0, "set": [sums]}
    options.write_text(json.dumps({**changes, "eval_every": 0}))
    command = train_command(
        odapi_python, records, tmp_path / "train", model=write_preset(tmp_path, float_preset()),
        steps=60, options=options,
    )  # fmt: skip
    result = run(command)
    assert result.returncode == 4, result.stderr[-3000:]
    *_, error, hint = told(result.stderr)
    report = json.loads((tmp_path / "train/failed_batch.json").read_text())
    assert report["cause"].startswith("the learning rate is too high (1; the last losses: ")
    assert f" at step {report['step']}: {report['cause']}; no checkpoint was saved yet" in error
    assert hint == 'hint: LR=0.1 (a tenth), or SET="train_config.gradient_clipping_by_norm=10"'
    assert report["step"] < 30
    assert len(report["images"]) == 2
    assert not list((tmp_path / "train").glob("model.ckpt-*"))


def test_a_weight_that_is_no_number_is_found_in_its_image(odapi_python: Path, records: Path, tmp_path: Path):
    wrong = tmp_path / "records"
    shutil.copytree(records, wrong)
    path = wrong / "train.record-00000-of-00001"
    code = f"""
import json, tensorflow as tf
examples = [tf.train.Example.FromString(one) for one in tf.compat.v1.io.tf_record_iterator({str(path)!r})]
LABEL = "image/object/class/label"
chosen = next(one.features.feature for one in examples if one.features.feature[LABEL].int64_list.value)
count = len(chosen[LABEL].int64_list.value)
chosen["image/object/weight"].float_list.value[:] = [1.0] * (count - 1) + [float("nan")]
with tf.io.TFRecordWriter({str(path)!r}) as writer:
    for one in examples:
        writer.write(one.SerializeToString())
size = [chosen["image/" + side].int64_list.value[0] for side in ("width", "height")] * 2
box = [chosen["image/object/bbox/" + edge].float_list.value[-1] * side
       for edge, side in zip(("xmin", "ymin", "xmax", "ymax"), size)]
print(json.dumps([chosen["image/filename"].bytes_list.value[0].decode(), count,
                  chosen["image/object/class/text"].bytes_list.value[-1].decode(), box]))
"""
    name, count, class_name, box = json.loads(run_code(odapi_python, code))
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"eval_every": 0}))
    command = train_command(
        odapi_python, wrong, tmp_path / "train", model=write_preset(tmp_path, float_preset()), steps=60, options=options
    )
    result = run(command)
    assert result.returncode == 4, result.stderr[-3000:]
    numbers, first, second, *_ = told(result.stderr)
    error, hint = told(result.stderr)[-2:]
    edges = ", ".join(f"{edge:.1f}" for edge in box)
    assert "learning rate" in numbers
    assert "gradient norm" in numbers
    assert first == f"  {name}  {count} box{'' if count == 1 else 'es'}"
    assert second == f"    {class_name} ({edges}): its weight is nan (image/object/weight)"
    assert error.startswith("error: loss is nan at step ")
    assert ": bad boxes; no checkpoint was saved yet (the whole batch: " in error
    assert hint == ("hint: correct the annotations named above (make check finds more of them), or leave them out")
    report = json.loads((tmp_path / "train/failed_batch.json").read_text())
    assert report["losses"]["loss"] == "nan"
    assert {image["file"] for image in report["images"] if image["suspicious"]} == {name}


def test_only_a_loss_that_stays_beyond_all_others_has_exploded(odapi_python: Path, tmp_path: Path):
    code = f"""
import json
from training import failing_batch
def first_alarm(losses, norm=1.0):
    watch = failing_batch.LossWatch(None, {str(tmp_path)!r})
    calm = []
    for number, loss in enumerate(losses):
        if watch.find_reason(loss, norm):
            return number, calm
        calm.append(watch.is_calm)
    return None, calm
nan, inf = float("nan"), float("inf")
print(json.dumps([
    first_alarm([5.0] * 20 + [nan])[0],
    first_alarm([5.0, inf])[0],
    first_alarm([5.0], norm=inf)[0],
    first_alarm([1e7, 1e6, 1e5, 2e4, 1e3, 10.0] + [5.0] * 20)[0],
    first_alarm([5.0] * 20 + [1e6] * 9 + [5.0] * 20 + [1e6] * 9)[0],
    first_alarm([5.0] * 20 + [1e6] * 20)[0],
    first_alarm([900.0] * 20 + [2e4] * 20)[0],
    first_alarm([5.0, 1e6, 5.0])[1],
]))
"""
    assert json.loads(run_code(odapi_python, code)) == [20, 1, 0, None, None, 29, None, [True, False, True]]
