"""pipeline.explain and container_scripts/explain_tensors.py, on a detector of which every fault is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.report.drop_page import render_drop_page
from pipeline.report.drop_table import render_drop

pytestmark = pytest.mark.odapi

Explained = dict[str, dict[str, Any]]
LAYERS = [
    "normalized_input_image_tensor",
    "FeatureExtractor/Conv/Relu6",
    "FeatureExtractor/depthwise/Relu6",
    "FeatureExtractor/expand/Relu6",
]


def kinds(found: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(one["step"], one["kind"], one["layer"]) for one in found["findings"]]


def layer(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["layers"] if one["name"] == name]
    return one


@pytest.mark.parametrize("name", ["healthy", "float"])
def test_nothing_is_found_in_a_sound_file(explained: Explained, name: str) -> None:
    found = explained[name]
    assert found["findings"] == []
    assert found["first_layer"] is None
    assert abs(found["drop_points"]) < 1
    assert found["headline"] == (
        f"nothing found, drop is {found['drop_points']:.1f} points: post-processing, input, boxes and every layer "
        "agree with the checkpoint"
    )
    assert [step["step"] for step in found["steps"]] == ["post_processing", "input", "boxes", "layers"]


def test_every_layer_of_the_file_is_found_in_the_graph(explained: Explained) -> None:
    found = explained["healthy"]["layers"]
    assert [one["name"] for one in found][:4] == LAYERS
    assert all(one["matched"] for one in found)
    assert found[1]["inputs"] == ["normalized_input_image_tensor"]
    # What the graph makes of the file's own values is the file's next value, but for a rounding here and there
    assert all(one["own_error_steps"] < 0.5 for one in found[1:])
    assert all(one["weights_compared"]["relative_error"] < 1e-3 for one in found if one["weights"] is not None)


def test_the_checkpoints_own_post_processing_gives_the_graphs_map(explained: Explained) -> None:
    # The raw outputs of the float file are the graph's, and so has to be what NumPy makes of them
    scores = explained["float"]["map"]
    assert scores["frozen_graph"] == pytest.approx(1)
    assert scores["checkpoint_nms"] == pytest.approx(scores["frozen_graph"], abs=1e-3)


def test_fast_suppression_is_found_before_anything_else(explained: Explained) -> None:
    found = explained["fast"]
    assert kinds(found) == [("post_processing", "fast_nms", None)]
    assert found["drop_points"] > 10
    assert found["post_processing_points"] == pytest.approx(found["drop_points"], abs=1)
    assert "post-processing: fast NMS loses" in found["headline"]
    assert found["advice"] == "make export NAME=cats NMS=regular"


def test_too_few_boxes_are_found(explained: Explained) -> None:
    found = explained["few"]
    assert kinds(found) == [("post_processing", "few_boxes", None)]
    assert "the file gives 2 boxes an image" in found["headline"]
    assert found["advice"].startswith("make export NAME=cats MAX_DETECTIONS=100")


def test_a_range_that_is_too_narrow_is_named_with_what_it_cuts_off(explained: Explained) -> None:
    found = explained["narrow"]
    assert kinds(found) == [("layers", "range_too_narrow", "FeatureExtractor/expand/Relu6")]
    assert found["network_points"] > 10
    cause = found["findings"][0]["cause"]
    assert cause.startswith("range too narrow: the file holds [0, 0.3], the values go over [0, ")
    assert layer(found, "FeatureExtractor/expand/Relu6")["clipped_share"] > 0.05
    # The layers after it inherit the error, and are not blamed
    after = layer(found, "BoxPredictor_0/ClassPredictor/BiasAdd")
    assert after["relative_error"] > 0.1
    assert after["own_relative_error"] < 0.02


def test_a_range_that_is_too_wide_is_named(explained: Explained) -> None:
    found = explained["wide"]
    assert kinds(found) == [("layers", "range_too_wide", "FeatureExtractor/depthwise/Relu6")]
    assert "few of the 255 steps are left" in found["headline"]


def test_a_channel_with_other_weights_is_named(explained: Explained) -> None:
    found = explained["channel"]
    assert kinds(found) == [("layers", "weights_differ", "FeatureExtractor/expand/Relu6")]
    assert "weights differ: channel 5 of 16 has -" in found["headline"]
    assert layer(found, "FeatureExtractor/expand/Relu6")["channels"]["worst"] == 5


def test_another_normalization_is_laid_to_the_input_and_not_to_a_layer(explained: Explained) -> None:
    found = explained["normalized"]
    assert kinds(found) == [("input", "normalization", "normalized_input_image_tensor")]
    assert (
        "other normalization: the file has mean 0, deviation 255, the checkpoint mean 127.5, deviation 127.5"
        in found["headline"]
    )


def test_other_anchors_are_found(explained: Explained) -> None:
    found = explained["anchors"]
    assert kinds(found) == [("boxes", "anchors", None)]
    assert "anchors decode to boxes up to" in found["headline"]


def test_the_screen_shows_the_steps_the_worst_layers_and_what_to_do(explained: Explained) -> None:
    text = render_drop(explained["narrow"])
    assert max(map(len, text.split("\n\n")[1].splitlines())) <= 120
    assert "  ok   post-processing  regular NMS, 100 boxes" in text
    assert "  LOSS layers           " in text
    (row,) = [line for line in text.splitlines() if line.endswith("parts first")]
    assert "FeatureExtractor/expand/Relu6" in row
    assert "##############" in row
    assert text.splitlines()[-1] == (
        "what to do: the file was not made of this checkpoint's ranges: freeze and convert again "
        "(make export NAME=cats)"
    )
    assert "what to do" not in render_drop(explained["healthy"])


def test_the_page_needs_nothing_else_and_marks_the_layer(explained: Explained) -> None:
    page = render_drop_page(explained["narrow"])
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert page.count('<rect class="parts"') == 1
    assert page.count('<rect class="own"') == len(explained["narrow"]["layers"]) - 1
    assert page == render_drop_page(json.loads(json.dumps(explained["narrow"])))
