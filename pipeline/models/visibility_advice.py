"""What to do where a model does not see the boxes of a dataset: a bigger input, tiles, other anchors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.models import Preset, read_presets
from pipeline.models.input_size import InputSize, Numbers, Unknown, model_of, read_input_size
from pipeline.models.matching import MATCHED_IOU, BoxColumns, match_boxes
from pipeline.report.visibility import SMALL_PX

WORTH_SMALL = 0.1
WORTH_UNMATCHED = 0.03
"""Shares of all boxes from which on advice is given."""
SAME_RATIO = 2.25
"""Two boxes of one area and one centre overlap by half (IoU 0.5) up to this quotient of their aspect ratios."""
_LARGEST_INPUT = 1280
_SAMPLED = 50_000
_FORMS = {"tflite": "TensorFlow Lite", "edgetpu": "Edge TPU", "tfjs": "TensorFlow.js"}

Shapes = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Boxes that no anchor matches, by what is wrong with them; each with the median of what it is about.

    `wide` and `tall` are elongated beyond all anchors (width / height), `small` and `large` of sides (the root of the
    area, in shares of the input) that no anchor has; `between` are of a fitting shape, but lie between the anchors.
    """

    wide: tuple[int, float] = (0, 0.0)
    tall: tuple[int, float] = (0, 0.0)
    small: tuple[int, float] = (0, 0.0)
    large: tuple[int, float] = (0, 0.0)
    between: int = 0
    ratios: tuple[float, float] = (1.0, 1.0)
    scales: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def of(cls, wide: Numbers, high: Numbers, shapes: Shapes, sides: tuple[float, float]) -> Unmatched:
        """Sort unmatched boxes; all sizes are (width, height) in pixels of the input, whose `sides` these are."""
        if not shapes:
            return cls()
        anchors = np.array(shapes)
        anchor_ratios = anchors[:, 0] / anchors[:, 1]
        anchor_sides = np.sqrt(anchors[:, 0] * anchors[:, 1])
        ratios = np.maximum(wide, 1e-9) / np.maximum(high, 1e-9)
        roots = np.sqrt(wide * high)
        is_wide = ratios > anchor_ratios.max() * SAME_RATIO
        is_tall = ratios < anchor_ratios.min() / SAME_RATIO
        shaped = ~is_wide & ~is_tall
        # Of one shape and one centre, IoU is the quotient of the areas
        is_small = shaped & (roots < anchor_sides.min() / math.sqrt(2))
        is_large = shaped & (roots > anchor_sides.max() * math.sqrt(2))
        whole = math.sqrt(sides[0] * sides[1])
        return cls(
            _median(ratios, is_wide),
            _median(ratios, is_tall),
            _median(roots / whole, is_small),
            _median(roots / whole, is_large),
            int((shaped & ~is_small & ~is_large).sum()),
            (float(anchor_ratios.min()), float(anchor_ratios.max())),
            (float(anchor_sides.min() / whole), float(anchor_sides.max() / whole)),
        )


def _median(values: Numbers, chosen: NDArray[np.bool_]) -> tuple[int, float]:
    return int(chosen.sum()), float(np.median(values[chosen])) if chosen.any() else 0.0


def give_advice(
    preset: Preset,
    size: InputSize,
    columns: BoxColumns,
    shorter: Numbers,
    unmatched: Unmatched | None,
    *,
    matched: int,
) -> tuple[str, ...]:
    """Say what would let the model see more of the boxes: sentences for people, none where there is no box.

    `shorter` are the boxes' shorter sides in pixels of the input. `unmatched` is None where the anchors are not known.
    """
    if not len(shorter):
        return ()
    small = shorter < SMALL_PX
    sentences = []
    if small.mean() >= WORTH_SMALL:
        sentences += _enlarge(preset, size, columns, small, shorter[small], matched if unmatched is not None else None)
    if unmatched is not None:
        sentences += _other_anchors(preset, unmatched, len(shorter))
    return tuple(sentences) or ("Nothing: nearly all boxes are large enough, and have an anchor that matches them.",)


def _enlarge(
    preset: Preset,
    size: InputSize,
    columns: BoxColumns,
    small: NDArray[np.bool_],
    shorter: Numbers,
    matched: int | None,
) -> list[str]:
    median = float(np.median(shorter))
    boxes = columns.select(small)
    sentences = [
        f"Small boxes: {_percent(len(shorter), len(small))} of the boxes have less than {SMALL_PX} pixels on their "
        f"shorter side in the model's input ({size.describe()}); half of these have {_number(median)} or less."
    ]
    in_pixels = np.minimum(
        (boxes.edges[:, 3] - boxes.edges[:, 1]) * boxes.widths, (boxes.edges[:, 2] - boxes.edges[:, 0]) * boxes.heights
    )
    original = float(np.median(in_pixels))
    side = max(size.height, size.width)
    needed = math.ceil(side * SMALL_PX / median / 32 - 1e-3) * 32 if median > 0 else math.inf
    if found := _find_preset(preset, size, boxes):
        sentences.append(_recommend(preset, *found, columns, matched))
    elif needed <= _LARGEST_INPUT:
        sentences.append(
            f"A bigger input: no preset sees enough; half of them would have {SMALL_PX} pixels at {needed}x{needed}, "
            f"in a preset of your own: another image_resizer in a copy of pipeline/models/{preset.name}.yaml."
        )
    tile = round(side * original / SMALL_PX, -1)
    if original < SMALL_PX / 2:
        sentences.append(
            f"Closer photos: in the photos themselves half of them have {_number(original)} pixels or less, "
            "which no bigger input brings back."
        )
    elif tile < 0.7 * float(np.median(np.maximum(boxes.widths, boxes.heights))):
        sentences.append(
            f"Tiles: cut the photos into overlapping tiles of about {tile:.0f}x{tile:.0f} pixels, label and detect "
            f"those; half of these boxes then have {SMALL_PX} pixels or more."
        )
    return sentences


