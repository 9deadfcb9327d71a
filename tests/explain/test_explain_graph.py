"""explain-drop of frozen graphs and SavedModels: of the tiny model's, sound and with constants that were changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.drop_page import render_drop_page
from pipeline.report.drop_table import render_drop
from tests.explain.conftest import HERE, judge_all, run_script
from tests.explain.test_explain import kinds
from tests.project import ROOT

pytestmark = pytest.mark.odapi

FROZEN, SAVED = "frozen_inference_graph.pb", "saved_model"
SCOPE = "FeatureExtractor/MobilenetV2/expanded_conv_5"
PROJECT = f"{SCOPE}/project/add_fold"
DAMAGES = {
    "frozen_sound": (FROZEN, "", ""),
    "frozen_scaled": (FROZEN, f"{SCOPE}/project/weights", "*4"),
    "frozen_suppressed": (FROZEN, "/iou_threshold", "=0.05"),
    "frozen_normalized": (FROZEN, "Preprocessor/mul/x", "*0.9"),
    "saved_sound": (SAVED, "", ""),
    "saved_narrow": (SAVED, f"{SCOPE}/expand/act_quant/max", "*0.1"),
}
Explained = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def explained_graphs(
    tiny_run_dir: Path, tiny_frozen_dir: Path, tiny_records_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Explained:
    """What drop.json says of each graph of DAMAGES."""
    root, copies = tmp_path_factory.mktemp("explained_graphs"), tmp_path_factory.mktemp("graphs")
    for name, (graph, ending, change) in DAMAGES.items():
        frozen = shutil.copytree(tiny_frozen_dir, copies / name)
        if ending:
            run_script(HERE / "damage_graph.py", frozen, graph, ending, change)
        run_script(
            ROOT / "container_scripts/explain_graph.py", "--records-dir", tiny_records_dir, "--frozen-dir", frozen,
            "--graph", graph, "--images", 2, "--layer-images", 1, "--out", root / name / "artefact",
        )  # fmt: skip
    return judge_all(root, tiny_records_dir, tiny_frozen_dir, artefact="frozen_graph", train=tiny_run_dir / "train")


@pytest.mark.parametrize("name", ["frozen_sound", "saved_sound"])
def test_nothing_parts_in_a_sound_graph_not_even_in_the_last_digit(explained_graphs: Explained, name: str) -> None:
    found = explained_graphs[name]
    assert (found["findings"], found["first_layer"], found["advice"]) == ([], None, None)
    assert found["map"]["artefact"] == found["map"]["checkpoint"] == found["map"]["checkpoint_nms"]
    assert found["headline"].startswith("nothing found, drop is 0.0 points")
    assert [step["step"] for step in found["steps"]] == ["post_processing", "input", "layers"]
    layers = found["layers"]
    assert [one["name"] for one in layers if not one["matched"]] == []
    assert max(one["own_relative_error"] or 0 for one in layers) < 1e-6
    assert {f"{SCOPE}/expand/Relu6", PROJECT, f"{SCOPE}/add", "concat"} <= {one["name"] for one in layers}
    # Of the thousands of nodes only what an engineer calls a layer
    assert 80 < len(layers) < 120


def test_the_convolution_whose_weights_were_scaled_is_named(explained_graphs: Explained) -> None:
    found = explained_graphs["frozen_scaled"]
    assert kinds(found) == [("layers", "weights_differ", PROJECT)]
    assert found["first_layer"] == PROJECT
    assert f"layers: {PROJECT}: weights: all channels have 4 times the checkpoint's" in found["headline"]
    assert found["advice"] == "the graph is damaged or of another checkpoint: make export NAME=cats"
    after = [one for one in found["layers"] if one["name"].startswith("BoxPredictor_0") and one["matched"]]
    # The layers after it inherit the error, and are not blamed
    assert max(one["relative_error"] or 0 for one in after) > 0.01
    assert max(one["own_relative_error"] or 0 for one in after) < 1e-6


def test_the_range_that_is_not_the_checkpoints_is_named_with_what_it_cuts_off(explained_graphs: Explained) -> None:
    found = explained_graphs["saved_narrow"]
    assert kinds(found) == [("layers", "range_differs", f"{SCOPE}/expand/Relu6")]
    assert "range differs: the graph holds [0, " in found["headline"]
    assert "of its values are cut off" in found["headline"]


def test_what_the_post_processing_has_otherwise_is_named_and_no_layer(explained_graphs: Explained) -> None:
    found = explained_graphs["frozen_suppressed"]
    assert kinds(found) == [("post_processing", "iou_threshold", None)]
    assert "post-processing: Postprocessor/.../iou_threshold is 0.05, the checkpoint's 0.6" in found["headline"]
    assert found["map"]["checkpoint_nms"] == found["map"]["checkpoint"]


def test_another_normalization_is_laid_to_the_input_and_not_to_a_layer(explained_graphs: Explained) -> None:
    found = explained_graphs["frozen_normalized"]
    ((step, kind, _),) = kinds(found)
    assert (step, kind) == ("input", "normalization")
    assert "the checkpoint sees 1.111 x + " in found["headline"]
    assert "Preprocessor/mul/x is 0.007059, the checkpoint's 0.007843" in found["headline"]


def test_screen_and_page_show_a_graph_as_they_show_a_tflite(explained_graphs: Explained) -> None:
    text = render_drop(explained_graphs["frozen_scaled"])
    (row,) = [line for line in text.splitlines() if line.endswith("parts first")]
    assert "expanded_conv_5/project/add_fold" in row
    assert "  LOSS layers           " in text
    assert render_drop_page(explained_graphs["frozen_scaled"]).count('<rect class="parts"') == 1
    # Nobody needs ten layers that add nothing
    assert "the layers that add most" not in render_drop(explained_graphs["frozen_sound"])
