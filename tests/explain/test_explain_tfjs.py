"""The same as test_explain.py of fast TensorFlow.js builds, run in Node, whose files were changed in known ways."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report.drop_page import render_drop_page
from pipeline.report.drop_table import render_drop
from tests.explain.test_explain import kinds, layer

pytestmark = [pytest.mark.odapi, pytest.mark.tfjs]

Explained = dict[str, dict[str, Any]]
DEPTHWISE = "FeatureExtractor/depthwise/convolution"
EXPAND = "FeatureExtractor/expand/Relu6"


def test_nothing_is_found_in_a_sound_build(explained_tfjs: Explained) -> None:
    found = explained_tfjs["healthy"]
    assert found["findings"] == []
    assert found["headline"] == (
        "nothing found, drop is 0.0 points: post-processing, input, boxes and every layer agree with the checkpoint"
    )
    assert [step["step"] for step in found["steps"]] == ["post_processing", "input", "boxes", "layers"]
    assert found["steps"][0]["text"] == (
        "regular NMS, 100 boxes; instead: the checkpoint's own post-processing +0.0 points"
    )
    assert found["steps"][1]["text"] == "same image: mean 127.5, deviation 127.5"
    assert set(found["map"]) == {"artefact", "checkpoint_nms", "frozen_graph", "reference", "shipped"}


def test_every_node_holds_what_the_graph_makes_of_the_values_before_it(explained_tfjs: Explained) -> None:
    layers = explained_tfjs["healthy"]["layers"]
    assert [one["name"] for one in layers if not one["matched"]] == []
    # Floats, of weights that lose nothing: some ten millionths
    assert all(one["own_relative_error"] < 1e-5 for one in layers)
    assert all(one["weights_compared"]["relative_error"] < 1e-5 for one in layers if one["weights"] is not None)
    # The graph rounds to 8 bits on its way from the image, the build does not
    assert 1e-3 < layer(explained_tfjs["healthy"], "convert_scores")["relative_error"] < 0.05


def test_a_clip_that_is_folded_into_a_convolution_is_taken_out_again(explained_tfjs: Explained) -> None:
    found = explained_tfjs["healthy"]
    folded = layer(found, DEPTHWISE)
    assert folded["folded"]
    assert 0 < folded["high"] == folded["graph_high"] < 6
    # It ends in Relu6, which is another range than the one that it stands for
    assert folded["held"][1] <= folded["high"] * (1 + 1e-5)
    assert not layer(found, EXPAND)["folded"]


@pytest.mark.parametrize(
    ("name", "kind", "where", "words"),
    [
        ("scaled", "weights_differ", EXPAND, "weights differ: all channels have 1.3 times the checkpoint's weights"),
        ("rounded", "weights_rounded", EXPAND, "weights rounded: 4 different values are left of the checkpoint's"),
        ("bias", "bias", EXPAND, "channel 5 of 16 differs, but its weights do not: its bias does"),
        (
            "no_numbers", "no_numbers", "BoxPredictor_0/ClassPredictor/BiasAdd",
            "1 of its weights are infinite or no numbers (NaN)",
        ),
        (
            "narrow", "range_too_narrow", "BoxPredictor_0/BoxEncodingPredictor/act_quant/FakeQuantWithMinMaxVars",
            "range too narrow: the file holds [",
        ),
    ],
)  # fmt: skip
def test_the_layer_that_was_damaged_is_named_and_no_other(
    explained_tfjs: Explained, name: str, kind: str, where: str, words: str
) -> None:
    found = explained_tfjs[name]
    assert kinds(found) == [("layers", kind, where)]
    assert found["first_layer"] == where
    assert f"layers: {where}: {words}" in found["headline"]
    assert found["advice"].endswith("make export NAME=cats") or "(make export NAME=cats)" in found["advice"]
    assert found["drop_points"] > 1


def test_a_clip_that_is_folded_wrongly_is_laid_to_the_layer_that_it_is_folded_into(explained_tfjs: Explained) -> None:
    found = explained_tfjs["folded"]
    # What follows divides by that factor, which is not what it should do either
    assert kinds(found) == [("layers", "weights_differ", DEPTHWISE), ("layers", "weights_differ", EXPAND)]
    assert found["first_layer"] == DEPTHWISE
    assert "all channels have 1.6 times the checkpoint's weights, its clip to [0, " in found["headline"]
    assert "] being folded into them" in found["headline"]


def test_another_normalization_is_laid_to_the_input_and_not_to_a_layer(explained_tfjs: Explained) -> None:
    found = explained_tfjs["normalized"]
    assert kinds(found) == [("input", "normalization", "normalized_input_image_tensor")]
    assert (
        "other normalization: the file has mean 0, deviation 255, the checkpoint mean 127.5, deviation 127.5"
        in found["headline"]
    )


def test_other_anchors_are_found(explained_tfjs: Explained) -> None:
    assert kinds(explained_tfjs["anchors"]) == [("boxes", "anchors", None)]


def test_what_detector_js_suppresses_otherwise_is_laid_to_the_post_processing(explained_tfjs: Explained) -> None:
    found = explained_tfjs["suppressed"]
    assert kinds(found) == [("post_processing", "iou_threshold", None)]
    assert "the file suppresses at an overlap of 0.05, the checkpoint at 0.6: " in found["headline"]
    assert found["map"]["checkpoint_nms"] == pytest.approx(found["map"]["frozen_graph"], abs=1e-3)


def test_screen_and_page_show_a_build_as_they_show_a_tflite(explained_tfjs: Explained) -> None:
    found = explained_tfjs["scaled"]
    text = render_drop(found)
    assert text.startswith("tfjs_fast of cats: mAP ")
    (row,) = [line for line in text.splitlines() if line.endswith("parts first")]
    assert EXPAND in row
    assert render_drop_page(found).count('<rect class="parts"') == 1
