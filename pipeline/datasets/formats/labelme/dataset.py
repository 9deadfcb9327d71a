"""LabelMe: a JSON file for each image, which names the image and may hold it too.

    DATASET/a.json   {"imagePath": "a.jpg", "imageData": null or base64, "imageWidth": 400, "imageHeight": 300,
                      "shapes": [{"label": "cat", "shape_type": "rectangle", "points": [[1.5, 2], [30, 40.25]]}]}
    DATASET/a.jpg    anywhere in the dataset; where there is none, imageData is the image

Coordinates lie between pixels. What the shapes are is told in `shapes`. Classes are sorted: LabelMe has no list
of them. X-AnyLabeling writes the same files, with a few shapes more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.files import json_file
from pipeline.datasets.files.tree import is_image_name, is_utf8, list_folders, unique_names
from pipeline.datasets.formats.labelme import shapes
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Box, Dataset, Embedded, Image
from pipeline.datasets.pairing.image_index import ImageIndex, last_part_of
from pipeline.datasets.pairing.paired_images import Wanted, pair_images
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split_names import split_of_folders
from pipeline.errors import DataError

NAME = "labelme"
_SUFFIXES = {b"/9j/": ".jpg", b"iVBO": ".png", b"R0lG": ".gif", b"Qk": ".bmp", b"UklG": ".webp"}


class _Content(msgspec.Struct):
    shapes: Any = None
    imagePath: Any = None
    imageData: msgspec.Raw = msgspec.Raw(b"null")
    imageWidth: Any = None
    imageHeight: Any = None


_decoder = msgspec.json.Decoder(_Content)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What a file says: its boxes, each with its place in the file, and where the image lies in it, if it does."""

    image_name: str
    declared: tuple[int, int] | None
    boxes: list[tuple[str, Box]]
    embedded: Embedded | None
    suffix: str


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no LabelMe files; None if it does."""
    paths = json_file.pick_json(json_file.find_json(list_folders(root)))
    if not paths:
        return "no .json file in it"
    reasons = [json_file.lacks_lists(path, "shapes") for path in paths]
    return None if None in reasons else f"{paths[0]} {reasons[0]}"


def read(root: Path, problems: Problems) -> Dataset:
    """Read all annotated images. Bad items go to `problems` one by one: shapes, or whole annotations."""
    folders = list_folders(root)
    annotations: dict[Path, _Annotation] = {}
    for path in json_file.find_json(folders):
        if path.stat().st_size == 0:
            problems.note("annotation_empty_file", str(path))
            continue
        try:
            if annotation := _read_annotation(path, problems):
                annotations[path] = annotation
        except DataError as error:
            problems.refuse_item(error, "annotation_unreadable")
    wanted = {
        path: Wanted(annotation.image_name, len(annotation.boxes), annotation.embedded is not None)
        for path, annotation in annotations.items()
    }
    pairs = pair_images(wanted, ImageIndex(root, folders), problems, field='"imagePath"')
    read_images = []
    for path, annotation in annotations.items():
        if path not in pairs and annotation.embedded is None:
            continue
        try:
            read_images.append(_read_image(path, annotation, pairs.get(path), root, problems))
        except DataError as error:
            problems.refuse_item(error, "image_unusable", boxes=len(annotation.boxes))
    groups = [(image.path.parent.relative_to(root).as_posix().strip("."), image.name) for image in read_images]
    images = tuple(
        Image(image.path, name, image.width, image.height, image.boxes, image.split, image.embedded)
        for image, name in zip(read_images, unique_names(groups), strict=True)
    )
    return Dataset(NAME, root, tuple(sorted({box.label for image in images for box in image.boxes})), images)


def _read_annotation(path: Path, problems: Problems) -> _Annotation | None:
    text = json_file.read_bytes(path)
    if not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"\xff\xfe", b"\xfe\xff")):
        json_file.read_json(path)  # which raises where it is no JSON at all
        problems.note("annotation_file_ignored", str(path))
        return None
    content = json_file.decode(text, path, _decoder)
    if not isinstance(content.shapes, list):
        if content.shapes is None and content.imagePath is None:
            problems.note("annotation_file_ignored", str(path))
            return None
        raise DataError(f'{path}: no list "shapes"')
    name = content.imagePath if isinstance(content.imagePath, str) and is_utf8(content.imagePath) else ""
    embedded, suffix = _find_embedded(text, content.imageData)
    declared = _to_size(content.imageWidth, content.imageHeight)
    boxes = shapes.read_boxes(content.shapes, path, problems, size=declared)
    return _Annotation(name, declared, boxes, embedded, suffix)


def _find_embedded(text: bytes, data: msgspec.Raw) -> tuple[Embedded | None, str]:
    """Find where imageData lies in the file, without its quotes and without the start of a data: URL."""
    quoted = bytes(data)
    if not quoted.startswith(b'"') or len(quoted) < 3:
        return None, ""
    start, length = text.find(quoted) + 1, len(quoted) - 2
    if quoted.startswith(b'"data:'):
        skipped = quoted[1:100].find(b",") + 1
        start, length = start + skipped, length - skipped
    head = text[start : start + 4]
    suffix = next((suffix for magic, suffix in _SUFFIXES.items() if head.startswith(magic)), ".jpg")
    return Embedded(start, length, base64=True), suffix


def _to_size(width: object, height: object) -> tuple[int, int] | None:
    if not (isinstance(width, int) and isinstance(height, int) and 0 < width < 10**9 and 0 < height < 10**9):
        return None
    return width, height


def _read_image(path: Path, annotation: _Annotation, image: Path | None, root: Path, problems: Problems) -> Image:
    boxes = [box for _, box in annotation.boxes]
    embedded = annotation.embedded if image is None else None
    frame = read_frame(image or path, annotation.declared, problems, where=str(path), embedded=embedded, boxes=boxes)
    checked = [to_checked_box(box, frame, problems, where=where) for where, box in annotation.boxes]
    kept = tuple(box for box in checked if box)
    split = split_of_folders(path.parent.relative_to(root).parts)
    if image is not None:
        split = split or split_of_folders(image.parent.relative_to(root).parts)
        return Image(image, image.name, frame.width, frame.height, kept, split)
    named = last_part_of(annotation.image_name)
    name = named if is_image_name(named) else path.stem + annotation.suffix
    return Image(path, name, frame.width, frame.height, kept, split, embedded)
