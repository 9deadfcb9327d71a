"""Every preset in the real environment: it builds, has the variables of real checkpoints, learns and exports."""

from __future__ import annotations

import json
import math
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.models import preset_names, read_preset
from tests.odapi.conftest import SCRIPTS, run, train_command
from tests.odapi.test_freeze import freeze
from tests.odapi.test_train import run_code
from tests.project import ROOT, missing, need_environment, shared_data
from tests.tfjs.conftest import run_tfjs
from tests.toco.conftest import run_tflite

pytestmark = pytest.mark.odapi

SSD = [name for name in preset_names() if read_preset(name).architecture == "ssd"]
CLASSES = 90
AVERAGES = ("moving_mean", "moving_variance")
# Of the networks without their last layer, as their papers' authors and tf.keras.applications count them
BACKBONES = {
    "ssd_mobilenet_v1": 3_206_976,
    "ssd_mobilenet_v1_fpn": 3_206_976,
    "ssd_mobilenet_v2": 2_223_872,
    "ssd_mobilenet_v2_quantized": 2_223_872,
    "faster_rcnn_resnet50": 23_508_032,
    "rfcn_resnet101": 42_500_160,
    "faster_rcnn_vgg16": 14_714_688,
}
NOT_OF_THE_NETWORK = ("Momentum", "ExponentialMovingAverage", "global_step")


def write_presets(folder: Path) -> Path:
    folder.mkdir()
    for name in preset_names():
        (folder / f"{name}.json").write_text(read_preset(name).model_dump_json(), encoding="utf-8")
    return folder


