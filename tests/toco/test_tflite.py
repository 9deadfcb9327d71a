"""container_scripts/tflite.py in the real toco environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.detections.post_process import read_options, with_options
from tests.toco.conftest import copy_frozen, run_tflite, said
from tests.toco.flatbuffer import CUSTOM, FAKE_QUANT, QUANTIZE, read_operators

pytestmark = pytest.mark.toco


def test_a_quantized_model_has_operators_of_version_1_only_and_none_that_quantizes(tflite_dir: Path) -> None:
    operators = read_operators(tflite_dir / "detect.tflite")
    assert {operator.version for operator in operators} == {1}
    assert QUANTIZE not in {operator.builtin for operator in operators}
    assert [operator.custom for operator in operators if operator.builtin == CUSTOM] == ["TFLite_Detection_PostProcess"]
    assert operators[-1].builtin == CUSTOM


def test_a_quantized_model_takes_uint8_and_gives_boxes_classes_scores_count(
    tflite_dir: Path, tiny_frozen_dir: Path
) -> None:
    model = json.loads((tiny_frozen_dir / "model.json").read_text(encoding="utf-8"))
    interpreter = Interpreter(model_path=str(tflite_dir / "detect.tflite"))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    assert image["name"] == "normalized_input_image_tensor"
    assert image["shape"].tolist() == [1, model["input_height"], model["input_width"], 3]
    assert image["dtype"] is np.uint8
    scale, zero = image["quantization"]
    assert (scale, zero) == (pytest.approx(1 / 128), 128)
    count = 20
    outputs = [(output["name"], output["shape"].tolist()) for output in interpreter.get_output_details()]
    assert outputs == [
        ("TFLite_Detection_PostProcess", [1, count, 4]),
        ("TFLite_Detection_PostProcess:1", [1, count]),
        ("TFLite_Detection_PostProcess:2", [1, count]),
        ("TFLite_Detection_PostProcess:3", [1]),
    ]


def test_the_folder_holds_both_models_labels_in_the_order_of_ids_and_what_is_said_of_them(
    tflite_dir: Path, fast_tflite_dir: Path, tiny_frozen_dir: Path
) -> None:
    frozen = json.loads((tiny_frozen_dir / "model.json").read_text(encoding="utf-8"))
    assert json.loads((tflite_dir / "model.json").read_text(encoding="utf-8")) == {
        **frozen, "max_detections": 20, "nms": "regular", "input_type": "uint8", "quantization": "trained"
    }  # fmt: skip
    files = ["detect.tflite", "detect_float.tflite", "labels.txt", "model.json"]
    assert sorted(path.name for path in tflite_dir.iterdir()) == files
    assert (fast_tflite_dir / "labels.txt").read_text(encoding="utf-8") == "zèbre\ndriver's cab\napple\n4\n"


def test_the_options_are_those_that_were_asked_for(tflite_dir: Path, fast_tflite_dir: Path) -> None:
    for folder, boxes, regular in ((tflite_dir, 20, True), (fast_tflite_dir, 7, False)):
        for name in ("detect.tflite", "detect_float.tflite"):
            options = read_options((folder / name).read_bytes())
            assert (options.max_detections, options.regular_nms, options.score_threshold) == (boxes, regular, 0.0)


def test_a_changed_file_answers_as_one_that_was_converted_so(tflite_dir: Path, fast_tflite_dir: Path) -> None:
    for name in ("detect.tflite", "detect_float.tflite"):
        regular, fast = ((folder / name).read_bytes() for folder in (tflite_dir, fast_tflite_dir))
        changed = with_options(regular, regular_nms=False, max_detections=7)
        assert read_options(changed) == read_options(fast)
        for one, other in zip(answer(changed), answer(fast), strict=True):
            assert np.array_equal(one, other)


def answer(model: bytes) -> list[npt.NDArray[np.float32]]:
    """Run a detector on the same noise every time."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    pixels = np.random.default_rng(0).integers(0, 256, image["shape"], np.uint8)
    interpreter.set_tensor(image["index"], pixels if image["dtype"] is np.uint8 else pixels / np.float32(127.5) - 1)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def test_two_conversions_differ_at_most_in_the_order_of_the_post_processing_options(
    toco_python: Path, tflite_dir: Path, tiny_frozen_dir: Path, tmp_path: Path
) -> None:
    assert run_tflite(toco_python, tiny_frozen_dir, tmp_path / "tflite").returncode == 0
    first, second = ((folder / "detect.tflite").read_bytes() for folder in (tflite_dir, tmp_path / "tflite"))
    assert len(first) == len(second)
    different = [place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other]
    options = {name: first.find(name) for name in (b"nms_score_threshold\0", b"_output_quantized\0", b"w_scale\0")}
    near = range(min(options.values()) - 512, max(options.values()) + 1024)
    assert all(place in near for place in different)


