"""The options of a detector's post-processing, read and changed in the bytes of its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.detections import post_process
from pipeline.detections.post_process import PostProcess, read_options, with_options
from pipeline.errors import DataError
from tests.preflight.models import Builder
from tests.project import shared_data

AS_SHIPPED_BY_OTHERS = PostProcess(
    max_detections=10,
    regular_nms=False,
    score_threshold=pytest.approx(1e-8),
    iou_threshold=pytest.approx(0.6),
    num_classes=2,
    detections_per_class=100,
    max_classes_per_detection=1,
)


def answer(model: bytes) -> list[npt.NDArray[np.float32]]:
    """Run a detector on the same noise every time."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    pixels = np.random.default_rng(0).integers(0, 256, image["shape"], np.uint8)
    interpreter.set_tensor(image["index"], pixels)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


@pytest.fixture(scope="module")
def of_others() -> bytes:
    return (shared_data() / "mobiledet_dogcat/ssdlite_mobiledet_dog_vs_cat.tflite").read_bytes()


def test_the_options_of_a_detector_that_others_trained_are_read(of_others: bytes) -> None:
    assert read_options(of_others) == AS_SHIPPED_BY_OTHERS


def test_a_changed_detector_gives_as_many_boxes_as_it_says_and_the_same_first_ones(of_others: bytes) -> None:
    few, many = answer(of_others), answer(with_options(of_others, max_detections=100))
    assert [output.shape for output in few] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
    assert [output.shape for output in many] == [(1, 100, 4), (1, 100), (1, 100), (1,)]
    for one, other in zip(few[:3], many[:3], strict=True):
        assert np.array_equal(one, other[:, :10])


def test_regular_suppression_keeps_a_second_class_where_fast_gives_each_anchor_its_best_only(of_others: bytes) -> None:
    fast, regular = (answer(with_options(of_others, max_detections=100, regular_nms=one)) for one in (False, True))
    for _, classes, scores, _ in (fast, regular):
        assert set(classes[0]) <= {0, 1}
        assert (np.diff(scores[0]) <= 0).all()
    # Fast suppression crosses out boxes of one class by those of the other
    assert not np.array_equal(fast[2], regular[2])
    assert (np.sort(regular[2][0])[::-1] >= np.sort(fast[2][0])[::-1]).all()


def test_only_the_asked_bytes_change(of_others: bytes) -> None:
    changed = with_options(of_others, max_detections=100, regular_nms=True)
    assert len(changed) == len(of_others)
    assert sum(one != other for one, other in zip(changed, of_others, strict=True)) == 2
    assert with_options(changed, max_detections=10, regular_nms=False) == of_others
    assert with_options(of_others) == of_others


def test_options_without_room_are_built_anew(of_others: bytes) -> None:
    field, start, length = post_process._find_options(of_others)
    slots = post_process._read_slots(of_others, start, length)
    without = {name: slot for name, slot in slots.items() if name != "use_regular_nms"}
    rebuilt = post_process._with_new_options(of_others, field, without, {"max_detections": 50, "use_regular_nms": 1})
    assert read_options(rebuilt) == replace(AS_SHIPPED_BY_OTHERS, max_detections=50, regular_nms=True)
    in_place = with_options(of_others, max_detections=50, regular_nms=True)
    for one, other in zip(answer(rebuilt), answer(in_place), strict=True):
        assert np.array_equal(one, other)


def test_no_boxes_at_all_cannot_be_asked_for(of_others: bytes) -> None:
    with pytest.raises(ValueError, match="max_detections is 0; wanted at least 1"):
        with_options(of_others, max_detections=0)


def test_what_has_no_post_processing_says_what_it_has() -> None:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3]))
    with pytest.raises(DataError) as refused:
        read_options(builder.pack())
    assert str(refused.value) == (
        "this TFLite model has 0 operators TFLite_Detection_PostProcess, not one: it has 1 operators, of custom ones "
        "no other"
    )
    with pytest.raises(DataError, match="this is not a TFLite model with post-processing: "):
        read_options(b"PK\3\4 a zip")


def test_broken_options_are_named(of_others: bytes) -> None:
    _, start, length = post_process._find_options(of_others)
    broken = bytearray(of_others)
    broken[start + length - 2 : start + length] = b"\x06\x01"  # a float, not a map
    with pytest.raises(DataError, match="the options of TFLite_Detection_PostProcess cannot be read: "):
        read_options(bytes(broken))