def build(python: Path, folder: Path, records: Path, *flags: str) -> dict[str, dict[str, Any]]:
    """Build all presets with the real scripts; return what build_presets.py reports."""
    presets, report = write_presets(folder / "presets"), folder / "report.json"
    script = ROOT / "tests/odapi/build_presets.py"
    command = [python, script, f"--presets={presets}", f"--records-dir={records}", f"--classes={CLASSES}"]
    done = subprocess.run([*command, f"--report={report}", *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(report.read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def built(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return build(odapi_python, tmp_path_factory.mktemp("built"), records)


def count_parameters(variables: dict[str, list[int]]) -> int:
    """Count what is trained: everything but the averages of batch norm."""
    return sum(math.prod(shape) for name, shape in variables.items() if not name.endswith(AVERAGES))


def test_every_preset_builds_for_training_and_for_inference(built: dict[str, dict[str, Any]]) -> None:
    assert sorted(built) == preset_names()
    for name, report in built.items():
        most = read_preset(name).pipeline["model"]
        post = most["ssd"]["post_processing"] if "ssd" in most else most["faster_rcnn"]["second_stage_post_processing"]
        boxes = post["batch_non_max_suppression"]["max_total_detections"]
        assert {"loss", "learning_rate"} < set(report["losses"]), name
        assert report["outputs"]["detection_boxes"] == [1, boxes, 4], name
        assert report["outputs"]["detection_scores"] == [1, boxes], name


def test_a_preset_counts_its_parameters_right(built: dict[str, dict[str, Any]]) -> None:
    counted = {name: count_parameters(report["variables"]) for name, report in built.items()}
    assert counted == {name: read_preset(name).parameters for name in preset_names()}


def test_batch_norms_follow_as_fast_as_the_preset_says(built: dict[str, dict[str, Any]]) -> None:
    for name in SSD:
        extractor = read_preset(name).pipeline["model"]["ssd"]["feature_extractor"]
        wanted = extractor["conv_hyperparams"]["batch_norm"]["decay"]
        decays = built[name]["decays"]
        assert decays, name
        assert {scope: decay for scope, decay in decays.items() if decay != wanted} == {}, name


def test_freezing_the_backbone_freezes_the_classification_network_and_nothing_else(
    built: dict[str, dict[str, Any]], odapi_python: Path
) -> None:
    backbone = re.compile(
        run_code(odapi_python, "from configs import config_overrides; print(config_overrides.BACKBONE)")
    )
    frozen = {
        name: {v: shape for v, shape in report["variables"].items() if backbone.search(v)}
        for name, report in built.items()
    }
    counted = {name: count_parameters(variables) for name, variables in frozen.items()}
    assert {name: counted[name] for name in BACKBONES} == BACKBONES
    for name, report in built.items():
        trained = set(report["variables"]) - set(frozen[name])
        assert not any("BoxPredictor" in v or "SecondStage" in v or "/fpn/" in v for v in frozen[name]), name
        assert not any(re.search(r"_Conv2d_[2-6]_\dx\d", v) for v in frozen[name]), name
        assert any("BoxPredictor" in v for v in trained), name
        assert counted[name] > 0.1 * count_parameters(report["variables"]), name


def read_index(python: Path, name: str) -> dict[str, list[int]]:
    """Return {variable: shape} of a real checkpoint, without what only its training needed."""
    prefix = shared_data() / "zoo_index" / name / "model.ckpt"
    if not prefix.with_suffix(".ckpt.index").is_file():
        missing(f"{prefix}.index is missing")
    code = f"""
import json, tensorflow as tf
print(json.dumps(tf.train.NewCheckpointReader({str(prefix)!r}).get_variable_to_shape_map()))
"""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    shapes = json.loads(done.stdout.splitlines()[-1])
    return {name: shape for name, shape in shapes.items() if name.rsplit("/", 1)[-1] not in NOT_OF_THE_NETWORK}


@pytest.mark.parametrize(
    ("name", "checkpoint", "count"),
    [
        ("ssd_mobilenet_v1", "ssd_mobilenet_v1_coco_2018_01_28", 199),
        ("ssd_mobilenet_v2", "ssd_mobilenet_v2_coco_2018_03_29", 344),
    ],
)
def test_variables_are_those_of_the_zoos_checkpoint(
    name: str, checkpoint: str, count: int, built: dict[str, dict[str, Any]], odapi_python: Path
) -> None:
    real = read_index(odapi_python, checkpoint)
    assert len(real) == count
    assert built[name]["variables"] == real


def test_variables_of_mobiledet_are_those_of_a_checkpoint_that_others_trained_for_uint8(
    odapi_python: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "model.json"
    preset.write_text(read_preset("ssdlite_mobiledet_edgetpu").model_dump_json(), encoding="utf-8")
    flags = [f"--model={preset}", "--classes=2", "--quantized", f"--variables={tmp_path / 'found.json'}"]
    done = run([str(odapi_python), str(SCRIPTS / "model_variables.py"), *flags])
    assert done.returncode == 0, done.stderr[-3000:]
    real = read_index(odapi_python, "ssdlite_mobiledet_edgetpu_2classes")
    assert sum("_quant/" not in name for name in real) == 429
    assert len(real) == 1263
    assert json.loads((tmp_path / "found.json").read_text()) == real


def test_a_float_preset_has_no_ranges_to_list(odapi_python: Path, tmp_path: Path) -> None:
    preset = tmp_path / "model.json"
    preset.write_text(read_preset("ssd_mobilenet_v1").model_dump_json(), encoding="utf-8")
    script = str(SCRIPTS / "model_variables.py")
    done = run([str(odapi_python), script, f"--model={preset}", "--quantized", f"--variables={tmp_path / 'found'}"])
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"error: {preset}: not trained for uint8, so it has no ranges"


@pytest.mark.slow
def test_a_step_of_training_lowers_the_loss_of_its_image(odapi_python: Path, records: Path, tmp_path: Path) -> None:
    report = build(odapi_python, tmp_path, records, "--step", *SSD)
    for name in SSD:
        before, after = report[name]["stepped"]
        assert 0 < after < before < math.inf, f"{name}: {before} to {after}"


def export(name: str, folder: Path, records: Path) -> dict[str, Any]:
    """Train a preset two steps (one of them quantized), freeze and convert it; return what its folder says."""
    odapi, toco, tfjs = (need_environment(image) for image in ("odapi", "toco", "tfjs"))
    preset = read_preset(name)
    model = folder / "model.json"
    model.write_text(preset.model_dump_json(), encoding="utf-8")
    train_dir, frozen, tflite, browser = (folder / part for part in ("train", "frozen", "tflite", "tfjs"))
    for command in (
        lambda: run(train_command(odapi, records, train_dir, model=model, steps=2, batch=2)),
        lambda: freeze(odapi, train_dir, frozen),
        lambda: run_tflite(toco, frozen, tflite),
        lambda: run_tfjs(tfjs, frozen, browser),
    ):
        done = command()
        assert done.returncode == 0, f"{name}: {done.args[1]}: {done.stderr[-3000:]}"
    return {
        "described": json.loads((tflite / "model.json").read_text()),
        "tflite": tflite / "detect.tflite",
        "tfjs": json.loads((browser / "model.json").read_text()),
    }


def detect_nothing(tflite: Path) -> tuple[Any, list[np.ndarray[Any, Any]]]:
    """Run a model on a gray image; return its input's type and its four outputs."""
    interpreter = Interpreter(model_path=str(tflite))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], np.full(image["shape"], 100, image["dtype"]))
    interpreter.invoke()
    return image["dtype"], [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


@pytest.mark.slow
@pytest.mark.toco
@pytest.mark.tfjs
@pytest.mark.parametrize("name", SSD)
def test_an_ssd_freezes_and_converts_for_phones_and_browsers(name: str, records: Path, tmp_path: Path) -> None:
    preset = read_preset(name)
    exported = export(name, tmp_path, records)
    described = exported["described"]
    assert (described["quantized"], described["input_height"]) == (preset.quantized, preset.input_height)
    dtype, (boxes, classes, scores, count) = detect_nothing(exported["tflite"])
    assert dtype is (np.uint8 if preset.quantized else np.float32)
    assert (boxes.shape, classes.shape, scores.shape, count.shape) == ((1, 100, 4), (1, 100), (1, 100), (1,))
    assert np.isfinite(boxes).all()
    assert np.isfinite(scores).all()
    assert exported["tfjs"]["format"] == "graph-model"
    assert "detection_boxes" in exported["tfjs"]["signature"]["outputs"]


def test_batch_norms_of_faster_rcnn_settle_within_a_short_run(odapi_python: Path, tmp_path: Path) -> None:
    presets = write_presets(tmp_path / "presets")
    code = f"""
import json, model_variables, tensorflow as tf
from configs import model_config
from training import training_graph
found = {{}}
for name in ("faster_rcnn_inception_v2", "faster_rcnn_resnet50"):
    config = model_config.read_preset_config({str(presets)!r} + "/" + name + ".json")
    training_graph._settle_faster_rcnn_batch_norm(500)
    with tf.Graph().as_default() as graph:
        model_variables.build_network(config, 1, is_training=True)
        kept = [tf.get_static_value(operation.inputs[1]) for operation in graph.get_operations()
                if operation.name.endswith("AssignMovingAvg/sub")]
    found[name] = sorted({{round(float(each), 4) for each in kept}})
print(json.dumps(found))
"""
    assert json.loads(run_code(odapi_python, code)) == {
        "faster_rcnn_inception_v2": [0.98],
        "faster_rcnn_resnet50": [0.98],
    }