def test_the_float_model_of_a_quantized_one_keeps_its_fake_quantization(tflite_dir: Path) -> None:
    operators = read_operators(tflite_dir / "detect_float.tflite")
    assert FAKE_QUANT in {operator.builtin for operator in operators}
    interpreter = Interpreter(model_path=str(tflite_dir / "detect_float.tflite"))
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["dtype"] is np.float32


def test_a_graph_without_ranges_is_no_quantized_model(
    toco_python: Path, float_frozen_dir: Path, tmp_path: Path
) -> None:
    done = run_tflite(toco_python, float_frozen_dir, tmp_path / "tflite")
    assert done.returncode == 4
    assert said(done) == [
        "error: model.json says 'quantized', but tflite_graph.pb lacks the ranges of its values",
        "hint: it was trained without quantization; train on with it, then export again",
    ]


@pytest.mark.parametrize(
    ("changes", "code", "lines"),
    [
        (
            {"resize": "keep_aspect_ratio"},
            2,
            [
                "error: the model's image_resizer ('keep_aspect_ratio') works within TensorFlow, not before TFLite",
                "hint: train it with a fixed_shape_resizer: SIZE=300x300, or in your pipeline.config",
            ],
        ),
        (
            {"preprocessing": None},
            2,
            [
                "error: {frozen}/model.json: the model does something else with pixels than to scale and to shift them",
                "hint: train one of the presets (make models lists them), or use this one as a frozen graph",
            ],
        ),
        (
            {"quantized": False},
            3,
            [
                "error: this model was not trained with quantization; int8 after training needs its training images",
                "hint: --records-dir input/tf_records/NAME",
            ],
        ),
    ],
)
def test_what_cannot_be_converted_is_refused_before_it_is_tried(
    toco_python: Path, tiny_frozen_dir: Path, tmp_path: Path, changes: dict[str, Any], code: int, lines: list[str]
) -> None:
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen", **changes)
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert (done.returncode, said(done)) == (code, [line.format(frozen=frozen) for line in lines])
    assert not (tmp_path / "tflite").exists()


def test_faster_rcnn_is_refused_before_tensorflow_is_imported(toco_python: Path, tmp_path: Path) -> None:
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    (frozen / "model.json").write_text('{"architecture": "faster_rcnn"}')
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 2
    # The whole of stderr: TensorFlow 1.15 cannot be imported without a word on it.
    assert done.stderr == (
        "error: Faster R-CNN does not convert to TFLite; only SSD models do, "
        f"and {frozen}/model.json says 'faster_rcnn'\n"
        "hint: train an ssd_* model, or use this one as a frozen graph or in the browser (make tfjs)\n"
    )
    assert not (tmp_path / "tflite").exists()


def test_a_missing_graph_is_named(toco_python: Path, tiny_frozen_dir: Path, tmp_path: Path) -> None:
    frozen = copy_frozen(tiny_frozen_dir, tmp_path / "frozen")
    (frozen / "tflite_graph.pb").unlink()
    done = run_tflite(toco_python, frozen, tmp_path / "tflite")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: stage tflite needs {frozen}/tflite_graph.pb\n"
        "hint: make the frozen graph again: make export MODEL=...\n"
    )
