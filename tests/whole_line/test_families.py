"""A model of each SSD family, trained for a few hundred steps on drawn images, loses no more than it may in any form.

Takes minutes a family (two cores), so it is asked for by name, one or all:

    make test TESTS='-m slow tests/whole_line/test_families.py -k ssd_mobilenet_v1_ppn'

The input is small and the backbone narrow where its extractor can be, because what is tested is the way of the numbers
through every converter and runtime, not how well the model gets. ODPIPE_FAMILIES_DIR keeps the runs there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.models import read_preset
from pipeline.report.artefact_table import render_accuracy
from pipeline.sample import draw_sample
from tests.conftest import odpipe
from tests.project import copy_project, need_environment

pytestmark = [pytest.mark.slow, pytest.mark.odapi, pytest.mark.toco, pytest.mark.tfjs]

SIDE, STEPS, BATCH = 160, 400, 8
IMAGES, TEST_FRACTION = 500, 0.5
"""Half of them to test: a model trained quantized rounds otherwise in each runtime, and with 60 images that alone moved
its mAP by 0.5 points."""

LEAST_MAP = 0.05
"""A model that finds nothing has nothing to lose, and would prove nothing."""

DEPTH = "model.ssd.feature_extractor.depth_multiplier=0.35"
RESIZER = "model.ssd.image_resizer.fixed_shape_resizer"
SMALL = (f"{RESIZER}.height={SIDE}", f"{RESIZER}.width={SIDE}")
# Moving averages that follow in hundreds of steps
SHORT = "model.ssd.feature_extractor.conv_hyperparams.batch_norm.decay=0.95"
FAMILIES: dict[str, tuple[str, ...]] = {
    "ssd_mobilenet_v1": (*SMALL, DEPTH),
    "ssd_mobilenet_v1_quantized": (*SMALL, DEPTH),
    "ssd_mobilenet_v1_ppn": (*SMALL, DEPTH),
    "ssd_mobilenet_v1_fpn": (*SMALL, DEPTH),
    "ssd_mobilenet_v2": (*SMALL, DEPTH),
    "ssd_mobilenet_v2_quantized": (*SMALL, DEPTH),
    "ssdlite_mobilenet_v2": (*SMALL, DEPTH),
    "ssdlite_mobilenet_v3_large": SMALL,
    "ssdlite_mobilenet_v3_small": SMALL,
    "ssd_inception_v2": (*SMALL, DEPTH),
    "ssdlite_mobiledet_cpu": SMALL,
    "ssdlite_mobiledet_edgetpu": SMALL,
    "ssdlite_mobiledet_dsp": SMALL,
    "ssdlite_mobilenet_edgetpu": SMALL,
    # It takes 256x256 pixels and nothing else
    "embedded_ssd_mobilenet_v1": (),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with drawn images; runs that are there already go on where they were."""
    for image in ("odapi", "toco", "tfjs"):
        need_environment(image)
    kept = os.environ.get("ODPIPE_FAMILIES_DIR")
    folder = Path(kept) / "project" if kept else tmp_path_factory.mktemp("families") / "project"
    if not folder.is_dir():
        copy_project(folder, environments=True)
        draw_sample(folder / "input/drawn", images=IMAGES)
    return folder


def test_every_ssd_preset_is_of_a_family_that_is_trained() -> None:
    presets = {path.stem for path in (Path(__file__).resolve().parents[2] / "pipeline/models").glob("*.yaml")}
    others = {name for name in presets if read_preset(name).architecture != "ssd"}
    of_another_depth = {"ssd_mobilenet_v1_0.75_depth", "ssd_mobilenet_v1_0.75_depth_quantized"}
    of_make_demo = {"ssd_mobilenet_v2_quantized_small"}
    assert presets - others - of_another_depth - of_make_demo == set(FAMILIES)


@pytest.mark.parametrize("model", FAMILIES)
def test_a_family_loses_no_more_than_it_may(root: Path, model: str) -> None:
    words = [word for assignment in (SHORT, *FAMILIES[model]) for word in ("--set", assignment)]
    length = ("--steps", str(STEPS), "--batch", str(BATCH), "--lr", "0.002", "--augment", "flip")
    data = ("--dataset", "input/drawn", "--test-fraction", str(TEST_FRACTION))
    begin = ("--model", model, *data, "--pretrained", "none", "--eval-every", "0")
    local = ("--name", model, "--backend", "local")
    trained = odpipe(root, "train", *begin, *length, *words, *local)
    assert trained.returncode == 0, trained.stderr[-3000:]
    exported = odpipe(root, "export", "--checkpoint", "last", *local)
    metrics = json.loads((root / f"output/{model}/evaluation/metrics.json").read_text(encoding="utf-8"))
    print(f"\n{model}\n{render_accuracy(metrics)}")
    assert exported.returncode == 0, exported.stderr[-3000:]
    assert metrics[0]["artefact"] == "checkpoint" and metrics[0]["map"] > LEAST_MAP
    forms = {entry["artefact"] for entry in metrics if entry["limit_points"] is not None}
    assert {"frozen_graph", "saved_model", "tflite", "tflite_float", "tfjs", "tfjs_fast"} <= forms
