"""The anchors of a model: the rectangles from which it starts, and which a box has to resemble to be learnt.

Worked out from a preset's `pipeline` as the Object Detection API does it (anchor_generators/ there, TF 1.15), for:

    ssd_anchor_generator          SSD; sizes are shares of the input's shorter side
    multiscale_anchor_generator   SSD with a feature pyramid; sizes are multiples of a map's stride
    grid_anchor_generator         the first stage of Faster R-CNN; sizes in pixels

All others are Unknown. Everything here is in shares of the model's input, y before x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.models.feature_maps import Grid, find_feature_maps
from pipeline.models.input_size import Numbers, Unknown, model_of


@dataclass(frozen=True, slots=True)
class AnchorGrid:
    """The anchors of one feature map: `sizes` [K, 2] (height, width) around each of rows x columns centres.

    `only_inside`: anchors that stick out of the input are left out of training (Faster R-CNN).
    """

    rows: int
    columns: int
    stride: tuple[float, float]
    offset: tuple[float, float]
    sizes: Numbers
    only_inside: bool = False

    def to_boxes(self) -> Numbers:
        """Return all anchors [rows * columns * K, 4] as ymin, xmin, ymax, xmax, in the API's order; none left out."""
        y = np.arange(self.rows) * self.stride[0] + self.offset[0]
        x = np.arange(self.columns) * self.stride[1] + self.offset[1]
        centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis, :]
        half = self.sizes / 2
        return np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4)


Anchors = tuple[AnchorGrid, ...]


def find_anchors(pipeline: Mapping[str, Any], *, height: int, width: int) -> Anchors | Unknown:
    """Return the anchors of a preset's `pipeline` over an input of that many pixels."""
    model = model_of(pipeline)
    if isinstance(model, Unknown):
        return model
    maps = find_feature_maps(model.get("feature_extractor") or {}, height=height, width=width)
    if isinstance(maps, Unknown):
        return maps
    if "first_stage_anchor_generator" in model:
        only_inside = not model.get("clip_anchors_to_image", False)
        generators = model["first_stage_anchor_generator"]
    else:
        only_inside = False
        generators = model.get("anchor_generator") or {}
    kind = next(iter(generators), "none")
    settings = generators.get(kind) or {}
    if kind == "ssd_anchor_generator":
        return _ssd(settings, maps, height=height, width=width)
    if kind == "multiscale_anchor_generator":
        return _multiscale(settings, maps, height=height, width=width)
    if kind == "grid_anchor_generator":
        return _grid(settings, maps, height=height, width=width, only_inside=only_inside)
    return Unknown(f"its anchor generator is {kind!r}; known: ssd, multiscale, grid")


def _ssd(settings: Mapping[str, Any], maps: list[Grid], *, height: int, width: int) -> Anchors | Unknown:
    layers = int(settings.get("num_layers", 6))
    if layers != len(maps):
        return Unknown(f"its anchor generator is for {layers} feature maps, its extractor has {len(maps)}")
    shapes = _ssd_shapes(settings, layers)
    if len(shapes) != layers:
        return Unknown(f"its anchor generator lists {len(shapes)} scales for {layers} feature maps")
    shorter = min(height, width)
    base = np.array(
        [
            settings.get("base_anchor_height", 1.0) * shorter / height,
            settings.get("base_anchor_width", 1.0) * shorter / width,
        ]
    )
    strides = _pairs(settings, "stride", height=height, width=width) or [(1 / rows, 1 / cols) for rows, cols in maps]
    offsets = _pairs(settings, "offset", height=height, width=width) or [(y / 2, x / 2) for y, x in strides]
    if not len(strides) == len(offsets) == layers:
        return Unknown(f"its anchor generator lists {len(strides)} strides and {len(offsets)} offsets, wanted {layers}")
    return tuple(
        AnchorGrid(*grid, stride, offset, _to_sizes(shape) * base)
        for grid, stride, offset, shape in zip(maps, strides, offsets, shapes, strict=True)
    )


def _ssd_shapes(settings: Mapping[str, Any], layers: int) -> list[list[tuple[float, float]]]:
    """Return (scale, aspect ratio) pairs of each layer."""
    low, high = settings.get("min_scale", 0.2), settings.get("max_scale", 0.95)
    given = [float(scale) for scale in settings.get("scales") or ()]
    # A single layer would divide by zero in the API as well
    scales = given or [low + (high - low) * layer / max(layers - 1, 1) for layer in range(layers)]
    between = settings.get("interpolated_scale_aspect_ratio", 1.0)
    shapes = []
    for layer, (scale, following) in enumerate(zip(scales, [*scales[1:], 1.0], strict=True)):
        if layer == 0 and settings.get("reduce_boxes_in_lowest_layer", True):
            shapes.append([(0.1, 1.0), (scale, 2.0), (scale, 0.5)])
            continue
        pairs = [(scale, float(ratio)) for ratio in settings.get("aspect_ratios") or ()]
        if between > 0:
            pairs.append((math.sqrt(scale * following), float(between)))
        shapes.append(pairs)
    return shapes[:layers]


def _pairs(settings: Mapping[str, Any], what: str, *, height: int, width: int) -> list[tuple[float, float]]:
    y, x = settings.get(f"height_{what}") or (), settings.get(f"width_{what}") or ()
    return [(one / height, other / width) for one, other in zip(y, x, strict=False)]


def _multiscale(settings: Mapping[str, Any], maps: list[Grid], *, height: int, width: int) -> Anchors | Unknown:
    levels = range(int(settings.get("min_level", 3)), int(settings.get("max_level", 7)) + 1)
    if len(levels) != len(maps):
        return Unknown(f"its anchor generator is for {len(levels)} feature maps, its extractor has {len(maps)}")
    octave = int(settings.get("scales_per_octave", 2))
    scales = [2 ** (step / octave) for step in range(octave)]
    sizes = _to_sizes(_product(scales, settings.get("aspect_ratios") or ()))
    grids = []
    for level, (rows, columns) in zip(levels, maps, strict=True):
        stride = 2**level
        # An input that does not divide evenly has its anchors on the cells' corners
        offset = tuple(stride / 2 if side % stride == 0 else 0.0 for side in (height, width))
        grids.append(
            AnchorGrid(
                rows,
                columns,
                (stride / height, stride / width),
                (offset[0] / height, offset[1] / width),
                sizes * stride * settings.get("anchor_scale", 4.0) / np.array([height, width]),
            )
        )
    return tuple(grids)


def _grid(
    settings: Mapping[str, Any], maps: list[Grid], *, height: int, width: int, only_inside: bool
) -> Anchors | Unknown:
    if len(maps) != 1:
        return Unknown(f"its anchor generator is for 1 feature map, its extractor has {len(maps)}")
    base = np.array([settings.get("height", 256) / height, settings.get("width", 256) / width])
    stride = (settings.get("height_stride", 16) / height, settings.get("width_stride", 16) / width)
    offset = (settings.get("height_offset", 0) / height, settings.get("width_offset", 0) / width)
    shapes = _product(settings.get("scales") or (), settings.get("aspect_ratios") or ())
    return (AnchorGrid(*maps[0], stride, offset, _to_sizes(shapes) * base, only_inside),)


def _product(scales: Sequence[float], ratios: Sequence[float]) -> list[tuple[float, float]]:
    return [(float(scale), float(ratio)) for ratio in ratios for scale in scales]


def _to_sizes(shapes: Sequence[tuple[float, float]]) -> Numbers:
    """Turn (scale, width / height) pairs into [K, 2] heights and widths of the same areas."""
    return np.array([(scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale, ratio in shapes]).reshape(-1, 2)
