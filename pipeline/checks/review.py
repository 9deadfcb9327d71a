"""What can be told of a dataset without looking into its images: the same for the check and for the training.

Nothing here makes a dataset unusable. Boxes that an image has twice are used once; all else is only noted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.checks.label_spelling import find_similar_labels
from pipeline.datasets.files.tree import path_below
from pipeline.datasets.model import Box, Dataset, Image, count_boxes, format_number
from pipeline.datasets.problems import Problems

RARE = 10
"""A class of fewer boxes is hardly learnt."""


def review(dataset: Dataset, problems: Problems) -> Dataset:
    """Return the dataset without boxes that are there twice, and note all that is odd in it."""
    images = tuple(_without_repeated_boxes(image, problems) for image in dataset.images)
    for image in images:
        if not image.boxes:
            problems.note("image_empty", place_of(image))
        for number, box in enumerate(image.boxes, start=1):
            if _is_whole_image(box, image):
                problems.note("box_whole_image", f"{place_of(image)}: box {number} ({box.label}) {format_edges(box)}")
    _note_repeated_names(images, problems)
    _note_labels(dataset.labels, images, problems)
    return replace(dataset, images=images)


def place_of(image: Image) -> str:
    """Name an image for people: its file, and its own name where it is embedded in one."""
    return str(image.path) if image.embedded is None else f"{image.path} ({image.name})"


def file_key(image: Image, root: os.PathLike[str]) -> str:
    """Name an image for programs: its path below `root` with slashes, and where it begins if it is embedded."""
    return path_below(image.path, root) + (f"#{image.embedded.offset}" if image.embedded else "")


def leave_out(dataset: Dataset, keys: Collection[str], problems: Problems) -> Dataset:
    """Return the dataset without the images of these `file_key`s, and without the classes that had boxes only there."""
    if not keys:
        return dataset
    images = tuple(image for image in dataset.images if file_key(image, dataset.root) not in keys)
    counts = count_boxes(images)
    for label in dataset.labels:
        if not counts[label]:
            problems.note("label_unused", f"{label} (its images cannot be used)")
    return replace(dataset, images=images, labels=tuple(label for label in dataset.labels if counts[label]))


def format_edges(box: Box) -> str:
    """Format a box as (xmin, ymin, xmax, ymax)."""
    return "({})".format(", ".join(format_number(edge) for edge in (box.xmin, box.ymin, box.xmax, box.ymax)))


def _without_repeated_boxes(image: Image, problems: Problems) -> Image:
    if len(set(image.boxes)) == len(image.boxes):
        return image
    first: dict[Box, int] = {}
    for number, box in enumerate(image.boxes, start=1):
        if box in first:
            problems.note(
                "box_duplicate",
                f"{place_of(image)}: box {number} ({box.label}) {format_edges(box)} is box {first[box]} again",
            )
        else:
            first[box] = number
    return replace(image, boxes=tuple(first))


def _is_whole_image(box: Box, image: Image) -> bool:
    """Say whether a box leaves nothing out; in larger images a pixel at each edge does not count."""
    across, down = (1 if side >= 100 else 0 for side in (image.width, image.height))
    return (
        box.xmin <= across and box.ymin <= down and box.xmax >= image.width - across and box.ymax >= image.height - down
    )


def _note_repeated_names(images: Sequence[Image], problems: Problems) -> None:
    _note_repeated(images, "image_name_repeated", lambda path: os.path.basename(path).casefold(), problems)
    _note_repeated(images, "image_stem_repeated", _stem_in_folder, problems)


def _stem_in_folder(path: Path) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, os.path.splitext(name)[0].casefold())


def _note_repeated(images: Sequence[Image], kind: str, key_of: Callable[[Path], str], problems: Problems) -> None:
    """Note the images that have a key in common; only of those more is kept than the key."""
    seen: set[str] = set()
    repeated: set[str] = set()
    for key in (key_of(image.path) for image in images if image.embedded is None):
        (repeated if key in seen else seen).add(key)
    del seen
    groups: dict[str, list[str]] = {}
    for path in (image.path for image in images if repeated and image.embedded is None):
        if (key := key_of(path)) in repeated:
            groups.setdefault(key, []).append(str(path))
    for group in groups.values():
        more = f" and {len(group) - 3} more" if len(group) > 3 else ""
        problems.note(kind, ", ".join(group[:3]) + more)


def _note_labels(labels: tuple[str, ...], images: Iterable[Image], problems: Problems) -> None:
    counts = count_boxes(images)
    for label in labels:
        if counts[label] < RARE:
            problems.note("label_rare", f"{label!r} ({'1 box' if counts[label] == 1 else f'{counts[label]} boxes'})")
    for one, other in find_similar_labels(labels):
        problems.note("label_similar", f"{one!r} ({counts[one]}) and {other!r} ({counts[other]})")
