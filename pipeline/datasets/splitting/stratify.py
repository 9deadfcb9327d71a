"""A split by thresholds, mended where chance has left a class with far less or far more than its share in test.

Images of one score (copies, a group) move together. Only images of a class that is out of its band are moved, those
nearest to the threshold, so that nearly every image lies where its own score says, whatever else is in the dataset.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.datasets.model import Image

_NO_BOXES = frozenset(("",))  # no label of a box is empty
_SLACK = 1e-9  # 0.1 * 30 is 3.0000000000000004


@dataclass(slots=True)
class _Class:
    """The images of one class: how many in all and in test, the units they make, and how many may be in test."""

    units: list[float]
    images: int
    in_test: int
    low: int
    high: int

    def excess(self, moved: int = 0) -> int:
        """Return how many images too many are in test, negative for too few, after `moved` more went there."""
        in_test = self.in_test + moved
        return in_test - self.high if in_test > self.high else min(in_test - self.low, 0)

    def is_on_one_side(self, moved: int = 0) -> bool:
        """Say whether train or test lacks the class after `moved` more images went to test, and need not lack it."""
        return self.in_test + moved in ((self.images,) if self.high == 0 else (0, self.images))


def stratify(images: Sequence[Image], scores: Mapping[str, float], test_fraction: float) -> dict[str, bool]:
    """Say of every image, by its name, whether it is for testing; at least one is, and one is not.

    A class has at least half of `test_fraction` and at most twice of it in test, and is on both sides, as far as
    its images allow: one of a single image stays in train, where it can be learnt, if not measured.
    """
    contents = _count_contents(images, scores)
    test = {score for score in contents if score < test_fraction}
    classes = _count_classes(contents, test, test_fraction)
    for _ in range(2):  # mending one class may bring another out of its band
        for label, found in classes.items():
            if found.excess():
                _mend(label, classes, contents, test, test_fraction)
    for label, found in classes.items():
        if found.is_on_one_side():
            _mend(label, classes, contents, test, test_fraction, at_any_price=True)
    if not test:
        test.add(min(contents))
    elif len(test) == len(contents):
        test.remove(max(contents))
    return {image.name: scores[image.name] in test for image in images}


def _count_contents(images: Sequence[Image], scores: Mapping[str, float]) -> dict[float, Mapping[str, int]]:
    """Count the images of each class that each score stands for; images without boxes are a class, too."""
    contents: dict[float, Mapping[str, int]] = {}
    shared: dict[frozenset[str], Mapping[str, int]] = {}  # few sets of labels, many images
    for image in images:
        labels = frozenset(box.label for box in image.boxes) or _NO_BOXES
        counts = shared.setdefault(labels, dict.fromkeys(labels, 1))
        score = scores[image.name]
        contents[score] = Counter(contents[score]) + Counter(counts) if score in contents else counts
    return contents


def _count_classes(
    contents: Mapping[float, Mapping[str, int]], test: set[float], test_fraction: float
) -> dict[str, _Class]:
    """Gather the classes, the commonest first: a rare one, mended later, has the fewer images to choose from."""
    members: dict[str, list[float]] = {}
    for score in sorted(contents):
        for label in contents[score]:
            members.setdefault(label, []).append(score)
    classes = {}
    for label in sorted(members, key=lambda label: (-len(members[label]), label)):
        counts = [contents[score][label] for score in members[label]]
        in_test = sum(contents[score][label] for score in members[label] if score in test)
        classes[label] = _Class(members[label], sum(counts), in_test, *_band(counts, test_fraction))
    return classes


def _band(counts: Sequence[int], test_fraction: float) -> tuple[int, int]:
    """Return the least and the greatest number of a class's images that should be in test, from those of each unit."""
    if len(counts) == 1:
        return 0, 0
    images = sum(counts)
    most = min(2 * test_fraction, (1 + test_fraction) / 2)
    high = min(images - 1, max(min(counts), math.floor(images * most + _SLACK)))
    return min(high, max(1, math.ceil(images * test_fraction / 2 - _SLACK))), high


def _mend(
    label: str,
    classes: Mapping[str, _Class],
    contents: Mapping[float, Mapping[str, int]],
    test: set[float],
    test_fraction: float,
    *,
    at_any_price: bool = False,
) -> None:
    """Move the images of a class that are nearest to the threshold until it is in its band, or no move helps.

    No move may bring another class (farther) out of its band, or, at any price, onto one side.
    """
    mended = classes[label]
    to_test = mended.excess() < 0
    middle = bisect_left(mended.units, test_fraction)
    nearest = mended.units[middle:] if to_test else mended.units[:middle][::-1]
    for score in nearest:
        if not mended.excess() or (at_any_price and not mended.is_on_one_side()):
            return
        if (score in test) == to_test:
            continue
        moves = {other: count if to_test else -count for other, count in contents[score].items()}
        if abs(mended.excess(moves.pop(label))) >= abs(mended.excess()):
            continue
        if any(_is_harmed(classes[other], moved, at_any_price=at_any_price) for other, moved in moves.items()):
            continue
        for other, count in contents[score].items():
            classes[other].in_test += count if to_test else -count
        (test.add if to_test else test.remove)(score)


def _is_harmed(found: _Class, moved: int, *, at_any_price: bool) -> bool:
    if at_any_price:
        return found.is_on_one_side(moved)
    return abs(found.excess(moved)) > abs(found.excess())
