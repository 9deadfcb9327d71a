"""COCO: one JSON file, or one a split, with the lists "images", "annotations" and "categories".

    DATASET/annotations/instances_train2017.json   COCO's own; CVAT's annotations/instances_default.json
    DATASET/train2017/000000000009.jpg
    DATASET/train/_annotations.coco.json           Roboflow's: beside the images of a split
    DATASET/result.json                            Label Studio's, with images/

The format is described at https://cocodataset.org/#format-data. A bbox is x, y, width, height between pixels, from 0:
[0, 0, 400, 300] is a whole 400x300 image. Crowds and run-length masks are kept out of training and counted. Splits
come from words in the name of the file, else from the folders that it lies in, else from those of the images.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files import json_file
from pipeline.datasets.files.tree import list_folders, unique_names
from pipeline.datasets.formats.coco.file import CocoFile, read_coco_file
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Dataset, Image
from pipeline.datasets.pairing.image_index import ImageIndex, last_part_of
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.splitting.split_names import parse_split, split_of_folders
from pipeline.errors import DataError

NAME = "coco"


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no COCO file; None if it does."""
    paths = json_file.pick_json(json_file.find_json(list_folders(root)))
    if not paths:
        return "no .json file in it"
    reasons = [json_file.lacks_lists(path, "images", "annotations") for path in paths]
    return None if None in reasons else f"{paths[0]} {reasons[0]}"


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images that a COCO file lists. Bad items go to `problems` one by one: annotations, images, or files."""
    folders = list_folders(root)
    files = _drop_keypoints(_read_files(json_file.find_json(folders), problems), problems)
    labels = _merge_labels(files)
    index = ImageIndex(root, folders)
    claims = _Claims(files, index, problems)
    with collection_paused():
        images = tuple(_read_images(claims, labels, problems))
    used = {box.label for image in images for box in image.boxes}
    for label in labels:
        if label not in used:
            problems.note("label_unused", label)
    return Dataset(NAME, root, tuple(label for label in labels if label in used), images)


def _read_files(paths: list[Path], problems: Problems) -> list[CocoFile]:
    files = []
    for path in paths:
        if path.stat().st_size == 0:
            problems.note("annotation_empty_file", str(path))
            continue
        try:
            if json_file.lacks_lists(path, "images"):
                json_file.read_json(path)  # which raises where it is cut short
                problems.note("annotation_file_ignored", str(path))
            elif file := read_coco_file(path, problems):
                files.append(file)
        except DataError as error:
            problems.refuse_item(error, "annotation_unreadable")
    return files


def _drop_keypoints(files: list[CocoFile], problems: Problems) -> list[CocoFile]:
    """Leave out person_keypoints_*.json where instances_*.json has the same people."""
    listed = {name for file in files if not file.is_keypoints for name in file.names}
    kept = []
    for file in files:
        if file.is_keypoints and listed.issuperset(file.names):
            problems.note("annotation_file_ignored", f"{file.path} (its objects, with keypoints, are in another file)")
        else:
            kept.append(file)
    return kept


def _merge_labels(files: list[CocoFile]) -> list[str]:
    """Join the classes of all files, those of the first in front; let all files share the same strings."""
    labels: dict[str, str] = {}
    for file in files:
        file.labels = [labels.setdefault(label, label) for label in file.labels]
    return list(labels)


class _Claims:
    """Which images the files list, by their numbers in the index; what cannot be found is refused.

    One image may be listed by several files (and twice by one): then it gets the boxes of all. But an image that is
    found at the very path that one file gives is not given to another file that merely has its name.
    """

    def __init__(self, files: list[CocoFile], index: ImageIndex, problems: Problems) -> None:
        self.files = files
        self.index = index
        self._splits = [_split_of_file(file, index.root) for file in files]
        self._file_of, self._image_of, self._found = array("i"), array("i"), array("i")
        self._is_exact = bytearray()
        self._first = array("i", [-1]) * len(index)
        self._others: dict[int, list[int]] = {}
        for number, file in enumerate(files):
            for image, name in enumerate(file.names):
                self._claim(number, image, name, problems)
        self._settle(problems)

    def _claim(self, number: int, image: int, name: str | None, problems: Problems) -> None:
        file = self.files[number]
        if name is None:
            if error := file.refused.get(image):
                problems.refuse_item(error, "image_unusable", boxes=file.count_boxes(image))
            return
        try:
            found, is_exact = self._find(file, name, self._splits[number])
        except ItemError as error:
            problems.refuse_item(error, "image_missing", boxes=file.count_boxes(image))
            return
        claim = len(self._found)
        if self._first[found] < 0:
            self._first[found] = claim
        else:
            self._others.setdefault(found, [self._first[found]]).append(claim)
        self._file_of.append(number)
        self._image_of.append(image)
        self._found.append(found)
        self._is_exact.append(is_exact)

    def _find(self, file: CocoFile, name: str, split: str | None) -> tuple[int, bool]:
        for folder in (file.path.parent, self.index.root):
            if (found := self.index.exact(folder, name)) is not None:
                return found, True
        alike = self.index.alike(last_part_of(name))
        near = self.index.nearest(alike, beside=file.path.parent, name=name, split=split)
        if len(near) == 1:
            return near[0], False
        if near:
            raise ItemError(
                "image_missing",
                f"{file.path}: its image {name!r} could be {self.index.in_words(near)}",
                hint="give file_name with its folder, as it is seen from the dataset",
            )
        raise _missing(file.path, name, self.index)

    def _settle(self, problems: Problems) -> None:
        """Where several claim one image, drop those that only have its name, unless all say the same of it."""
        for found, claims in self._others.items():
            exact = [claim for claim in claims if self._is_exact[claim]]
            names = {self._name_of(claim).replace("\\", "/") for claim in claims}
            kept = exact or (claims if len(names) == 1 else [])
            for claim in claims:
                if claim not in kept:
                    file, image = self.files[self._file_of[claim]], self._image_of[claim]
                    error = _missing(file.path, self._name_of(claim), self.index)
                    problems.refuse_item(error, "image_missing", boxes=file.count_boxes(image))
            if len(kept) > 1:
                problems.note("image_listed_twice", str(self.index.path_of(found)))
            self._first[found] = kept[0] if kept else -1
            self._others[found] = kept

    def _name_of(self, claim: int) -> str:
        return self.files[self._file_of[claim]].names[self._image_of[claim]] or ""

    def __iter__(self) -> Iterator[tuple[int, list[tuple[CocoFile, int, str | None]]]]:
        """Give each claimed image, in the order of the index, with the (file, image, split) that list it."""
        for found, first in enumerate(self._first):
            if first >= 0:
                claims = self._others.get(found, [first])
                yield (
                    found,
                    [
                        (self.files[self._file_of[claim]], self._image_of[claim], self._splits[self._file_of[claim]])
                        for claim in claims
                    ],
                )

    def unclaimed(self) -> Iterator[int]:
        """Give each image that no file lists."""
        return (found for found, first in enumerate(self._first) if first < 0)


def _missing(path: Path, name: str, index: ImageIndex) -> ItemError:
    if index.leads_out(path.parent, name):
        return ItemError(
            "image_unsafe_path",
            f"{path}: file_name {name!r} leads out of {index.root}, "
            f"and no image in it is called {last_part_of(name)!r}",
            hint="put the image into the dataset, or take it off the lists",
        )
    return ItemError(
        "image_missing",
        f"{path}: no image {name!r} for it in {index.root}",
        hint="put the image there, or take it off the lists",
    )


def _read_images(claims: _Claims, labels: list[str], problems: Problems) -> Iterator[Image]:
    index = claims.index
    for image in claims.unclaimed():
        problems.note("image_unannotated", str(index.path_of(image)))
    found = [image for image, _ in claims]
    names = unique_names([(_inner(index, image).as_posix().strip("."), index.names[image]) for image in found])
    for name, (image, listed) in zip(names, claims, strict=True):
        try:
            yield _read_image(index, image, name, listed, problems)
        except DataError as error:
            lost = sum(file.count_boxes(number) for file, number, _ in listed)
            problems.refuse_item(error, "image_unusable", boxes=lost)


def _inner(index: ImageIndex, image: int) -> Path:
    return index.folder_of(image).relative_to(index.root)


def _read_image(
    index: ImageIndex, image: int, name: str, listed: list[tuple[CocoFile, int, str | None]], problems: Problems
) -> Image:
    path = index.path_of(image)
    placed = [entry for file, number, _ in listed for entry in file.boxes_of(number)]
    sizes = [size for file, number, _ in listed if (size := file.declared_size(number))]
    file, number, _ = listed[0]
    where = f"{file.path}: image {number + 1} ({file.names[number]})"
    boxes = [box for _, box in placed]
    frame = read_frame(path, sizes[0] if sizes else None, problems, where=where, boxes=boxes)
    checked = [to_checked_box(box, frame, problems, where=place) for place, box in placed]
    split = _choose_split({split for _, _, split in listed if split}, where, problems)
    if split is None:
        split = split_of_folders(_inner(index, image).parts)
    return Image(path, name, frame.width, frame.height, tuple(box for box in checked if box), split)


def _choose_split(splits: set[str], where: str, problems: Problems) -> str | None:
    if len(splits) > 1:
        problems.note("split_contradicts", where)
        splits = splits - {"train"}
    return min(splits, default=None)


def _split_of_file(file: CocoFile, root: Path) -> str | None:
    words = {parse_split(word) for word in re.findall("[a-z]+", file.path.stem.casefold())} - {None}
    if len(words) == 1:
        return words.pop()
    return split_of_folders(file.path.parent.relative_to(root).parts)
