"""What the figures of a layer and of an input are taken to mean; no model is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.detections.detections_file import Detection
from pipeline.explain.checkpoint_nms import decode_boxes, suppress
from pipeline.explain.input_check import check_input
from pipeline.explain.layer_fault import find_faults, find_weak_ranges
from pipeline.explain.post_processing import suppress_as_checkpoint
from pipeline.report.drop_table import BAR, render_layers

RANDOM = np.random.default_rng(3)
IMAGE = RANDOM.uniform(-1, 1, (1, 12, 12, 3)) + np.array([0.3, 0, -0.3])
CHANNELS = {"count": 32, "worst": 3, "nine_tenths": 28, "slope": 1.0, "shift": 0.0, "slopes": [1.0, 1.0, 1.0]}
SOUND: dict[str, Any] = {
    "name": "net/Relu6", "operator": "CONV_2D", "matched": True, "signal": 1.0, "own_relative_error": 0.003,
    "own_error_steps": 0.1, "unused_share": 0.0, "clipped_share": 0.0, "held": [0, 6], "seen": [0, 6], "step": 0.0235,
    "low": 0.0, "high": 6.0, "graph_low": 0.0, "graph_high": 6.0,
    "channels": CHANNELS,
    "weights_compared": {"range_ratio": 2.0, "widest": 3, "count": 32},
}  # fmt: skip
OFF = {**SOUND, "own_relative_error": 0.4, "own_error_steps": 9.0}


def test_an_image_that_is_rounded_agrees() -> None:
    check = check_input([(np.round(IMAGE * 128) / 128, IMAGE)], step=1 / 128, zero_point=128)
    assert check.verdict == "agrees"
    assert (check.mean, check.std) == (128, 128)
    assert check.wanted_std == pytest.approx(128, rel=0.01)


@pytest.mark.parametrize(
    "found, verdict",
    [
        (IMAGE / 2 + 0.5, "normalization"),
        (IMAGE + 0.2, "normalization"),
        (IMAGE[..., ::-1], "channels"),
        (np.roll(IMAGE, 1, axis=2), "pixels"),
    ],
)
def test_an_image_that_is_made_otherwise_is_found(found: Any, verdict: str) -> None:
    assert check_input([(found, IMAGE)]).verdict == verdict


@pytest.mark.parametrize(
    "changes, kind, words",
    [
        ({"clipped_share": 0.07, "high": 1.2}, "range_too_narrow", "7 % are cut off; the checkpoint's own"),
        ({"clipped_share": 0.07, "high": 1.2, "graph_high": None}, "range_too_narrow", "[0, 1.2], the values go over"),
        ({"low": -6.0, "graph_low": -6.0, "unused_share": 0.97}, "range_never_learnt", "the initial [-6, 6]"),
        ({"unused_share": 0.97, "high": 90, "graph_high": 90}, "range_too_wide", "97 % of it never used"),
        (
            {"weights_compared": {"relative_error": 0.3, "worst": 7, "worst_slope": 4.0, "count": 32}},
            "weights_differ", "channel 7 of 32 has 4 times the checkpoint's weights",
        ),
        (
            {
                "weights_compared": {
                    "relative_error": 0.6, "worst": 7, "worst_slope": 1.6, "count": 32, "slopes": [1.599, 1.601],
                },
                "folded": True, "low": 0.0, "high": 2.25,
            },
            "weights_differ", "1.6 times the checkpoint's weights, its clip to [0, 2.25] being folded into them",
        ),
        (
            {"weights_compared": {"relative_error": 0.3, "different_values": 4, "different_values_in_graph": 240}},
            "weights_rounded", "4 different values are left of the checkpoint's 240",
        ),
        (
            {
                "weights_compared": {"rounding_error": 0.08, "different_values": 200}, "weights_dtype": "uint8",
                "step": 0, "own_error_steps": None, "low": None, "high": None,
            },
            "weights_rounded", "8 bits with one scale for all its channels leave them 8 % off",
        ),
        (
            {"weights_compared": {"relative_error": 0.0, "bias_rounding_error": 0.3}},
            "bias_rounded", "bias rounded: 8 bits with one scale",
        ),
        ({"weights_compared": {"no_numbers": 3}}, "no_numbers", "3 of its weights are infinite or no numbers"),
        ({"no_numbers_share": 0.25}, "no_numbers", "25 % of its values are infinite or no numbers"),
        (
            {"step": 0, "own_error_steps": None, "unused_share": None, "high": 9.0},
            "range_too_wide", "the file cuts off at [0, 9], the checkpoint at [0, 6]",
        ),
        (
            {
                "weights_compared": {"relative_error": 0.0, "worst": 3, "worst_slope": 1.0, "count": 32},
                "channels": {**CHANNELS, "nine_tenths": 1, "slope": 1.7},
            },
            "bias", "channel 3 of 32 differs, but its weights do not",
        ),
        (
            {"weights_compared": {"range_ratio": 100.0, "widest": 9, "count": 32}},
            "uneven_weights", "100 times the range of the middle one, which 3 of 255 steps are left for",
        ),
        ({"channels": {**CHANNELS, "nine_tenths": 1, "shift": 0.8}}, "bias", "channel 3 of 32 is shifted by 0.8"),
        ({"channels": {**CHANNELS, "slopes": [0.6, 1.0, 1.7]}}, "folding", "(0.60 to 1.70): batch normalization"),
        ({}, "unknown", "in all channels alike"),
    ],
)  # fmt: skip
def test_the_cause_of_a_layer_that_parts(changes: dict[str, Any], kind: str, words: str) -> None:
    (fault,) = find_faults([SOUND, {**OFF, **changes}], name="cats")
    assert fault.kind == kind
    assert words in fault.cause
    assert fault.advice


@pytest.mark.parametrize(
    "layer",
    [
        SOUND,
        {**OFF, "matched": False},
        {**OFF, "operator": "RESHAPE"},
        {**OFF, "own_relative_error": 0.04},  # rounding, of a narrow signal
        {**OFF, "own_error_steps": 0.3},
        {**OFF, "signal": 1e-9, "held": [0, 1e-8]},  # a part that no box ever taught
        {**SOUND, "own_error_steps": None, "step": 0, "own_relative_error": 0.004},  # float16
        {**SOUND, "own_error_steps": None, "step": 0, "own_relative_error": 0.03, "weights_dtype": "uint8"},
    ],
)
def test_what_is_no_fault(layer: dict[str, Any]) -> None:
    assert find_faults([layer], name="cats") == []


def test_a_range_that_cuts_off_in_the_checkpoint_too_is_no_difference_but_told() -> None:
    weak = {**SOUND, "clipped_share": 0.19}
    assert find_faults([weak], name="cats") == []
    assert find_weak_ranges([SOUND, weak]) == ["net/Relu6: [0, 6] cuts off 19 % of the values"]


def test_boxes_are_decoded_from_the_middle_of_their_anchor() -> None:
    anchors = np.array([[0.5, 0.4, 0.2, 0.1]], np.float32)
    assert decode_boxes(np.zeros((1, 4), np.float32), anchors)[0].tolist() == pytest.approx([0.4, 0.35, 0.6, 0.45])
    moved = decode_boxes(np.array([[10, 0, 5 * np.log(2), 0]], np.float32), anchors)
    assert moved[0].tolist() == pytest.approx([0.5, 0.35, 0.9, 0.45])


def test_each_class_is_suppressed_by_itself_and_boxes_end_at_the_image() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0.02, 0, 0.5, 0.5], [0.6, 0.6, 1.2, 1], [1.1, 0, 1.2, 1]], np.float32)
    scores = np.array([[0.9, 0.6], [0.8, 0.7], [0, 0.5], [0.4, 0]], np.float32)
    found = suppress(boxes, scores, iou_threshold=0.6)
    expected = [
        Detection(1, 0.9, 0, 0, 0.5, 0.5),
        Detection(2, 0.7, 0.02, 0, 0.5, 0.5),
        Detection(2, 0.5, 0.6, 0.6, 1, 1),
    ]
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert len(suppress(boxes, scores, iou_threshold=0.6, most=1)) == 1


def test_raw_outputs_are_shares_of_what_the_image_covers_of_the_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", anchors=np.array([[0.25, 0.5, 0.2, 0.4]], np.float32))
    # The scores of the background come first, or are left out
    for number, scores in enumerate(([[0.3, 0.7]], [[0.7]])):
        raw = {"encodings": np.zeros((1, 4), np.float32), "scores": np.array(scores, np.float32)}
        np.savez(tmp_path / f"raw-{number:03}.npz", **raw)
    told = {
        "input": {"height": 20, "width": 20, "resize": "letterbox"}, "post_process": {"num_classes": 1},
        "iou_threshold": 0.6,
    }  # fmt: skip
    # Half as high as wide: it covers the upper half
    boxed = list(suppress_as_checkpoint(tmp_path, told, [(20, 40), (40, 40)]))
    assert [one[2:] for found in boxed for one in found] == [
        pytest.approx((0.3, 0.3, 0.7, 0.7)), pytest.approx((0.15, 0.3, 0.35, 0.7)),
    ]  # fmt: skip
    stretched = list(
        suppress_as_checkpoint(tmp_path, {**told, "input": {**told["input"], "resize": "stretch"}}, [(20, 40)])
    )
    assert stretched[0][0] == pytest.approx(Detection(1, 0.7, 0.15, 0.3, 0.35, 0.7))


def test_of_an_artefact_that_resizes_by_itself_what_it_covered_counts(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", anchors=np.array([[0.25, 0.5, 0.2, 0.4]], np.float32))
    raw = {"encodings": np.zeros((1, 4), np.float32), "scores": np.array([[0.3, 0.7]], np.float32)}
    np.savez(tmp_path / "raw-000.npz", **raw, covered=np.array([0.5, 0.8], np.float32))
    told = {"input": {"height": 20, "width": 20}, "post_process": {"num_classes": 1}, "iou_threshold": 0.6}
    (found,) = suppress_as_checkpoint(tmp_path, told, [(20, 40)])
    assert found == [pytest.approx(Detection(1, 0.7, 0.3, 0.375, 0.7, 0.875))]


@pytest.mark.parametrize("adds, bars", [(1e-6, 1), (0.001, 1), (0.005, BAR // 2), (0.01, BAR), (0.4, BAR)])
def test_a_bar_is_full_only_where_a_layer_adds_a_hundredth(adds: float, bars: int) -> None:
    layer = {**SOUND, "own_relative_error": adds, "relative_error": adds}
    *_, row = render_layers([layer], first=None).splitlines()
    assert row.count("#") == bars
