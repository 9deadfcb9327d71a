"""What a model can see of a dataset, as plain values to show; pipeline/models/visibility.py measures them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.box_counts import SizeCounts

SMALL_PX = 16
TINY_PX = 8
"""Shorter sides below which a detector of feature maps of stride 16 and 32 has little, or nothing, to go by."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The boxes of one class, or of all: `matched` those that an anchor overlaps by half (IoU 0.5 or more).

    `below_8` and `below_16` are those whose shorter side is smaller, in pixels of the model's input.
    """

    boxes: int
    matched: int
    below_8: int
    below_16: int


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a model sees at its input size. `unknown` says why nothing, or no match, could be worked out.

    `anchor_sizes` are (width, height) in pixels of the input.
    """

    model: str
    input_size: str
    total: Seen
    classes: dict[str, Seen]
    sizes: SizeCounts
    anchor_sizes: tuple[tuple[float, float], ...] = ()
    advice: tuple[str, ...] = ()
    unknown: str | None = None
