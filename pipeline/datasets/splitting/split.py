"""Which images are for training and which for testing.

What the dataset says is honoured. Nothing held out is ever trained on, so val and test images are both test
here. Images of which nothing is said are split by their content: a hash of the seed and an image's bytes lies under
the test fraction or not, so the same images are split alike on every machine and in any order, and copies of one
image never lie on both sides. With `group_by` the images of one group (a video, a scene) are split as one.

An image added later moves no other, with one exception. A class that chance has left with less than half or more
than twice its share in test, or with nothing on one side, is mended by moving the images nearest to the threshold
(see stratify.py). That happens to classes of a few dozen images, and an image so moved may move back when images
added later mend its class by themselves.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cores import map_in_threads
from pipeline.datasets.images.content import read_content
from pipeline.datasets.images.known import find_sha256
from pipeline.datasets.model import Image
from pipeline.datasets.splitting.stratify import stratify
from pipeline.errors import ConfigError, DataError

FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Split:
    """Both parts, each sorted by name, and a sentence on how they came about."""

    train: tuple[Image, ...]
    test: tuple[Image, ...]
    how: str


def split_images(
    images: Sequence[Image],
    *,
    test_fraction: float = 0.2,
    seed: int = 0,
    group_by: str | None = None,
    root: Path | None = None,
) -> Split:
    """Split images into train and test, at least one each. Raises DataError where that cannot be done.

    `group_by` is "folder", or a regular expression that is searched in an image's path below `root`, the dataset's
    folder, as in r"(video\\d+)_": its first group, or all that it matches, names the group. Images in which nothing
    matches are groups of their own. Raises ConfigError where it is no expression.
    """
    if not 0 < test_fraction < 1:
        raise ConfigError(f"the test fraction is {test_fraction}; wanted more than 0 and less than 1")
    find_group = _make_finder(group_by, root)
    said = {image.split for image in images}
    explicit = "train" in said and ("test" in said or "val" in said)
    undecided = [image for image in images if not explicit or image.split is None]
    scores = dict(zip((image.name for image in undecided), _scores(undecided, seed, find_group), strict=True))
    if not undecided:
        is_test = {}
    elif explicit:
        is_test = {name: score < test_fraction for name, score in scores.items()}
        _follow_group(images, undecided, find_group, is_test)
    else:
        _check_divisible(undecided, scores, group_by)
        is_test = stratify(undecided, scores, test_fraction)
    parts: dict[bool, list[Image]] = {False: [], True: []}
    for image in sorted(images, key=lambda image: image.name):
        parts[is_test.get(image.name, image.split != "train")].append(image)
    return Split(tuple(parts[False]), tuple(parts[True]), _describe(images, undecided, group_by, explicit=explicit))


def _describe(images: Sequence[Image], undecided: list[Image], group_by: str | None, *, explicit: bool) -> str:
    by = "by content"
    if group_by is not None:
        by = "by folder" if group_by == FOLDER else f"by groups of {group_by!r}"
    if explicit and not undecided:
        return "as the dataset says"
    if explicit:
        return f"as the dataset says; the {len(undecided)} images of which it says nothing {by}"
    said = sorted({image.split for image in images if image.split})
    if said:
        return f"{by} (the dataset has only {' and '.join(said)} images, so that cannot be its split)"
    return by


def _make_finder(group_by: str | None, root: Path | None) -> Callable[[Image], str | None]:
    """Return what finds the name of an image's group, None for an image that is a group of its own."""
    if group_by is None:
        return lambda image: None
    if group_by == FOLDER:
        return lambda image: _place_of(image, root).rpartition("/")[0]
    try:
        expression = re.compile(group_by)
    except re.error as error:
        raise ConfigError(
            f"group_by is {group_by!r}: not a regular expression: {error}",
            hint=f"{FOLDER!r}, or an expression whose first group names the scene: '(video[0-9]+)_'",
        ) from None

    def find(image: Image) -> str | None:
        match = expression.search(_place_of(image, root))
        if match is None:
            return None
        return match[1] if expression.groups else match[0]

    return find


def _place_of(image: Image, root: Path | None) -> str:
    """Return where an image lies in its dataset, as folder/name; an embedded one as if it lay beside its file."""
    path = image.path if image.embedded is None else image.path.with_name(image.name)
    if root is not None and path.is_relative_to(root):
        path = path.relative_to(root)
    return path.as_posix()


def _scores(images: Sequence[Image], seed: int, find_group: Callable[[Image], str | None]) -> list[float]:
    """Give each image a number in [0, 1) that depends on the seed and its bytes only, or its group."""
    groups = map(find_group, images)
    keys = [_known_key(image, group) for image, group in zip(images, groups, strict=True)]
    unknown = [index for index, key in enumerate(keys) if key is None]
    for index, digest in zip(unknown, map_in_threads(hash_image, (images[index] for index in unknown)), strict=True):
        keys[index] = digest
    return [_score(key or "", seed) for key in keys]


def _known_key(image: Image, group: str | None) -> str | None:
    """Return what is hashed of an image; None where it is its content's own hash, and not known."""
    if group is not None:
        return f"group:{group}"
    return find_sha256(image.path) if image.embedded is None else None


def _score(key: str, seed: int) -> float:
    score = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(score[:6], "big") / 2**48


def hash_image(image: Image) -> str:
    """Return the SHA-256 of an image's stored bytes, in hex."""
    return hashlib.sha256(read_content(image)).hexdigest()


def _follow_group(
    images: Sequence[Image],
    undecided: Sequence[Image],
    find_group: Callable[[Image], str | None],
    is_test: dict[str, bool],
) -> None:
    """Put undecided images where the dataset puts the others of their group, if it puts those on one side."""
    sides: dict[str, set[bool]] = {}
    for image in images:
        if image.split is not None and (group := find_group(image)) is not None:
            sides.setdefault(group, set()).add(image.split != "train")
    for image in undecided:
        group = find_group(image)
        if group is not None and len(said := sides.get(group, set())) == 1:
            is_test[image.name] = next(iter(said))


def _check_divisible(images: Sequence[Image], scores: dict[str, float], group_by: str | None) -> None:
    if len(set(scores.values())) > 1:
        return
    if group_by is not None and len(images) > 1:
        raise DataError(
            f"no test split possible: {len(images)} images, which {group_by!r} puts into one group; "
            "wanted at least 2 groups, one to train on and one to test with",
            hint="leave group_by out, or set it to what tells the scenes apart",
        )
    raise DataError(
        f"no test split possible: {'1 image' if len(images) == 1 else f'{len(images)} copies of 1 image'}; "
        "wanted at least 2 different images, one to train on and one to test with",
        hint="add labelled images",
    )
