"""The anchors that are worked out without TensorFlow are those of the models that TensorFlow 1.15 builds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.models import preset_names, read_preset
from pipeline.models.anchors import find_anchors
from pipeline.models.input_size import Unknown
from tests.project import ROOT

pytestmark = pytest.mark.odapi

ODD_SIZES = {"keep_aspect_ratio_resizer": [(600, 800), (1024, 576), (333, 1024)]}


def compare(python: Path, cases: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return what differs, by case; each is {"pipeline", "height", "width"}."""
    command = [python, ROOT / "tests/odapi/anchors_with_tensorflow.py"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    lines = "".join(json.dumps(case) + "\n" for case in cases.values())
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = [np.array(json.loads(line)) for line in done.stdout.splitlines()]
    differences = {}
    for (name, case), real in zip(cases.items(), theirs, strict=True):
        found = find_anchors(case["pipeline"], height=case["height"], width=case["width"])
        if isinstance(found, Unknown):
            differences[name] = found.reason
            continue
        ours = np.concatenate([grid.to_boxes() for grid in found])
        if ours.shape != real.shape:
            differences[name] = f"{len(ours)} anchors, wanted {len(real)}"
        elif not np.allclose(ours, real, rtol=0, atol=1e-5):
            differences[name] = f"differ by up to {np.abs(ours - real).max()}"
    return differences


def preset_cases(names: list[str]) -> dict[str, dict[str, Any]]:
    cases = {}
    for name in names:
        preset = read_preset(name)
        resizer = next(iter(preset.pipeline["model"][preset.architecture]["image_resizer"]))
        for height, width in ODD_SIZES.get(resizer, [(preset.input_height, preset.input_width)]):
            cases[f"{name} {height}x{width}"] = {"pipeline": preset.pipeline, "height": height, "width": width}
    return cases


def test_the_anchors_of_every_preset_are_those_of_the_real_model(odapi_python: Path):
    assert compare(odapi_python, preset_cases(preset_names())) == {}


def made_up(extractor: dict[str, Any], generator: dict[str, Any]) -> dict[str, Any]:
    """Return the pipeline of a preset with another extractor and other anchors."""
    pipeline: dict[str, Any] = json.loads(json.dumps(read_preset("ssd_mobilenet_v2").pipeline))
    ssd = pipeline["model"]["ssd"]
    ssd["feature_extractor"] = {**ssd["feature_extractor"], **extractor}
    ssd["anchor_generator"] = generator
    return pipeline


RATIOS = [1.0, 2.0, 0.5]
SSD = {"ssd_anchor_generator": {"aspect_ratios": RATIOS}}
FPN = {"multiscale_anchor_generator": {"aspect_ratios": RATIOS}}
CASES = {
    "pads an input to a multiple, which is not square": (
        {"type": "ssd_mobilenet_v1", "pad_to_multiple": 32}, SSD, 300, 420),
    "few layers, scales of its own": (
        {"type": "ssd_inception_v2", "num_layers": 3},
        {"ssd_anchor_generator": {"num_layers": 3, "scales": [0.1, 0.3, 0.8], "aspect_ratios": RATIOS,
                                  "reduce_boxes_in_lowest_layer": False, "interpolated_scale_aspect_ratio": 0.5,
                                  "base_anchor_height": 0.5, "base_anchor_width": 2.0}}, 200, 320),
    "no interpolated scale, strides and offsets in pixels": (
        {"type": "ssd_mobilenet_v1", "num_layers": 2},
        {"ssd_anchor_generator": {"num_layers": 2, "aspect_ratios": RATIOS, "interpolated_scale_aspect_ratio": 0,
                                  "height_stride": [16, 32], "width_stride": [20, 40],
                                  "height_offset": [3, 5], "width_offset": [8, 1]}}, 160, 160),
    "pyramid whose input divides evenly": ({"type": "ssd_mobilenet_v1_fpn", "fpn": {}}, FPN, 256, 384),
    "pyramid whose input does not": (
        {"type": "ssd_mobilenet_v2_fpn", "fpn": {}, "pad_to_multiple": 128}, FPN, 300, 320),
    "extractors of no preset": ({"type": "ssd_mobiledet_gpu"}, SSD, 320, 300),
    "pooled pyramid": (
        {"type": "ssd_resnet50_v1_ppn", "override_base_feature_extractor_hyperparams": True}, SSD, 300, 310),
    "searched pyramid": (
        {"type": "ssd_mobilenet_v2_mnasfpn", "fpn": {"max_level": 6}},
        {"multiscale_anchor_generator": {"max_level": 6, "aspect_ratios": RATIOS}}, 320, 320),
    "pyramid of few levels": (
        {"type": "ssd_resnet50_v1_fpn", "override_base_feature_extractor_hyperparams": True,
         "fpn": {"min_level": 4, "max_level": 6}},
        {"multiscale_anchor_generator": {"min_level": 4, "max_level": 6, "anchor_scale": 3.0,
                                         "scales_per_octave": 3, "aspect_ratios": RATIOS}}, 192, 250),
}  # fmt: skip


def test_the_anchors_of_unusual_settings_are_those_of_the_real_model(odapi_python: Path):
    cases = {
        name: {"pipeline": made_up(extractor, generator), "height": height, "width": width}
        for name, (extractor, generator, height, width) in CASES.items()
    }
    assert compare(odapi_python, cases) == {}
