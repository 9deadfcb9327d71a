"""What a model can see of a dataset: which boxes its anchors match, and which shrink to a few pixels in its input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.model import Image
from pipeline.models import Preset
from pipeline.models.anchors import find_anchors
from pipeline.models.input_size import InputSize, Numbers, Unknown, read_input_size
from pipeline.models.matching import MATCHED_IOU, BoxColumns, match_boxes, to_columns
from pipeline.models.visibility_advice import Unmatched, give_advice
from pipeline.report.box_counts import count_sizes
from pipeline.report.visibility import SMALL_PX, TINY_PX, Seen, Visibility


def measure_visibility(images: Sequence[Image], preset: Preset) -> Visibility:
    """Measure what the model of a preset sees of the boxes of these images, and what would let it see more.

    Where the preset's anchors or input are none that this project knows, `unknown` says why.
    """
    columns = to_columns(images)
    size = read_input_size(preset.pipeline, batch=preset.batch)
    if isinstance(size, Unknown):
        nothing = Seen(len(columns.labels), 0, 0, 0)
        return Visibility(
            preset.name, "unknown", nothing, {}, count_sizes(np.zeros(0), np.zeros(0)), (), (), size.reason
        )
    sides = _typical_input(size, columns)
    best, unknown = match_boxes(columns, size, preset)
    matched = best >= MATCHED_IOU
    del best  # a million boxes are 8 MB a column
    wide, high = columns.sides_in(size)
    shorter = np.minimum(wide, high)
    counts = _count(columns, matched, shorter)
    shapes = () if unknown else _shapes(preset, sides)
    missed = None if unknown else Unmatched.of(wide[~matched], high[~matched], shapes, sides)
    return Visibility(
        preset.name,
        size.describe(),
        Seen(len(matched), int(matched.sum()), int((shorter < TINY_PX).sum()), int((shorter < SMALL_PX).sum())),
        counts,
        count_sizes(wide, high),
        shapes,
        give_advice(preset, size, columns, shorter, missed, matched=int(matched.sum())),
        unknown,
    )


def _typical_input(size: InputSize, columns: BoxColumns) -> tuple[float, float]:
    """Return the (width, height) in pixels at which most boxes are seen."""
    if not size.keeps_aspect or not len(columns.labels):
        return float(size.width), float(size.height)
    width, height = columns.scale(size)
    return float(np.median(width)), float(np.median(height))


def _shapes(preset: Preset, sides: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return the (width, height) of each shape of anchor in pixels of an input of these sides."""
    across, down = (max(round(side), 1) for side in sides)
    anchors = find_anchors(preset.pipeline, height=down, width=across)
    if isinstance(anchors, Unknown):
        return ()
    sizes = {
        (round(float(wide) * across, 1), round(float(high) * down, 1)) for grid in anchors for high, wide in grid.sizes
    }
    return tuple(sorted(sizes))


def _count(columns: BoxColumns, matched: NDArray[np.bool_], shorter: Numbers) -> dict[str, Seen]:
    def count(chosen: NDArray[np.bool_] | None) -> list[int]:
        labels = columns.labels if chosen is None else columns.labels[chosen]
        return [int(number) for number in np.bincount(labels, minlength=len(columns.names))]

    figures = zip(count(None), count(matched), count(shorter < TINY_PX), count(shorter < SMALL_PX), strict=True)
    return {name: Seen(*one) for name, one in sorted(zip(columns.names, figures, strict=True))}