def _find_preset(preset: Preset, size: InputSize, boxes: BoxColumns) -> tuple[Preset, InputSize, float] | None:
    """Find the preset of the smallest input that brings half of these boxes to 16 pixels.

    One that converts to the same forms comes before all others.
    """
    found: list[tuple[bool, int, str, Preset, InputSize, float]] = []
    for other in read_presets():
        other_size = read_input_size(other.pipeline, batch=other.batch)
        if isinstance(other_size, Unknown) or other_size.height * other_size.width <= size.height * size.width:
            continue
        if (median := float(np.median(boxes.shorter_in(other_size), overwrite_input=True))) >= SMALL_PX:
            lacks = not set(preset.exports) <= set(other.exports)
            found.append((lacks, other_size.height * other_size.width, other.name, other, other_size, median))
    return min(found, key=lambda one: one[:3])[3:] if found else None


def _recommend(
    preset: Preset, other: Preset, size: InputSize, reached: float, columns: BoxColumns, matched: int | None
) -> str:
    text = (
        f"A bigger input: MODEL={other.name} sees {size.describe()}, where half of them have "
        f"{_number(reached)} pixels or more"
    )
    count = len(columns.labels)
    sample = np.linspace(0, count - 1, min(count, _SAMPLED)).astype(np.int64)
    best, unknown = match_boxes(columns.select(sample), size, other)
    if unknown is None and matched is not None:
        share = _percent(int((best >= MATCHED_IOU).sum()), len(sample))
        text += f", and whose anchors match {share} of all boxes instead of {_percent(matched, count)}"
    lost = [_FORMS[form] for form in preset.exports if form not in other.exports]
    return text + (f". It does not convert for {' or '.join(lost)}." if lost else ".")


def _other_anchors(preset: Preset, unmatched: Unmatched, boxes: int) -> list[str]:
    sentences = []
    least = max(WORTH_UNMATCHED * boxes, 1)
    low, high = (_number(ratio) for ratio in unmatched.ratios)
    for count, ratio, word in ((*unmatched.wide, "wider"), (*unmatched.tall, "taller")):
        if count >= least:
            sentences.append(
                f"Other anchors: {_percent(count, boxes)} of the boxes are {word} than any anchor, half of these "
                f"beyond an aspect ratio (width / height) of {_number(ratio)}; the anchors' go from {low} to {high}."
            )
    count, side = unmatched.small
    smallest, largest = (f"{_number(100 * scale)} %" for scale in unmatched.scales)
    if count >= least:
        sentences.append(
            f"Smaller anchors: {_percent(count, boxes)} of the boxes are smaller than any anchor, half of these "
            f"smaller than {_number(100 * side)} % of the input's side; the smallest anchor has {smallest}. "
            + (
                "A bigger input alone does not change that, as these anchors grow with it; smaller scales do, or tiles."
                if _anchors_grow(preset)
                else "As these anchors are in pixels, a bigger input helps, or smaller scales, or tiles."
            )
        )
    count, side = unmatched.large
    if count >= least:
        sentences.append(
            f"Larger anchors: {_percent(count, boxes)} of the boxes are larger than any anchor, half of these larger "
            f"than {_number(100 * side)} % of the input's side; the largest anchor has {largest}."
        )
    if unmatched.between >= least:
        sentences.append(
            f"Denser anchors: {_percent(unmatched.between, boxes)} of the boxes are of a size and shape that the "
            "anchors cover, but lie between them: more scales or aspect ratios match them."
        )
    if sentences:
        sentences.append(
            "How to change anchors: scales and aspect_ratios of the anchor generator in a preset of your own, a copy "
            f"of pipeline/models/{preset.name}.yaml."
        )
    return sentences


def _anchors_grow(preset: Preset) -> bool:
    model = model_of(preset.pipeline)
    generators: dict[str, Any] = {} if isinstance(model, Unknown) else model.get("anchor_generator") or {}
    return "ssd_anchor_generator" in generators


def _percent(count: float, whole: float) -> str:
    share = 100 * count / whole
    return f"{share:.0f} %" if share >= 1 or not share else "less than 1 %"


def _number(value: float) -> str:
    """Format with two significant digits, whole numbers from 10 on whole."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
