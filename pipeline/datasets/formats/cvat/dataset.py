"""CVAT for images 1.1: one XML file for all images of a task or a project.

    DATASET/annotations.xml
        <annotations>
          <meta> ... <label><name>cat</name></label> ... </meta>                 the classes, in their order
          <image id="0" name="sub/a.jpg" width="400" height="300" subset="Train">
            <box label="cat" xtl="1.5" ytl="2" xbr="30" ybr="40" occluded="0"/>  see shapes.py
            <tag label="train"/>                                                  a split, as subset is
    DATASET/images/sub/a.jpg                                                      anywhere in the dataset

The file is read as a stream: 500 MB of it need no more memory than their boxes. CVAT for video numbers the frames of a
video, which are no images: it is refused.
"""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.tree import list_folders, unique_names
from pipeline.datasets.files.xml_file import read_children, read_root_tag
from pipeline.datasets.formats.cvat.shapes import BOXED, SKIPPED, read_shape
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Box, Dataset, Image, parse_number
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.pairing.named_image import find_alike, find_exact, missing_image
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.splitting.split_names import parse_split, split_of_folders
from pipeline.errors import DataError

NAME = "cvat"
_LOOKED_AT = 20


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no XML file of CVAT's; None if it does."""
    paths = heapq.nsmallest(_LOOKED_AT, _find_xml(list_folders(root)), key=lambda path: -os.stat(path).st_size)
    if not paths:
        return "no .xml file in it"
    reason = ""
    for path in paths:
        try:
            tag = read_root_tag(path)
        except DataError as error:
            reason = reason or str(error)
            continue
        if tag == "annotations":
            return None
        reason = reason or f"{path} is an XML <{tag}>, not <annotations>"
    return reason


@dataclass(slots=True)
class _Reading:
    """What is known while the files are read. `names` is what the XML calls an image, `exact` whether it lies there."""

    index: ImageIndex
    problems: Problems
    images: dict[int, Image] = field(default_factory=dict)
    names: dict[int, tuple[str, bool]] = field(default_factory=dict)
    labels: dict[str, None] = field(default_factory=dict)


def read(root: Path, problems: Problems) -> Dataset:
    """Read all annotated images. Bad items go to `problems` one by one: shapes, images, or files."""
    folders = list_folders(root)
    reading = _Reading(ImageIndex(root, folders), problems)
    with collection_paused():
        for path in _find_xml(folders):
            if path.stat().st_size == 0:
                problems.note("annotation_empty_file", str(path))
                continue
            try:
                if read_root_tag(path) == "annotations":
                    _read_file(path, reading)
                else:
                    problems.note("annotation_file_ignored", str(path))
            except DataError as error:
                problems.refuse_item(error, "annotation_unreadable")
    index = reading.index
    for number in range(len(index)):
        if number not in reading.names:
            problems.note("image_unannotated", str(index.path_of(number)))
    found = sorted(reading.images)
    groups = [
        (index.folder_of(number).relative_to(root).as_posix().strip("."), index.names[number]) for number in found
    ]
    images = tuple(
        replace(reading.images[number], name=name) for number, name in zip(found, unique_names(groups), strict=True)
    )
    used = {box.label for image in images for box in image.boxes}
    for label in reading.labels:
        if label not in used and not parse_split(label):
            problems.note("label_unused", label)
    ordered = [label for label in reading.labels if label in used]
    return Dataset(NAME, root, (*ordered, *sorted(used.difference(ordered))), images)


def _find_xml(folders: dict[Path, list[str]]) -> list[Path]:
    return [folder / name for folder, names in folders.items() for name in names if name.lower().endswith(".xml")]


def _read_file(path: Path, reading: _Reading) -> None:
    listed: dict[str, None] = {}
    for element in read_children(path):
        if element.tag == "meta":
            listed.update(_read_labels(element))
            reading.labels.update(listed)
        elif element.tag == "track":
            raise DataError(
                f"{path}: CVAT for video: its frames are no images of a dataset",
                hint='export the task from CVAT as "CVAT for images 1.1", with its images',
            )
        elif element.tag == "image":
            try:
                _take_image(path, element, listed, reading)
            except DataError as error:
                reading.problems.refuse_item(error, "image_unusable")


def _read_labels(meta: Element) -> dict[str, None]:
    """Read the classes of a task or project; those with a parent are the points of a skeleton."""
    return {
        name: None
        for label in meta.iter("label")
        if label.find("parent") is None and label.findtext("type") != "tag" and (name := label.findtext("name") or "")
    }


