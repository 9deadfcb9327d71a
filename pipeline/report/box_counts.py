"""What the charts of a dataset are drawn from: boxes counted by size, shape and place, in memory that stays flat."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.model import Image

Numbers = NDArray[np.float64]
SIZE_STEPS = 28
"""Half octaves from 1 to 16,384 pixels."""
RATIO_EDGES = tuple(2 ** (step / 4) for step in range(-18, 19))
PLACES = 24
PER_IMAGE_EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 51, 101, 201, 501)
_CHUNK = 100_000


@dataclass(slots=True)
class SizeCounts:
    """Boxes counted by height (rows) and width (columns) in half octaves from a pixel on, and the median sizes."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((SIZE_STEPS, SIZE_STEPS), dtype=np.int64))
    median_width: float = 0.0
    median_height: float = 0.0
    median_shorter: float = 0.0

    def add(self, widths: Numbers, heights: Numbers) -> None:
        """Count some boxes; what is smaller or larger than the table counts at its edge."""
        steps = [np.floor(2 * np.log2(np.maximum(sides, 1))).astype(np.int64) for sides in (heights, widths)]
        rows, columns = (np.clip(step, 0, SIZE_STEPS - 1) for step in steps)
        np.add.at(self.counts, (rows, columns), 1)


def count_sizes(widths: Numbers, heights: Numbers) -> SizeCounts:
    """Count boxes by their size in pixels."""
    counted = SizeCounts()
    for start in range(0, len(widths), _CHUNK):
        counted.add(widths[start : start + _CHUNK], heights[start : start + _CHUNK])
    if len(widths):
        counted.median_width = float(np.median(widths))
        counted.median_height = float(np.median(heights))
        counted.median_shorter = float(np.median(np.minimum(widths, heights)))
    return counted


@dataclass(slots=True)
class BoxCounts:
    """All boxes of a dataset, counted.

    `ratios` counts width / height between RATIO_EDGES, what is outside at the edge; `places` the centres on a
    PLACES x PLACES grid over the image, `per_image` the images by how many boxes they have, between PER_IMAGE_EDGES.
    """

    boxes: int
    sizes: SizeCounts
    ratios: NDArray[np.int64]
    median_ratio: float
    places: NDArray[np.int64]
    per_image: NDArray[np.int64]
    image_sizes: Counter[tuple[int, int]]
    empty_images: int
    most_boxes: int


def count_for_charts(images: Iterable[Image]) -> BoxCounts:
    """Count all boxes of some images in one pass."""
    widths, heights, xs, ys = array("f"), array("f"), array("f"), array("f")
    image_sizes: Counter[tuple[int, int]] = Counter()
    many: Counter[int] = Counter()
    for image in images:
        image_sizes[image.width, image.height] += 1
        many[len(image.boxes)] += 1
        for box in image.boxes:
            widths.append(box.xmax - box.xmin)
            heights.append(box.ymax - box.ymin)
            xs.append((box.xmin + box.xmax) / 2 / image.width)
            ys.append((box.ymin + box.ymax) / 2 / image.height)
    wide, high = _to_numbers(widths), _to_numbers(heights)
    ratios = np.maximum(wide, 1e-6) / np.maximum(high, 1e-6)
    inside = np.clip(ratios, RATIO_EDGES[0], RATIO_EDGES[-1] * 0.9999)
    places = np.zeros((PLACES, PLACES), dtype=np.int64)
    rows, columns = (np.clip((_to_numbers(place) * PLACES).astype(np.int64), 0, PLACES - 1) for place in (ys, xs))
    np.add.at(places, (rows, columns), 1)
    per_image = np.zeros(len(PER_IMAGE_EDGES), dtype=np.int64)
    for boxes, count in many.items():
        per_image[np.searchsorted(PER_IMAGE_EDGES, boxes, side="right") - 1] += count
    return BoxCounts(
        boxes=len(widths),
        sizes=count_sizes(wide, high),
        ratios=np.histogram(inside, bins=np.array(RATIO_EDGES))[0],
        median_ratio=float(np.median(ratios)) if len(widths) else 0.0,
        places=places,
        per_image=per_image,
        image_sizes=image_sizes,
        empty_images=many[0],
        most_boxes=max(many, default=0),
    )


def _to_numbers(values: array[float]) -> Numbers:
    return np.frombuffer(values, dtype=np.float32).astype(np.float64) if values else np.zeros(0)
