"""What every dataset format is read into."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

_EXACT_DIGITS = 16
"""Whole numbers of fewer digits are the same as a float."""


# A dataset has millions of these: a Struct is made six times as fast as a dataclass, and the collector of cycles,
# of which numbers and strings make none, passes it by.
class Box(msgspec.Struct, frozen=True, gc=False):
    """One labelled rectangle, in pixels from the image's top-left corner.

    Edges are half-open: a box over a whole 400x300 image is (0, 0, 400, 300).
    Readers of formats that count otherwise (Pascal VOC starts at 1 and includes its last pixel,
    Supervisely starts at 0 and includes its last pixel) convert on the way in; nothing else knows
    such formats exist.
    """

    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where an image lies inside another file, `Image.path`: `length` bytes from `offset`, plain or in base64."""

    offset: int
    length: int
    base64: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One image file and its boxes.

    `name` is the file name it has in tf_csv and in the records: unique in its dataset, without folders.
    `width` and `height` are those of the frame in which the boxes are drawn. They differ from the file's
    own only where EXIF turns the photo by 90 degrees and it was labelled as people see it: (3000, 4000)
    for a stored 4000x3000 with orientation 6. `split` is what the dataset says: train, val, test or nothing.
    `embedded` is set where `path` is not the image itself but holds it (LabelMe, TFRecord); read either with
    `content.read_content`.
    """

    path: Path
    name: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    split: str | None = None
    embedded: Embedded | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """All usable images of a dataset. `labels` are in the order of their ids, which start at 1."""

    format: str
    root: Path
    labels: tuple[str, ...]
    images: tuple[Image, ...]


def count_boxes(images: Iterable[Image]) -> Counter[str]:
    """Count the boxes of each label."""
    return Counter(box.label for image in images for box in image.boxes)


def format_number(value: float) -> str:
    """Format a coordinate without loss: 12 for 12 and 12.0, 12.25 for 12.25, all digits of the rest."""
    return str(int(value)) if value == int(value) else repr(value)


def parse_number(text: str) -> float | None:
    """Parse a finite decimal number, as int where it is whole; None where it is no number."""
    if len(text) < _EXACT_DIGITS and text.isdecimal():  # what nearly all are, and the quicker way
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value
