"""The grids on which a model lays its anchors: how many rows and columns each of its feature maps has.

All known extractors but one pad what they compute ("SAME"), so a map of stride s over n pixels has ceil(n / s) cells;
the VGG-16 pools what fits only, floor(n / s). What is not known to do either is not guessed.
tests/odapi/test_anchors.py compares every preset with the real model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.models.input_size import Unknown

Grid = tuple[int, int]
"""Rows and columns."""

_HALVING = (16, 32, 64, 128, 256, 512)
_TWO_MAPS_THEN_HALVED = frozenset(
    ("ssd_mobilenet_v1", "ssd_mobilenet_v2", "ssd_inception_v2")
)  # the only ones of which num_layers is configured
_SIX_MAPS = frozenset(
    (
        "ssd_mobilenet_v1_ppn", "ssd_resnet50_v1_ppn", "ssd_resnet101_v1_ppn", "ssd_resnet152_v1_ppn",
        "ssd_mobilenet_v3_large", "ssd_mobilenet_v3_small", "ssd_mobilenet_edgetpu",
        "ssd_mobiledet_cpu", "ssd_mobiledet_dsp", "ssd_mobiledet_edgetpu", "ssd_mobiledet_gpu",
    )
)  # fmt: skip
_PYRAMIDS = frozenset(
    (
        "ssd_mobilenet_v1_fpn", "ssd_mobilenet_v2_fpn", "ssd_mobilenet_v2_mnasfpn",
        "ssd_resnet50_v1_fpn", "ssd_resnet101_v1_fpn", "ssd_resnet152_v1_fpn",
    )
)  # fmt: skip
_FIRST_STAGES = frozenset(
    (
        "faster_rcnn_inception_v2", "faster_rcnn_resnet50", "faster_rcnn_resnet101", "faster_rcnn_resnet152",
        "faster_rcnn_vgg16",
    )
)  # fmt: skip
_UNPADDED = frozenset(("faster_rcnn_vgg16",))


def find_feature_maps(extractor: Mapping[str, Any], *, height: int, width: int) -> list[Grid] | Unknown:
    """Return the grids of an extractor's configuration over an input of that size, the finest first."""
    kind = extractor.get("type", "")
    if kind in _TWO_MAPS_THEN_HALVED:
        strides = _HALVING[: int(extractor.get("num_layers", 6))]
    elif kind in _SIX_MAPS:
        strides = _HALVING
    elif kind == "embedded_ssd_mobilenet_v1":
        strides = _HALVING[:5]
    elif kind in _PYRAMIDS:
        levels = extractor.get("fpn") or {}
        strides = tuple(2**level for level in range(levels.get("min_level", 3), levels.get("max_level", 7) + 1))
    elif kind in _FIRST_STAGES:
        strides = (int(extractor.get("first_stage_features_stride", 16)),)
    else:
        return Unknown(f"its feature extractor is {kind!r}, whose feature maps are not known here")
    multiple = 1 if kind in _FIRST_STAGES else max(int(extractor.get("pad_to_multiple", 1)), 1)
    rows, columns = (math.ceil(side / multiple) * multiple for side in (height, width))
    count = math.floor if kind in _UNPADDED else math.ceil
    return [(count(rows / stride), count(columns / stride)) for stride in strides]
