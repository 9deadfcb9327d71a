"""Which images are for training and which for testing.

What the dataset says is honoured. Nothing held out is ever trained on, so val and test images are both test
here. Images of which nothing is said are split by their content: an image's part depends on its bytes and the seed,
so the same images are split alike on every machine and in any order, copies of one image never lie on both sides,
and an image added later moves no other, but for the few that keep every class on both sides.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.datasets.content import read_content
from pipeline.datasets.model import Image
from pipeline.errors import ConfigError, DataError

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def parse_split(word: str) -> str | None:
    """Return train, val or test for the usual words for them in any case; None for any other word."""
    return _SPLITS.get(word.strip().casefold())


@dataclass(frozen=True, slots=True)
class Split:
    """Both parts, each sorted by name, and a sentence on how they came about."""

    train: tuple[Image, ...]
    test: tuple[Image, ...]
    how: str


def split_images(images: Sequence[Image], *, test_fraction: float = 0.2, seed: int = 0) -> Split:
    """Split images into train and test, at least one each. Raises DataError where that cannot be done."""
    if not 0 < test_fraction < 1:
        raise ConfigError(f"the test fraction is {test_fraction}; wanted more than 0 and less than 1")
    said = {image.split for image in images}
    explicit = "train" in said and ("test" in said or "val" in said)
    undecided = [image for image in images if not explicit or image.split is None]
    scores = _scores(undecided, seed)
    if not undecided:
        is_test = {}
    elif explicit:
        is_test = {name: score < test_fraction for name, score in scores.items()}
    else:
        is_test = _split_by_score(undecided, scores, test_fraction)
    parts: dict[bool, list[Image]] = {False: [], True: []}
    for image in sorted(images, key=lambda image: image.name):
        parts[is_test.get(image.name, image.split != "train")].append(image)
    return Split(tuple(parts[False]), tuple(parts[True]), _describe(images, undecided, explicit=explicit))


def _describe(images: Sequence[Image], undecided: list[Image], *, explicit: bool) -> str:
    if explicit and not undecided:
        return "as the dataset says"
    if explicit:
        return f"as the dataset says; the {len(undecided)} images of which it says nothing by content"
    said = sorted({image.split for image in images if image.split})
    if said:
        return f"by content (the dataset has only {' and '.join(said)} images, so that cannot be its split)"
    return "by content"


def _scores(images: Sequence[Image], seed: int) -> dict[str, float]:
    """Give each image a number in [0, 1) that depends on the seed and its bytes only."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = list(pool.map(hash_image, images))
    scores = {}
    for image, digest in zip(images, digests, strict=True):
        score = hashlib.sha256(f"{seed}:{digest}".encode()).digest()
        scores[image.name] = int.from_bytes(score[:6], "big") / 2**48
    return scores


def hash_image(image: Image) -> str:
    """Return the SHA-256 of an image's stored bytes, in hex."""
    return hashlib.sha256(read_content(image)).hexdigest()


def _split_by_score(images: Sequence[Image], scores: dict[str, float], test_fraction: float) -> dict[str, bool]:
    if len(set(scores.values())) < 2:
        raise DataError(
            f"no test split possible: {'1 image' if len(images) == 1 else f'{len(images)} copies of 1 image'}; "
            "wanted at least 2 different images, one to train on and one to test with",
            hint="add labelled images",
        )
    is_test = {image.name: scores[image.name] < test_fraction for image in images}
    ordered = sorted(images, key=lambda image: (scores[image.name], image.name))
    groups: dict[str, list[Image]] = {}
    for image in ordered:
        for label in {box.label for box in image.boxes}:
            groups.setdefault(label, []).append(image)
    # The commonest class first, so that a rare one, decided last, is not undone; all images as the very last.
    for members in [*sorted(groups.values(), key=len, reverse=True), ordered]:
        _put_on_both_sides(members, scores, is_test)
    return is_test


def _put_on_both_sides(members: list[Image], scores: dict[str, float], is_test: dict[str, bool]) -> None:
    """Move the image nearest to the other side (with its copies) where all images of a class lie on one side.

    A class of a single image stays in train: it can be learnt, or measured, but not both.
    """
    sides = {is_test[image.name] for image in members}
    distinct = {scores[image.name] for image in members}
    if len(distinct) == 1:
        moved, side = next(iter(distinct)), False
        if len(members) == len(is_test):
            return
    elif sides == {False}:
        moved, side = min(distinct), True
    elif sides == {True}:
        moved, side = max(distinct), False
    else:
        return
    for name, score in scores.items():
        if score == moved:
            is_test[name] = side