def _take_image(path: Path, element: Element, listed: dict[str, None], reading: _Reading) -> None:
    """Read an <image> and find its file, which another one may have: then the boxes of both are one image's."""
    index, problems = reading.index, reading.problems
    name = element.get("name") or ""
    where = f"{path}: image {name!r}"
    size = _declared_size(element)
    placed = _read_boxes(element, size, listed, problems, where=where)
    if not name:
        error = ItemError("annotation_unreadable", f"{path}: an <image> without a name (id {element.get('id')!r})")
        problems.refuse_item(error, "annotation_unreadable", boxes=len(placed))
        return
    split = _read_split(element)
    number = find_exact(index, name, beside=path.parent, split=element.get("subset") or split)
    is_exact = number is not None
    try:
        if number is None:
            number = find_alike(index, name, where=str(path), beside=path.parent, split=split)
            if number in reading.names and reading.names[number][0] != name:
                raise missing_image(index, name, where=str(path), beside=path.parent)
        elif number in reading.names and reading.names[number] != (name, True):
            _give_up(path, number, reading)
        reading.names.setdefault(number, (name, is_exact))
        image = _read_image(index.path_of(number), placed, size, split, problems, where=where)
    except DataError as error:
        problems.refuse_item(error, "image_unusable", boxes=len(placed))
        return
    if image.split is None:
        image = replace(image, split=split_of_folders(index.folder_of(number).relative_to(index.root).parts))
    before = reading.images.get(number)
    if before is not None:
        image = _join(before, image, problems)
    reading.images[number] = image


def _give_up(path: Path, number: int, reading: _Reading) -> None:
    """Refuse an image that was found by the last part of its name: another <image> has the file's whole name."""
    name, is_exact = reading.names[number]
    if is_exact:
        return
    del reading.names[number]
    before = reading.images.pop(number, None)
    if before is not None:
        reading.problems.refuse_item(
            missing_image(reading.index, name, where=str(path), beside=path.parent),
            "image_missing",
            boxes=len(before.boxes),
        )


def _join(before: Image, image: Image, problems: Problems) -> Image:
    problems.note("image_listed_twice", str(image.path))
    splits = {one.split for one in (before, image) if one.split}
    if len(splits) > 1:
        problems.note("split_contradicts", str(image.path))
        splits.discard("train")
    known = set(before.boxes)
    boxes = before.boxes + tuple(box for box in image.boxes if box not in known)
    return replace(image, boxes=boxes, split=min(splits, default=None))


def _read_boxes(
    element: Element, size: tuple[int, int] | None, listed: dict[str, None], problems: Problems, *, where: str
) -> list[tuple[str, Box]]:
    placed = []
    shapes = (shape for shape in element if shape.tag in BOXED or shape.tag in SKIPPED)
    for number, shape in enumerate(shapes, start=1):
        place = f"{where}: object {number}"
        if shape.tag in SKIPPED:
            problems.note("object_skipped", f"{place} ({shape.tag})")
            continue
        try:
            box = read_shape(shape, size, problems, where=place)
            if listed and box.label not in listed:
                raise ItemError(
                    "label_unknown",
                    f"{place}: label {box.label!r} is not in <meta>; it lists: {', '.join(listed)}",
                    hint="add it to the labels of the task in CVAT, and export again",
                )
            placed.append((place, box))
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")
    return placed


def _read_image(
    path: Path,
    placed: list[tuple[str, Box]],
    size: tuple[int, int] | None,
    split: str | None,
    problems: Problems,
    *,
    where: str,
) -> Image:
    frame = read_frame(path, size, problems, where=where, boxes=[box for _, box in placed])
    checked = [to_checked_box(box, frame, problems, where=place) for place, box in placed]
    return Image(path, path.name, frame.width, frame.height, tuple(box for box in checked if box), split)


def _read_split(element: Element) -> str | None:
    tags = (tag.get("label") or "" for tag in element.iter("tag"))
    return next(
        (split for word in (*tags, element.get("subset") or "") if (split := parse_split(word))),
        None,
    )


def _declared_size(element: Element) -> tuple[int, int] | None:
    width, height = (parse_number(element.get(side, "")) for side in ("width", "height"))
    if not (isinstance(width, int) and isinstance(height, int) and 0 < width < 10**9 and 0 < height < 10**9):
        return None
    return width, height
