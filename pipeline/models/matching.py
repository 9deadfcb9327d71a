"""Which boxes the anchors of a model match.

For one shape of anchor, the overlap with a box is the product of the overlaps along y and along x, and either is
largest at the centre nearest to the box's. So the best anchor of a shape is found without looking at the others,
and a million boxes against two thousand anchors take seconds.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.model import Image
from pipeline.models import Preset
from pipeline.models.anchors import AnchorGrid, Anchors, find_anchors
from pipeline.models.input_size import InputSize, Numbers, Unknown

MATCHED_IOU = 0.5
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class BoxColumns:
    """All boxes of some images: edges in shares of the image, the image's size in pixels, the label's number."""

    edges: NDArray[np.float32]
    widths: NDArray[np.float32]
    heights: NDArray[np.float32]
    labels: NDArray[np.int32]
    names: tuple[str, ...]

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> BoxColumns:
        """Return some of the boxes: a view of them for a slice."""
        return BoxColumns(
            self.edges[chosen], self.widths[chosen], self.heights[chosen], self.labels[chosen], self.names
        )

    def scale(self, size: InputSize) -> tuple[Numbers, Numbers]:
        """Return the width and height in pixels that each box's image takes up in a model's input."""
        return size.scale(self.widths.astype(np.float64), self.heights.astype(np.float64))

    def sides_in(self, size: InputSize) -> tuple[Numbers, Numbers]:
        """Return the widths and heights of the boxes in pixels of a model's input."""
        width, height = self.scale(size)
        return (self.edges[:, 3] - self.edges[:, 1]) * width, (self.edges[:, 2] - self.edges[:, 0]) * height

    def shorter_in(self, size: InputSize) -> Numbers:
        """Return the shorter sides of the boxes in pixels of a model's input."""
        shorter = np.empty(len(self.labels))
        for start in range(0, len(shorter), _CHUNK):
            part = slice(start, start + _CHUNK)
            shorter[part] = np.minimum(*self.select(part).sides_in(size))
        return shorter


def to_columns(images: Sequence[Image]) -> BoxColumns:
    """Lay out all boxes in arrays: 28 bytes a box."""
    edges, widths, heights, labels = array("f"), array("f"), array("f"), array("i")
    numbers: dict[str, int] = {}
    for image in images:
        across, down = image.width, image.height
        for box in image.boxes:
            edges.extend((box.ymin / down, box.xmin / across, box.ymax / down, box.xmax / across))
            widths.append(across)
            heights.append(down)
            labels.append(numbers.setdefault(box.label, len(numbers)))
    return BoxColumns(
        np.frombuffer(edges, dtype=np.float32).reshape(-1, 4),
        np.frombuffer(widths, dtype=np.float32),
        np.frombuffer(heights, dtype=np.float32),
        np.frombuffer(labels, dtype=np.int32),
        tuple(numbers),
    )


def match_boxes(columns: BoxColumns, size: InputSize, preset: Preset) -> tuple[Numbers, str | None]:
    """Return the IoU of each box with the best anchor of a preset, and why it is not known, where it is not."""
    best = np.zeros(len(columns.labels))
    known = find_anchors(preset.pipeline, height=size.height, width=size.width)
    if isinstance(known, Unknown):
        return best, known.reason
    for rows, (down, across), (whole_down, whole_across) in _groups(size, *columns.scale(size)):
        anchors = find_anchors(preset.pipeline, height=whole_down, width=whole_across)
        assert not isinstance(anchors, Unknown), "what is unknown does not depend on the size"
        # A padded input is larger than the image in it
        shares = np.array([down / whole_down, across / whole_across] * 2)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            best[part] = best_overlap(columns.edges[part] * shares, anchors)
    return best, None


def _groups(
    size: InputSize, width: Numbers, height: Numbers
) -> Iterator[tuple[NDArray[np.int64], tuple[int, int], tuple[int, int]]]:
    """Yield the boxes of each input size that occurs: which, the image's (height, width) there, the whole input's."""
    if not size.keeps_aspect:
        yield np.arange(len(width)), (size.height, size.width), (size.height, size.width)
        return
    # One number a box, which sorts as the pair does and takes a fourth of the memory
    pairs, which = np.unique(height.astype(np.int64) << 32 | width.astype(np.int64), return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(pairs)))
    for number, pair in enumerate(pairs.tolist()):
        inside = (pair >> 32, pair & 0xFFFFFFFF)
        rows = order[ends[number - 1] if number else 0 : ends[number]]
        yield rows, inside, (size.width, size.width) if size.is_padded else inside


def best_overlap(boxes: Numbers, anchors: Anchors) -> Numbers:
    """Return the IoU of each box [N, 4] (ymin, xmin, ymax, xmax, in shares of the input) with its best anchor."""
    best = np.zeros(len(boxes))
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    for grid in anchors:
        for high, wide in grid.sizes:
            down = _overlap(boxes[:, 0], boxes[:, 2], high, grid.rows, grid, axis=0)
            across = _overlap(boxes[:, 1], boxes[:, 3], wide, grid.columns, grid, axis=1)
            shared = down * across
            union = areas + high * wide - shared
            np.maximum(best, np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), out=best)
    return best


def _overlap(low: Numbers, high: Numbers, side: float, cells: int, grid: AnchorGrid, *, axis: int) -> Numbers:
    """Return how much of [low, high] the nearest of a row of anchors of that side covers; 0 where there is none."""
    stride, offset = grid.stride[axis], grid.offset[axis]
    first, last = 0, cells - 1
    if grid.only_inside:
        # An anchor that ends at the border is inside, whatever the last digit says
        first = max(first, int(np.ceil((side / 2 - offset) / stride - 1e-6)))
        last = min(last, int(np.floor((1 - side / 2 - offset) / stride + 1e-6)))
        if first > last:
            return np.zeros_like(low)
    cell = np.clip(np.rint(((low + high) / 2 - offset) / stride), first, last)
    centre = cell * stride + offset
    shared: Numbers = np.maximum(np.minimum(high, centre + side / 2) - np.maximum(low, centre - side / 2), 0)
    return shared
