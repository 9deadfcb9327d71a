"""Anchors of small grids, by hand, and models of which nothing is guessed; real ones: tests/odapi/test_anchors.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.models import preset_names, read_preset
from pipeline.models.anchors import find_anchors
from pipeline.models.input_size import InputSize, Unknown, read_input_size


def ssd(extractor: dict[str, Any], generator: dict[str, Any], resizer: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "model": {
            "ssd": {
                "feature_extractor": extractor,
                "anchor_generator": generator,
                "image_resizer": resizer or {"fixed_shape_resizer": {"height": 32, "width": 32}},
            }
        }
    }


def test_the_anchors_of_a_cell_lie_around_its_centre():
    pipeline = ssd(
        {"type": "ssd_mobilenet_v2", "num_layers": 1},
        {"ssd_anchor_generator": {"num_layers": 1, "scales": [0.5], "aspect_ratios": [1.0, 4.0],
                                  "reduce_boxes_in_lowest_layer": False, "interpolated_scale_aspect_ratio": 0}},
    )  # fmt: skip
    (grid,) = find_anchors(pipeline, height=16, width=32)
    # A cell is 0.5 wide; the scale is of the shorter side, here the height
    assert grid.to_boxes().tolist() == [
        [0.25, 0.125, 0.75, 0.375],
        [0.375, 0.0, 0.625, 0.5],
        [0.25, 0.625, 0.75, 0.875],
        [0.375, 0.5, 0.625, 1.0],
    ]


def test_every_preset_has_known_anchors():
    for name in preset_names():
        preset = read_preset(name)
        size = read_input_size(preset.pipeline)
        assert isinstance(size, InputSize), name
        assert not isinstance(find_anchors(preset.pipeline, height=size.height, width=size.width), Unknown), name


SSD = {"ssd_anchor_generator": {"aspect_ratios": [1.0]}}


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (ssd({"type": "ssd_pnasnet"}, SSD),
         "its feature extractor is 'ssd_pnasnet', whose feature maps are not known here"),
        (ssd({"type": "ssd_mobilenet_v2"}, {"flexible_grid_anchor_generator": {}}),
         "its anchor generator is 'flexible_grid_anchor_generator'; known: ssd, multiscale, grid"),
        (ssd({"type": "ssd_mobilenet_v2", "num_layers": 4}, SSD),
         "its anchor generator is for 6 feature maps, its extractor has 4"),
        (ssd({"type": "ssd_mobilenet_v1_fpn", "fpn": {"max_level": 6}}, {"multiscale_anchor_generator": {}}),
         "its anchor generator is for 5 feature maps, its extractor has 4"),
        (ssd({"type": "ssd_mobilenet_v2"}, {"grid_anchor_generator": {}}),
         "its anchor generator is for 1 feature map, its extractor has 6"),
        (ssd({"type": "ssd_mobilenet_v2"}, {"ssd_anchor_generator": {"scales": [0.5]}}),
         "its anchor generator lists 1 scales for 6 feature maps"),
        ({"model": {"center_net": {}}}, "its architecture is center_net; known: ssd, faster_rcnn"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_and_not_guessed(pipeline: dict[str, Any], reason: str):
    assert find_anchors(pipeline, height=300, width=300) == Unknown(reason)


def test_a_resizer_that_is_not_known_is_said():
    pipeline = ssd({"type": "ssd_mobilenet_v2"}, SSD, {"identity_resizer": {}})
    assert read_input_size(pipeline) == Unknown(
        "its image resizer is identity_resizer, of which only the API knows what it does"
    )


def test_a_fixed_input_stretches_and_the_other_keeps_the_shape():
    widths, heights = np.array([400.0, 4000.0, 300.0]), np.array([300.0, 1000.0, 600.0])
    across, down = InputSize(320, 640).scale(widths, heights)
    assert (across.tolist(), down.tolist()) == ([640, 640, 640], [320, 320, 320])
    across, down = InputSize(600, 1024, keeps_aspect=True).scale(widths, heights)
    assert (across.tolist(), down.tolist()) == ([800, 1024, 512], [600, 256, 1024])
