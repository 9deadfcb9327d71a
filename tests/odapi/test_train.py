"""Training in the real environment: from scratch, in two phases, interrupted, killed, and refused in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.odapi.conftest import SCRIPTS, run, screen_lines, small_preset, train_command, write_preset

pytestmark = pytest.mark.odapi


def read_metrics(train_dir: Path) -> list[dict]:
    path = train_dir / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_step(process: subprocess.Popen, train_dir: Path, step: int) -> None:
    deadline = time.monotonic() + 300
    while not any(line["step"] >= step for line in read_metrics(train_dir)):
        assert process.poll() is None, "training ended by itself"
        assert time.monotonic() < deadline, f"training did not reach step {step}"
        time.sleep(0.1)


def test_a_quantized_model_trains_in_two_phases(two_phase_run):
    train_dir, result = two_phase_run
    lines = screen_lines(result)
    assert lines[1:] == ["quantization from step 4 on", "trained 6 steps"]
    assert lines[0].endswith("boxes, 4 classes")
    names = {path.name for path in train_dir.iterdir()}
    assert {"pipeline.config", "label_map.pbtxt", "checkpoint", "metrics.jsonl"} <= names
    assert {"model.ckpt-4.index", "model.ckpt-6.index"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert not any(name.endswith((".part", ".meta")) for name in names)


def test_only_the_last_checkpoint_holds_quantization_ranges(two_phase_run, odapi_python: Path):
    train_dir, _ = two_phase_run
    code = f"""
from checkpoints import checkpoint_files
folder = {str(train_dir)!r}
print([checkpoint_files.is_quantized(folder + "/model.ckpt-%d" % step) for step in (4, 6)],
      checkpoint_files.find_checkpoint(folder) == folder + "/model.ckpt-6",
      checkpoint_files.read_step(folder + "/model.ckpt-6"))
"""
    assert run_code(odapi_python, code) == "[False, True] True 6"


def test_metrics_are_one_line_a_step_with_losses_rate_and_seconds(two_phase_run):
    metrics = [line for line in read_metrics(two_phase_run[0]) if "loss" in line]
    assert [line["step"] for line in metrics] == [1, 4, 5, 6]
    assert all(
        set(line) == {"step", "loss", "classification_loss", "localization_loss", "regularization_loss",
                      "learning_rate", "seconds_a_step"}
        for line in metrics
    )  # fmt: skip
    assert all(line["loss"] > 0 and line["learning_rate"] > 0 for line in metrics)


def test_a_finished_run_ends_at_once(two_phase_run, odapi_python: Path, records: Path):
    train_dir, _ = two_phase_run
    model = train_dir.parent / "model.json"
    result = run(train_command(odapi_python, records, train_dir, model=model, steps=5))
    assert (result.returncode, screen_lines(result)) == (
        0, [f"{train_dir} has 6 steps already; 5 were asked for", "trained 6 steps"])  # fmt: skip


def test_an_interrupted_run_saves_and_a_killed_one_goes_on(odapi_python: Path, records: Path, tmp_path: Path):
    train_dir = tmp_path / "train"
    preset = small_preset()
    del preset["pipeline"]["graph_rewriter"]
    model = write_preset(tmp_path, preset)
    command = train_command(odapi_python, records, train_dir, model=model, steps=5000)

    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        wait_for_step(process, train_dir, 1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    (kept,) = (int(path.stem.split("-")[1]) for path in train_dir.glob("model.ckpt-*.index"))
    assert f"interrupted at step {kept}; kept {train_dir}/model.ckpt-{kept}: the same command goes on" in errors

    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_for_step(process, train_dir, kept + 1)
        process.kill()
    half_saved = train_dir / "model.ckpt-9_temp_0a1b"
    half_saved.mkdir()

    result = run(train_command(odapi_python, records, train_dir, model=model, steps=kept + 1))
    assert result.returncode == 0, result.stderr[-3000:]
    assert screen_lines(result)[1:] == [f"resuming at step {kept}", f"trained {kept + 1} steps"]
    steps = [line["step"] for line in read_metrics(train_dir) if "loss" in line]
    assert steps == sorted(set(steps))
    assert steps[-1] == kept + 1
    assert not half_saved.exists()


def test_a_user_config_gives_way_to_the_run(two_phase_run, odapi_python: Path):
    config = two_phase_run[0] / "pipeline.config"
    facts = json.loads(run_code(odapi_python, f"""
import json
from configs import model_config
from training import training_records
config = model_config.read_config_file({str(config)!r})
config.train_config.num_steps = 100
config.train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate.total_steps = 100
config.train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate.warmup_steps = 5
config.graph_rewriter.quantization.delay = 75
config.model.ssd.feature_extractor.override_base_feature_extractor_hyperparams = False
config.model.ssd.feature_extractor.conv_hyperparams.batch_norm.decay = 0.9997
records = training_records.Records("r/train.record-*", 7, 20, 130)
model_config.fit_to_run(config, records=records, test_pattern="r/test.record-*", label_map_path="r/label_map.pbtxt",
                        class_count=9, steps=1000, batch=5, size=(64, 128))
rate = config.train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate
extractor = config.model.ssd.feature_extractor
print(json.dumps([config.model.ssd.num_classes, model_config.input_size(config), config.train_config.batch_size,
    config.train_config.num_steps, list(config.train_input_reader.tf_record_input_reader.input_path),
    list(config.eval_input_reader[0].tf_record_input_reader.input_path), config.train_input_reader.shuffle_buffer_size,
    config.train_input_reader.max_number_of_boxes, rate.total_steps, rate.warmup_steps,
    config.graph_rewriter.quantization.delay, extractor.override_base_feature_extractor_hyperparams,
    round(extractor.conv_hyperparams.batch_norm.decay, 4)]))
