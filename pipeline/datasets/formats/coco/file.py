"""One COCO file, in arrays: a dataset of a million annotations has to fit into memory, and a dict each does not."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pipeline.datasets.files.json_file import decode_large
from pipeline.datasets.files.tree import is_utf8
from pipeline.datasets.formats.coco import entries
from pipeline.datasets.formats.coco.entries import Identifier
from pipeline.datasets.model import Box
from pipeline.datasets.problems import ItemError, Problems
from pipeline.errors import DataError
from pipeline.suggest import did_you_mean

_PEEK = 50
_UNBELIEVABLE = 10**9


class _Top(msgspec.Struct):
    images: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None
    categories: list[msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Top)


@dataclass(slots=True)
class CocoFile:
    """What a COCO file lists. Images and boxes are numbered as in the file, from 0; `labels` are in order of id.

    `names` has None for an image that is not to be used: `refused` says why, or it was listed before.
    """

    path: Path
    names: list[str | None] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("q"))
    labels: list[str] = field(default_factory=list)
    refused: dict[int, ItemError] = field(default_factory=dict)
    is_keypoints: bool = False
    _image_of: array[int] = field(default_factory=lambda: array("i"))
    _label_of: array[int] = field(default_factory=lambda: array("i"))
    _number_of: array[int] = field(default_factory=lambda: array("i"))
    _ids: array[int] = field(default_factory=lambda: array("q"))
    _edges: array[float] = field(default_factory=lambda: array("d"))
    _order: array[int] = field(default_factory=lambda: array("i"))
    _starts: array[int] = field(default_factory=lambda: array("i"))

    def count_boxes(self, image: int) -> int:
        """Count the boxes of an image."""
        return self._starts[image + 1] - self._starts[image]

    def boxes_of(self, image: int) -> Iterator[tuple[str, Box]]:
        """Give the boxes of an image, in the order of the file, each with its place."""
        for box in self._order[self._starts[image] : self._starts[image + 1]]:
            edges = self._edges[4 * box : 4 * box + 4]
            where = _where(self.path, self._number_of[box], self._ids[box] if self._ids[box] != _NO_ID else None)
            yield where, Box(self.labels[self._label_of[box]], *edges)

    def declared_size(self, image: int) -> tuple[int, int] | None:
        """Return (width, height) of an image; None where the file does not say it."""
        width, height = self.sizes[2 * image], self.sizes[2 * image + 1]
        return (width, height) if 0 < width < _UNBELIEVABLE and 0 < height < _UNBELIEVABLE else None

    def _sort(self) -> None:
        """Order the boxes by their images: a counting sort, linear and without a list per image."""
        counts = array("i", bytes(4 * (len(self.names) + 1)))
        for image in self._image_of:
            counts[image + 1] += 1
        for image in range(len(self.names)):
            counts[image + 1] += counts[image]
        self._starts = array("i", counts)
        self._order = array("i", bytes(4 * len(self._image_of)))
        for box, image in enumerate(self._image_of):
            self._order[counts[image]] = box
            counts[image] += 1


_NO_ID = -(2**63)


def _where(path: Path, number: int, identifier: Identifier | None) -> str:
    return f"{path}: annotation {number}" if identifier is None else f"{path}: annotation {number} (id {identifier})"


def read_coco_file(path: Path, problems: Problems) -> CocoFile | None:
    """Read a COCO file. Bad annotations go to `problems`, bad images into `refused`; raises DataError for the rest.

    None, and a note, for a file of COCO's that is not about objects: captions, lists of images without annotations.
    """
    top = decode_large(path, _decoder)
    if top.images is None:
        raise DataError(f'{path}: no list "images"')
    if top.annotations is None:
        problems.note("annotation_file_ignored", f'{path} (it has no "annotations")')
        return None
    if top.annotations and (kind := entries.has_no_boxes(top.annotations[:_PEEK])):
        problems.note("annotation_file_ignored", f"{path} (it has {kind})")
        return None
    file = CocoFile(path)
    categories = _read_categories(file, top.categories or [], problems)
    top.categories = None
    images = _read_images(file, top.images, problems)
    top.images = None
    _read_annotations(file, top.annotations, images, categories, problems)
    file._sort()
    return file


def _read_categories(file: CocoFile, raws: list[msgspec.Raw], problems: Problems) -> dict[Identifier, int | str]:
    """Read {id: place in `labels`}, or {id: what is wrong with it}."""
    read = [entry for entry in map(entries.read_category, raws) if entry]
    file.is_keypoints = bool(read) and all(keypoints for _, _, keypoints in read)
    if all(isinstance(identifier, int) for identifier, _, _ in read):
        read.sort(key=lambda entry: entry[0])
    places: dict[str, int] = {}
    found: dict[Identifier, int | str] = {}
    for identifier, name, _ in read:
        if name is None:
            found.setdefault(identifier, 'has no name in "categories"')
            continue
        if not is_utf8(name):
            found.setdefault(identifier, f"has a name that is not Unicode text: {name!r}")
            continue
        if name in places:
            problems.note("label_repeated", f"{file.path}: {name}")
        place = places.setdefault(name, len(places))
        before = found.setdefault(identifier, place)
        if before != place:
            first = list(places)[before] if isinstance(before, int) else "?"
            found[identifier] = f'has two names in "categories": {first!r} and {name!r}'
    file.labels = list(places)
    return found


def _read_images(file: CocoFile, raws: list[msgspec.Raw], problems: Problems) -> dict[Identifier, int]:
    """Read {id: number of the image}; an id that two images have is of neither."""
    images: dict[Identifier, int] = {}
    for number, raw in enumerate(raws):
        where = f"{file.path}: image {number + 1}"
        try:
            entry = entries.read_image(raw, where)
        except ItemError as error:
            file.refused[number] = error
            file.names.append(None)
            file.sizes.extend((0, 0))
            continue
        file.names.append(entry.file_name)
        file.sizes.extend(max(0, min(side, _UNBELIEVABLE)) for side in (entry.width, entry.height))
        first = images.setdefault(entry.id, number)
        if first == number:
            continue
        if file.names[first] == entry.file_name:
            problems.note("image_listed_twice", f"{where} ({entry.file_name})")
        else:
            for one, other in ((first, number), (number, first)):
                file.refused[one] = ItemError(
                    "image_unusable",
                    f"{file.path}: image {one + 1} has id {entry.id}, which image {other + 1} has too",
                    hint="give every image an id of its own",
                )
            file.names[first] = None
        file.names[number] = None
    return images


def _read_annotations(
    file: CocoFile,
    raws: list[msgspec.Raw],
    images: dict[Identifier, int],
    categories: dict[Identifier, int | str],
    problems: Problems,
) -> None:
    for number, raw in enumerate(raws, start=1):
        try:
            entry = entries.read_annotation(raw, f"{file.path}: annotation {number}")
            where = _where(file.path, number, entry.id)
            if entries.is_crowd(entry):
                problems.note("object_crowd", where)
                continue
            image = images.get(entry.image_id)
            if image is None:
                raise ItemError(
                    "object_unreadable",
                    f'{where} is of image {entry.image_id}, which "images" does not list',
                    hint="delete the annotation, or list its image",
                )
            label = categories.get(entry.category_id, 'which "categories" does not list')
            if isinstance(label, str):
                raise _unknown(f"{where} has category {entry.category_id}, ", label, entry.category_id, file.labels)
            edges = entries.to_edges(entry, where)
        except ItemError as error:
            problems.refuse_item(error, "object_unreadable")
            continue
        if entry.ignore:
            problems.note("object_difficult", where)
        file._image_of.append(image)
        file._label_of.append(label)
        file._number_of.append(number)
        file._ids.append(entry.id if isinstance(entry.id, int) and abs(entry.id) < 2**62 else _NO_ID)
        file._edges.extend(edges)


def _unknown(what: str, why: str, identifier: Identifier, labels: list[str]) -> ItemError:
    guess = did_you_mean(identifier, labels) if isinstance(identifier, str) else None
    joined = what + why if why.startswith("which") else f"{what}which {why}"
    return ItemError("label_unknown", joined, hint=guess or 'mend "categories", or delete the annotation')
