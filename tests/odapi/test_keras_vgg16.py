"""VGG-16 as a feature extractor: what Keras knows is what the detector begins with, weight by weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.odapi.conftest import SCRIPTS, run
from tests.project import ROOT

pytestmark = pytest.mark.odapi

CONVOLUTIONS = [
    f"block{block}_conv{number}/{weight}"
    for block, count in enumerate((2, 2, 3, 3, 3), start=1)
    for number in range(1, count + 1)
    for weight in ("kernel", "bias")
]
HIDDEN = ["fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias"]
PREDICTIONS = ["predictions/kernel", "predictions/bias"]


def build(python: Path, folder: Path, *flags: str) -> dict[str, Any]:
    script = ROOT / "tests/odapi/keras_restored.py"
    done = run([str(python), str(script), f"--folder={folder}", f"--report={folder}/report.json", *flags])
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "report.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def restored(odapi_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return build(odapi_python, tmp_path_factory.mktemp("restored"))


@pytest.mark.parametrize("name", ["with_top", "one_file"])
@pytest.mark.parametrize("way", ["restore_map", "restore"])
def test_every_vgg_variable_of_the_detector_equals_the_keras_weight(
    name: str, way: str, restored: dict[str, Any]
) -> None:
    assert list(restored[name]["variables"]) == CONVOLUTIONS + HIDDEN + PREDICTIONS
    assert restored[name][way] == {"equal": CONVOLUTIONS + HIDDEN, "different": [], "absent": []}
    assert restored[name]["report"]["backbone"] == {"restored": 30, "variables": 30}


@pytest.mark.parametrize("way", ["restore_map", "restore"])
def test_a_classifier_without_its_top_gives_the_convolutions(way: str, restored: dict[str, Any]) -> None:
    assert list(restored["without_top"]["variables"]) == CONVOLUTIONS
    assert restored["without_top"][way] == {"equal": CONVOLUTIONS, "different": [], "absent": HIDDEN}
    assert restored["without_top"]["report"]["backbone"] == {"restored": 26, "variables": 30}


def test_the_converter_says_who_takes_it_and_what_to_do_next(restored: dict[str, Any]) -> None:
    *_, takes, kernel, hint = restored["with_top"]["printed"]
    assert takes == "faster_rcnn_vgg16 takes 29 of its 30 variables from it"
    assert kernel == "  not taken: fc1/kernel is 2048x4096; wanted 25088x4096"
    assert hint.startswith("next: make train MODEL=faster_rcnn_vgg16 PRETRAINED=")
    assert hint.endswith("/with_top/model.ckpt DATASET=...")


def test_the_extractor_computes_what_keras_does(restored: dict[str, Any]) -> None:
    for name, (difference, largest) in restored["features"].items():
        assert difference <= 1e-5 * largest, name
        assert largest > 1, name


@pytest.mark.slow
def test_a_classifier_of_imagenets_size_gives_all_of_vgg16(odapi_python: Path, tmp_path: Path) -> None:
    whole = build(odapi_python, tmp_path, "--whole")["with_top"]
    assert whole["restore"] == {"equal": CONVOLUTIONS + HIDDEN, "different": [], "absent": []}
    assert whole["printed"][-2] == "faster_rcnn_vgg16 takes 30 of its 30 variables from it"


def test_another_stride_is_refused_and_a_taken_name_too(odapi_python: Path) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import feature_extractors
for attempt in (
    lambda: feature_extractors.FASTER_RCNN["faster_rcnn_vgg16"](True, 8),
    lambda: feature_extractors._register({"faster_rcnn_resnet50": object}, feature_extractors.model_builder.
                                         FASTER_RCNN_FEATURE_EXTRACTOR_CLASS_MAP),
):
    try:
        attempt()
    except ValueError as error:
        print(error)
"""
    done = run([str(odapi_python), "-c", code, str(SCRIPTS)])
    assert done.stdout.splitlines() == [
        "faster_rcnn_vgg16: first_stage_features_stride is 8; wanted 16",
        "feature extractors of these names exist already: faster_rcnn_resnet50",
    ]


def test_every_script_that_builds_models_knows_our_feature_extractors() -> None:
    builders = ("model_builder", "import exporter", "export_tflite_ssd_graph_lib", ", exporter")
    scripts = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS.rglob("*.py")}
    building = {name for name, text in scripts.items() if any(word in text for word in builders)}
    assert {"training_graph.py", "freeze.py", "model_variables.py", "feature_extractors.py"} <= building
    unaware = {name for name in building - {"feature_extractors.py"} if "feature_extractors import" not in scripts[name]
               and "import feature_extractors" not in scripts[name]}  # fmt: skip
    assert unaware == set()
