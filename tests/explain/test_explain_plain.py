"""The same as test_explain_tfjs.py of plain builds: the whole SavedModel, loops before its network and after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.explain.test_explain import kinds, layer

pytestmark = [pytest.mark.odapi, pytest.mark.tfjs]

Explained = dict[str, dict[str, Any]]
INPUT = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
EXPAND = "FeatureExtractor/expand/Relu6"
CLIP = "BoxPredictor_0/BoxEncodingPredictor/act_quant/FakeQuantWithMinMaxVars"


def test_nothing_is_found_in_a_sound_build(explained_plain: Explained) -> None:
    found = explained_plain["healthy"]
    assert found["findings"] == []
    assert found["headline"] == (
        "nothing found, drop is 0.0 points: post-processing, input, boxes and every layer agree with the checkpoint"
    )
    assert [step["text"] for step in found["steps"]][:3] == [
        "regular NMS, 100 boxes; instead: the checkpoint's own post-processing +0.0 points",
        "same image: mean 127.5, deviation 127.5",
        "64 anchors decode to the same boxes",
    ]
    assert found["post_process"]["iou_threshold"] == pytest.approx(0.6)
    assert found["post_process"]["detections_per_class"] == 100


def test_its_network_is_found_between_the_loops_and_every_node_of_it_in_the_graph(explained_plain: Explained) -> None:
    layers = explained_plain["healthy"]["layers"]
    assert [one["name"] for one in layers if not one["matched"]] == []
    assert (layers[0]["name"], layers[0]["operator"]) == (INPUT, "INPUT")
    assert layers[-1]["name"] == "Postprocessor/convert_scores"
    # No FakeQuant is folded into a convolution here: each is a node that clips
    assert layer(explained_plain["healthy"], CLIP)["operator"] == "ClipByValue"
    assert not any(one.get("folded") for one in layers)
    assert all(one["own_relative_error"] < 1e-5 for one in layers)
    weighed = [one["weights_compared"] for one in layers if one["weights"] is not None]
    assert len(weighed) == 5
    assert all(one["relative_error"] < 1e-5 for one in weighed)
    assert 1e-3 < layers[-1]["relative_error"] < 0.05


@pytest.mark.parametrize(
    ("name", "kind", "where", "words"),
    [
        ("scaled", "weights_differ", EXPAND, "weights differ: all channels have 4 times the checkpoint's weights"),
        ("rounded", "weights_rounded", EXPAND, "weights rounded: 4 different values are left of the checkpoint's"),
        ("narrow", "range_too_narrow", CLIP, "range too narrow: the file holds ["),
    ],
)
def test_the_layer_that_was_damaged_is_named_and_no_other(
    explained_plain: Explained, name: str, kind: str, where: str, words: str
) -> None:
    found = explained_plain[name]
    assert kinds(found) == [("layers", kind, where)]
    assert found["first_layer"] == where
    assert f"layers: {where}: {words}" in found["headline"]
    assert found["drop_points"] > 1


def test_what_is_lost_before_the_network_is_laid_to_the_input(explained_plain: Explained) -> None:
    found = explained_plain["normalized"]
    assert kinds(found) == [("input", "normalization", INPUT)]
    assert (
        "other normalization: the file has mean 255, deviation 255, the checkpoint mean 127.5, deviation 127.5"
        in found["headline"]
    )


def test_what_is_lost_after_the_network_is_laid_to_the_post_processing(explained_plain: Explained) -> None:
    found = explained_plain["suppressed"]
    assert kinds(found) == [("post_processing", "iou_threshold", None)]
    assert "the file suppresses at an overlap of 0.05, the checkpoint at 0.6: " in found["headline"]
    assert found["map"]["checkpoint_nms"] == pytest.approx(found["map"]["frozen_graph"], abs=1e-3)
    assert found["network_points"] == pytest.approx(0, abs=0.1)


def test_anchors_and_scales_are_those_that_its_decoder_shows(explained_plain: Explained) -> None:
    sound, moved, none = (explained_plain[name]["steps"][2] for name in ("healthy", "anchors", "no_anchors"))
    # Far less than other scales would give, such as 9 for 10
    assert sound["largest_difference"] < 1e-5
    assert kinds(explained_plain["anchors"]) == [("boxes", "anchors", None)]
    assert np.isfinite(moved["largest_difference"])
    assert moved["largest_difference"] > 0.1
    assert kinds(explained_plain["no_anchors"]) == [("boxes", "anchors", None)]
    assert none["text"] == "1 of the file's 64 anchors are infinite or no numbers (NaN)"


def test_what_an_image_covers_of_an_input_that_keeps_its_ratio_is_taken_from_the_build(
    explained_padded: dict[str, Any],
) -> None:
    assert explained_padded["findings"] == []
    scores = explained_padded["map"]
    assert scores["frozen_graph"] == pytest.approx(1)
    # Taken for all of the input, boxes would be a quarter too small, and hardly one would be found
    assert scores["checkpoint_nms"] == pytest.approx(scores["frozen_graph"], abs=1e-3)
    assert scores["shipped"] == pytest.approx(scores["frozen_graph"], abs=1e-3)
