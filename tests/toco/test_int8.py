"""int8 after training, and layers that died: converted in the real toco environment, run with LiteRT."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from pipeline.detections.tflite_metadata import InputDescription, read_input
from pipeline.detections.tflite_runtime import TfliteDetector, fit
from pipeline.preflight.report import preflight_file
from pipeline.records import read_examples
from tests.toco.conftest import copy_frozen, run_tflite, said

pytestmark = pytest.mark.toco


def test_an_int8_model_takes_uint8_pixels_and_gives_what_all_others_give(int8_dir: Path) -> None:
    interpreter = Interpreter(model_path=str(int8_dir / "detect.tflite"))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    assert image["dtype"] is np.uint8
    scale, zero_point = image["quantization"]
    assert (scale, zero_point in (127, 128)) == (pytest.approx(1 / 127.5, rel=0.02), True)
    outputs = [(output["shape"].tolist(), output["dtype"]) for output in interpreter.get_output_details()]
    assert outputs == [([1, 20, 4], np.float32), ([1, 20], np.float32), ([1, 20], np.float32), ([1], np.float32)]
    model = json.loads((int8_dir / "model.json").read_text(encoding="utf-8"))
    assert (model["quantized"], model["input_type"], model["quantization"]) == (False, "uint8", "after training")


def test_its_kernels_have_a_scale_for_each_channel(int8_dir: Path) -> None:
    interpreter = Interpreter(model_path=str(int8_dir / "detect.tflite"))
    details = interpreter.get_tensor_details()
    kernels = [one for one in details if one["dtype"] is np.int8 and len(one["quantization_parameters"]["scales"]) > 1]
    assert len(kernels) > 40


def test_all_of_it_but_the_end_runs_on_the_edge_tpu(int8_dir: Path) -> None:
    found = preflight_file(int8_dir / "detect.tflite")
    assert found.works
    on_cpu = [refusal.operator.custom or refusal.operator.name for refusal in found.refusals]
    assert on_cpu == ["DEQUANTIZE", "DEQUANTIZE", "TFLite_Detection_PostProcess"]
    assert {refusal.expected for refusal in found.refusals} == {True}


def test_it_finds_what_its_float_model_finds(int8_dir: Path, tiny_records_dir: Path) -> None:
    detectors = [TfliteDetector(int8_dir / name) for name in ("detect_float.tflite", "detect.tflite")]
    differences = []
    for path in sorted(tiny_records_dir.glob("test.record-*")):
        for example in list(read_examples(path))[:6]:
            image = np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))
            best, other = (detector.detect(image).detections[0] for detector in detectors)
            differences.append(abs(best.score - other.score))
    assert len(differences) > 3
    assert np.median(differences) < 0.1


def test_missing_training_images_are_named_before_anything_is_converted(
    toco_python: Path, float_frozen_dir: Path, tmp_path: Path
) -> None:
    frozen = copy_frozen(float_frozen_dir, tmp_path / "frozen", quantized=False)
    done = run_tflite(toco_python, frozen, tmp_path / "tflite", "--records-dir", str(tmp_path / "records"))
    assert (done.returncode, said(done)) == (
        3,
        [
            f"error: there are no training images at {tmp_path}/records/train.record-*",
            "hint: make records NAME=... DATASET=...: int8 after training measures its ranges on the training images",
        ],
    )
    assert not (tmp_path / "tflite").exists()


@pytest.fixture(scope="module")
def report(
    toco_python: Path,
    tiny_frozen_dir: Path,
    float_frozen_dir: Path,
    tiny_records_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """What the parts of the conversion answer, from one process with TensorFlow."""
    folder = tmp_path_factory.mktemp("parts")
    frozen = copy_frozen(float_frozen_dir, folder / "frozen", quantized=False)
    shutil.copytree(tiny_records_dir, folder / "records")
    script = Path(__file__).with_name("try_tflite_build.py")
    command = [toco_python, script, "--frozen-dir", frozen, "--records-dir", folder / "records"]
    command += ["--quantized", tiny_frozen_dir / "tflite_graph.pb"]
    done = subprocess.run([*map(str, command)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_outputs_in_another_order_are_found_by_their_values(report: Any) -> None:
    assert report["order"]["as converted"] is None
    assert report["order"]["classes and scores swapped"].startswith("the third does not fall from at most 1")
    assert report["order"]["of another image"] is not None
    assert report["order"]["edges as x, y"].startswith("the first and second begin with ")
    assert report["order"]["count too high"] == "the fourth is 99.0, not a number of boxes from 0 to 20"


@pytest.mark.parametrize("kind", ["dead", "dead, trained"])
def test_a_layer_that_died_gets_a_scale_that_runtimes_can_load(report: Any, kind: str) -> None:
    found = report[kind]
    assert found["smallest scale before"] < 1e-15
    assert found["smallest scale"] >= 0.99e-8
    # Its bias did not die: TOCO cut it at what an int32 of such small steps can say, and every class became likely
    assert found["score of float"] < 0.05
    assert found["score before"] > 0.45
    assert found["score"] == pytest.approx(found["score of float"], abs=0.01)
    assert "BoxPredictor_0/ClassPredictor" in found["names"]
    assert (found["same size"], found["nothing is left"]) == (True, True)


def test_what_lives_answers_as_before(report: Any) -> None:
    trained = report["dead, trained"]
    assert trained["as trained, answers stay"]
    # Of the first map the boxes' range is [0, 0], at which TOCO aborted
    assert {"BoxPredictor_0/BoxEncodingPredictor", "BoxPredictor_0/ClassPredictor"} <= set(trained["names"])
    assert not [name for name in trained["names"] if name.startswith(("Feature", "BoxPredictor_1", "BoxPredictor_2"))]


def test_a_bias_that_maps_share_is_counted_in_the_steps_of_each(report: Any) -> None:
    found = report["shared"]
    assert found["shared"] >= 3
    assert (found["shared after"], found["float stays"], found["again"]) == (0, True, True)
    shared, separate = found["off"]
    assert separate < 0.4 < 1 < shared, found["off"]


def test_a_converted_model_holds_none_and_its_owner_is_told(
    report: Any, toco_python: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen")
    shutil.copy(report["killed"], frozen / "tflite_graph.pb")
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [line for line in done.stderr.splitlines() if "layers are dead (" in line]
    count = len(report["dead, trained"]["names"])
    assert line.startswith(f"{count} layers are dead ({report['dead, trained']['names'][0]}, ")
    assert line.endswith("else it was too short, and more steps (STEPS=) may wake them")
    interpreter = Interpreter(model_path=str(tmp_path / "tflite/detect.tflite"))
    details = interpreter.get_tensor_details()
    biases = [one["index"] for one in details if one["dtype"] is np.int32 and one["quantization"][0]]
    assert len(biases) > 50
    interpreter.allocate_tensors()
    assert max(np.abs(interpreter.get_tensor(index).astype(np.int64)).max() for index in biases) <= 2**30 + 2**20
    assert min(one["quantization"][0] for one in details if one["dtype"] is np.uint8) >= 0.99e-12
    assert preflight_file(tmp_path / "tflite/detect.tflite").works


def test_the_same_images_are_chosen_every_time_out_of_all_of_them(report: Any) -> None:
    chosen = report["chosen"]
    assert chosen["again"] == chosen["first"]
    assert chosen["other seed"] != chosen["first"]
    assert len(set(map(tuple, chosen["first"]))) == 8
    assert chosen["all"] == chosen["records"]


def test_a_model_says_that_its_images_keep_their_ratio_and_how_each_channel_is_normalized(report: Any) -> None:
    found = read_input(Path(report["letterbox"]).read_bytes())
    assert found.resize == "letterbox"
    assert found.scale == (1, 1, 1)
    assert found.offset == pytest.approx((-123.68, -116.779, -103.939))


def test_boxes_of_a_letterbox_are_shares_of_the_image(report: Any) -> None:
    detector = TfliteDetector(Path(report["letterbox"]))
    wide = np.random.default_rng(0).integers(0, 256, (50, 100, 3), np.uint8)
    height = width = int(detector._height)
    whole, shares = fit(wide, detector._description, height=height, width=width)
    assert shares.tolist() == [0.5, 1, 0.5, 1]
    interpreter = Interpreter(model_path=report["letterbox"])
    interpreter.allocate_tensors()
    normalized = whole * np.float32(detector._description.scale) + np.float32(detector._description.offset)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], normalized[np.newaxis])
    interpreter.invoke()
    boxes = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    for found, (ymin, xmin, ymax, xmax) in zip(detector.detect(wide).detections, boxes, strict=True):
        edges = (found.ymin_norm, found.xmin_norm, found.ymax_norm, found.xmax_norm)
        assert edges == pytest.approx((2 * ymin, xmin, 2 * ymax, xmax), abs=1e-5)  # the image is the input's upper half


def test_images_are_made_as_the_evaluation_makes_them(report: Any, tiny_records_dir: Path) -> None:
    (path,) = sorted(tiny_records_dir.glob("train.record-*"))
    example = next(iter(read_examples(path)))
    image = np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))
    for resize in ("stretch", "letterbox"):
        wanted, _ = fit(image, InputDescription(resize=resize), height=96, width=128)
        found = report["pixels"][resize]
        assert found["shape"] == [1, 96, 128, 3]
        assert np.abs(np.float32(found["row 50"]) - (wanted[50] / 127.5 - 1)).max() < 1e-5
        assert np.abs(np.float32(found["row 95"]) - (wanted[95] / 127.5 - 1)).max() < 1e-5