"""))  # fmt: skip
    assert facts == [
        9, [64, 128], 5, 1000, ["r/train.record-*"], ["r/test.record-*"], 7, 130, 1000, 50, 750, True, 0.9867,
    ]  # fmt: skip


def test_a_schedule_is_sane_for_any_number_of_steps(odapi_python: Path):
    found = json.loads(run_code(odapi_python, """
import json
from configs import model_config
from google.protobuf import text_format
from object_detection.protos import pipeline_pb2
from object_detection.builders import optimizer_builder
import tensorflow as tf
RATES = {
    "cosine": "cosine_decay_learning_rate { total_steps: 1000 warmup_steps: 50 learning_rate_base: 0.1 "
              "warmup_learning_rate: 0.01 }",
    "manual": "manual_step_learning_rate { initial_learning_rate: 0.1 schedule { step: 0 learning_rate: 0.2 } "
              "schedule { step: 500 learning_rate: 0.02 } schedule { step: 900 learning_rate: 0.002 } }",
    "exponential": "exponential_decay_learning_rate { initial_learning_rate: 0.1 decay_steps: 100 decay_factor: 0.9 }",
}
found = {}
for name, rate in RATES.items():
    for steps in (1, 2, 20, 200, 20000):
        config = text_format.Parse("train_config { num_steps: 1000 optimizer { adam_optimizer { learning_rate { " + rate
            + " } } use_moving_average: false } } graph_rewriter { quantization { delay: 750 } }",
            pipeline_pb2.TrainEvalPipelineConfig())
        model_config.scale_schedule(config, steps)
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            step = tf.compat.v1.train.get_or_create_global_step()
            _, (rate_tensor,) = optimizer_builder.build(config.train_config.optimizer)
            rates = [float(session.run(rate_tensor, {step: n})) for n in (0, steps // 2, steps - 1)]
        found["{} {}".format(name, steps)] = [rates[0] > 0 and min(rates) >= 0, max(rates) <= 0.2001,
                                              config.graph_rewriter.quantization.delay]
print(json.dumps(found))
"""))  # fmt: skip
    delays = {1: 0, 2: 1, 20: 15, 200: 150, 20000: 15000}
    assert found == {
        f"{name} {steps}": [True, True, delay]
        for name in ("cosine", "manual", "exponential") for steps, delay in delays.items()
    }  # fmt: skip


def test_a_preset_with_a_misspelt_field_is_refused_by_name(odapi_python: Path, records: Path, tmp_path: Path):
    preset = small_preset()
    preset["pipeline"]["model"]["ssd"]["anchor_generater"] = {}
    model = write_preset(tmp_path, preset)
    result = run(train_command(odapi_python, records, tmp_path / "train", model=model))
    assert (result.returncode, screen_lines(result)) == (2, [
        "error: preset ssd_mobilenet_v2_quantized_small: pipeline.model.ssd: Ssd has no field 'anchor_generater'",
        "hint: did you mean 'anchor_generator'?",
    ])  # fmt: skip


def test_label_ids_start_at_one(odapi_python: Path, records: Path, tmp_path: Path):
    wrong = tmp_path / "records"
    wrong.mkdir()
    (wrong / "label_map.pbtxt").write_text("item { id: 0 name: 'a' }\nitem { id: 1 name: 'b' }\n")
    result = run(train_command(odapi_python, wrong, tmp_path / "train", model=write_preset(tmp_path, small_preset())))
    assert (result.returncode, screen_lines(result)) == (3, [
        f"error: {wrong}/label_map.pbtxt: label ids must be 1, 2, 3, ... without a gap; found: 0, 1",
        "hint: number the items from 1 (0 is the background) and write the records again",
    ])  # fmt: skip


def test_a_box_of_no_area_is_refused_before_training(odapi_python: Path, tmp_path: Path):
    wrong = tmp_path / "records"
    wrong.mkdir()
    (wrong / "label_map.pbtxt").write_text("item { id: 1 name: 'a' }\n")
    run_code(
        odapi_python,
        f"""
import tensorflow as tf
def floats(*v): return tf.train.Feature(float_list=tf.train.FloatList(value=v))
features = {{"image/object/bbox/" + edge: floats(value) for edge, value in
            (("xmin", 0.5), ("ymin", 0.1), ("xmax", 0.5), ("ymax", 0.9))}}
features["image/object/class/label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
features["image/filename"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"cat.jpg"]))
with tf.io.TFRecordWriter({str(wrong / "train.record-00000-of-00001")!r}) as writer:
    writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
""",
    )
    result = run(train_command(odapi_python, wrong, tmp_path / "train", model=write_preset(tmp_path, small_preset())))
    assert (result.returncode, screen_lines(result)) == (3, [
        f"error: {wrong}/train.record-00000-of-00001: image 'cat.jpg': box (0.5, 0.1, 0.5, 0.9) is empty, "
        "inverted or outside 0..1",
        "hint: correct the annotation and write the records again",
    ])  # fmt: skip


def run_code(python: Path, code: str) -> str:
    """Run code that imports the scripts, and return the last line it printed."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "CUDA_VISIBLE_DEVICES": "-1"}
    result = subprocess.run([str(python), "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return (result.stdout.splitlines() or [""])[-1]
