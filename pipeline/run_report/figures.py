"""The figures of a report, worked out of the matches at one score threshold: classes, confusions, sizes, images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.run_report.error_costs import average_precision, read_precision
from pipeline.run_report.matches import Matches
from pipeline.run_report.matching import IGNORED, KINDS, RIGHT, Numbers

USUAL_THRESHOLD = 0.5
"""Of a run that finds nothing, and what `make detect` uses unless told otherwise."""
AS_GOOD = 0.005
"""F1 that two thresholds may differ by and still be called equal: half a point is one object in two hundred."""
PHOTO_SIZES = (("small", "under 32x32 px", 0.0, 32.0), ("medium", "32x32 to 96x96 px", 32.0, 96.0),
               ("large", "96x96 px or more", 96.0, np.inf))  # fmt: skip
"""COCO's sizes, by the root of a box's area in pixels of the photo (https://cocodataset.org/#detection-eval)."""
INPUT_SIZES = (("under 8 px", 0.0, 8.0), ("8 to 16 px", 8.0, 16.0), ("16 to 32 px", 16.0, 32.0),
               ("32 to 64 px", 32.0, 64.0), ("64 px or more", 64.0, np.inf))  # fmt: skip
"""By a box's shorter side in pixels of the model's input."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class, or all: `boxes` were to be found; each was `found`, taken for another class, found poorly, or missed.

    `right` and `wrong` count the detections of that class, `kinds` those that are wrong by what they are. `ap50` is
    None where there is nothing to find.
    """

    name: str
    boxes: int
    found: int
    confused: int
    poor: int
    missed: int
    right: int
    wrong: int
    kinds: dict[str, int]
    ap50: float | None

    @property
    def recall(self) -> float:
        return self.found / self.boxes if self.boxes else 0.0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """How many labels of some size there are, and how many of them were found."""

    name: str
    words: str
    boxes: int
    found: int


@dataclass(frozen=True, slots=True)
class ImageFigures:
    """One test image: how many of its boxes were found, how many were not, and how many detections are wrong."""

    number: int
    found: int
    missed: int
    wrong: int

    @property
    def f1(self) -> float:
        """1 where all is right; an image without boxes in which nothing was found is right."""
        whole = 2 * self.found + self.missed + self.wrong
        return 2 * self.found / whole if whole else 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one artefact at a threshold. `confusion` is [true class, found class], both from 0.

    The last column of it counts what was not found, the last row what was found where there is nothing.
    `curves` holds precision at each of error_costs.RECALLS, by class.
    """

    threshold: float
    total: ClassFigures
    classes: tuple[ClassFigures, ...]
    confusion: NDArray[np.int64]
    curves: dict[str, Numbers]
    photo_sizes: tuple[SizeFigures, ...]
    input_sizes: tuple[SizeFigures, ...]
    images: tuple[ImageFigures, ...]


def choose_threshold(matches: Matches) -> float:
    """Return the score at which F1 over all classes is best: what finds much and errs little, in two decimals.

    The usual one is kept where it does as well. Of others that do equally well it is the middle one, which new images
    move least.
    """
    detected, labels = matches.detected, matches.labels
    counted = detected.kinds != IGNORED
    scores, right = detected.scores[counted], (detected.kinds == RIGHT)[counted]
    positives = int((~labels.ignored).sum())
    if not right.any():
        return USUAL_THRESHOLD
    thresholds = np.round(np.arange(0.01, 1.0, 0.01), 2)
    ordered, ordered_right = np.sort(scores), np.sort(scores[right])
    kept = len(ordered) - np.searchsorted(ordered, thresholds, side="left")
    hits = len(ordered_right) - np.searchsorted(ordered_right, thresholds, side="left")
    f1 = 2 * hits / np.maximum(kept + positives, 1)
    if f1[np.searchsorted(thresholds, USUAL_THRESHOLD)] >= f1.max() - AS_GOOD:
        return USUAL_THRESHOLD
    best = np.flatnonzero(f1 >= f1.max() - 1e-9)
    return float(thresholds[best[len(best) // 2]])


def measure_figures(
    matches: Matches, *, threshold: float, input_sides: tuple[Numbers, Numbers] | None = None
) -> Figures:
    """Work out all figures. `input_sides` are the labels' widths and heights in pixels of the model's input."""
    labels = matches.labels
    counted = ~labels.ignored
    found = counted & (labels.found >= threshold)
    roots = np.sqrt(labels.widths_px * labels.heights_px)
    in_photo = tuple(
        _count_size(name, words, counted & (roots >= low) & (roots < high), found)
        for name, words, low, high in PHOTO_SIZES
    )
    in_input: tuple[SizeFigures, ...] = ()
    if input_sides is not None:
        shorter = np.minimum(*input_sides)
        in_input = tuple(
            _count_size(name, "", counted & (shorter >= low) & (shorter < high), found)
            for name, low, high in INPUT_SIZES
        )
    classes = tuple(
        _measure_class(matches, name, number, threshold) for number, name in enumerate(matches.class_names, 1)
    )
    return Figures(
        threshold=threshold,
        total=_measure_class(matches, "all", None, threshold),
        classes=classes,
        confusion=count_confusions(matches, threshold),
        curves={
            name: _curve(matches, number)
            for number, name in enumerate(matches.class_names, 1)
            if classes[number - 1].boxes
        },
        photo_sizes=in_photo,
        input_sizes=in_input,
        images=_measure_images(matches, found, counted, threshold),
    )


def _count_size(name: str, words: str, chosen: NDArray[np.bool_], found: NDArray[np.bool_]) -> SizeFigures:
    return SizeFigures(name, words, int(chosen.sum()), int((chosen & found).sum()))


def _measure_class(matches: Matches, name: str, class_id: int | None, threshold: float) -> ClassFigures:
    labels, detected = matches.labels, matches.detected
    chosen = ~labels.ignored
    kept = (detected.kinds != IGNORED) & (detected.scores >= threshold)
    if class_id is not None:
        chosen = chosen & (labels.class_ids == class_id)
        kept = kept & (detected.class_ids == class_id)
    is_found = chosen & (labels.found >= threshold)
    confused = chosen & ~is_found & (labels.confused >= threshold)
    poor = chosen & ~is_found & ~confused & (labels.poor >= threshold)
    boxes, found = int(chosen.sum()), int(is_found.sum())
    kinds = np.bincount(detected.kinds[kept], minlength=len(KINDS))
    precision = None
    if boxes and class_id is not None:
        own = (detected.class_ids == class_id) & (detected.kinds != IGNORED)
        precision = average_precision(detected.scores[own], detected.kinds[own] == RIGHT, boxes)
    return ClassFigures(
        name=name,
        boxes=boxes,
        found=found,
        confused=int(confused.sum()),
        poor=int(poor.sum()),
        missed=boxes - found - int(confused.sum()) - int(poor.sum()),
        right=int(kinds[RIGHT]),
        wrong=int(kinds.sum() - kinds[RIGHT]),
        kinds={KINDS[kind]: int(kinds[kind]) for kind in range(RIGHT + 1, IGNORED)},
        ap50=precision,
    )


def _curve(matches: Matches, class_id: int) -> Numbers:
    detected, labels = matches.detected, matches.labels
    own = (detected.class_ids == class_id) & (detected.kinds != IGNORED)
    positives = int(((labels.class_ids == class_id) & ~labels.ignored).sum())
    return read_precision(detected.scores[own], detected.kinds[own] == RIGHT, positives)


def count_confusions(matches: Matches, threshold: float) -> NDArray[np.int64]:
    """Count each label by what it was taken for, and detections where nothing is in the last row."""
    labels, detected = matches.labels, matches.detected
    count = len(matches.class_names)
    table = np.zeros((count + 1, count + 1), dtype=np.int64)
    counted = ~labels.ignored
    seen_as = np.where(labels.confused >= threshold, labels.confused_with, count + 1)
    seen_as = np.where(labels.found >= threshold, labels.class_ids, seen_as)
    np.add.at(table, (labels.class_ids[counted] - 1, seen_as[counted] - 1), 1)
    stray = (detected.kinds == KINDS.index("background")) & (detected.scores >= threshold)
    np.add.at(table[count], detected.class_ids[stray] - 1, 1)
    return table


def _measure_images(
    matches: Matches, found: NDArray[np.bool_], counted: NDArray[np.bool_], threshold: float
) -> tuple[ImageFigures, ...]:
    detected, labels = matches.detected, matches.labels
    count = len(matches.names)
    wrong = (detected.kinds != RIGHT) & (detected.kinds != IGNORED) & (detected.scores >= threshold)
    hits, misses, errors = (
        np.bincount(images, minlength=count)
        for images in (labels.images[found], labels.images[counted & ~found], detected.images[wrong])
    )
    return tuple(ImageFigures(number, int(hits[number]), int(misses[number]), int(errors[number]))
                 for number in range(count))  # fmt: skip
