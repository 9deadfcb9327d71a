"""Pascal VOC, as the devkit, labelImg and VoTT write it.

    DATASET/Annotations/007.xml        one <annotation> an image; may lie anywhere, also beside the images
    DATASET/JPEGImages/007.jpg         named by <filename> (see voc_images.py)
    DATASET/ImageSets/Main/train.txt   splits, where there are any (see voc_splits.py); else folders called train, ...
    DATASET/pascal_label_map.pbtxt     VoTT's; gives the order of the classes. Otherwise they are sorted

Whole coordinates count pixels from 1 and include the last one (devkit_doc, section 4.1: "the top-left pixel ...
has coordinates (1,1)"), so a box over a whole 400x300 image is 1, 1, 400, 300. labelImg raises 0 to 1 to conform.
A file in which any box has a fraction comes from a tool that draws between pixels (VoTT): its numbers are edges.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.frame import read_frame
from pipeline.datasets.image_index import ImageIndex, split_of_folders
from pipeline.datasets.label_map import read_label_map
from pipeline.datasets.model import Box, Dataset, Image, parse_number
from pipeline.datasets.problems import Problems
from pipeline.datasets.tree import list_folders, unique_names
from pipeline.datasets.voc_images import Wanted, pair_images
from pipeline.datasets.voc_splits import read_splits, split_of
from pipeline.datasets.voc_xml import is_annotation, read_xml
from pipeline.datasets.xml_file import read_root_tag
from pipeline.errors import DataError

NAME = "voc"
_LABEL_MAPS = ("label_map.pbtxt", "labelmap.pbtxt")
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no Pascal VOC annotations; None if it does."""
    paths = _find_xml(list_folders(root))
    if not paths:
        return "no .xml file in it"
    reason = ""
    for path in paths:
        try:
            tag = read_xml(path).tag if is_annotation(path) else read_root_tag(path)
        except DataError as error:
            reason = reason or str(error)
            continue
        if tag == "annotation":
            return None
        reason = reason or f"{path} is an XML <{tag}>, not an <annotation>"
    return reason


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What an XML file says: its boxes are half-open already, each with its place in the file."""

    filename: str
    declared: tuple[int, int] | None
    boxes: list[tuple[str, Box]]


def read(root: Path, problems: Problems) -> Dataset:
    """Read all annotated images. Bad items go to `problems` one by one: objects, or whole annotations."""
    folders = list_folders(root)
    annotations: dict[Path, _Annotation] = {}
    for path in _find_xml(folders):
        if path.stat().st_size == 0:
            problems.note("annotation_empty_file", str(path))
            continue
        try:
            annotation = _read_annotation(path, problems)
        except DataError as error:
            problems.refuse_item(error, "annotation_unreadable")
            continue
        if annotation:
            annotations[path] = annotation
        else:
            problems.note("annotation_file_ignored", str(path))
    wanted = {path: Wanted(annotation.filename, len(annotation.boxes)) for path, annotation in annotations.items()}
    image_paths = pair_images(wanted, ImageIndex(root, folders), problems)
    names = {path: (image_path.name, path.stem, image_path.stem) for path, image_path in image_paths.items()}
    splits = read_splits(folders, {name for several in names.values() for name in several}, problems)
    images = []
    for path, image_path in image_paths.items():
        split = split_of(names[path], splits) or _split_of_folders(path, image_path, root)
        try:
            images.append(_read_image(path, annotations[path], image_path, split, problems))
        except DataError as error:
            problems.refuse_item(error, "image_unusable", boxes=len(annotations[path].boxes))
    groups = [(image.path.parent.relative_to(root).as_posix().strip("."), image.name) for image in images]
    finished = tuple(
        Image(image.path, name, image.width, image.height, image.boxes, image.split)
        for image, name in zip(images, unique_names(groups), strict=True)
    )
    return Dataset(NAME, root, _order_labels(finished, folders, problems), finished)


def _split_of_folders(path: Path, image_path: Path, root: Path) -> str | None:
    inner = (path.parent.relative_to(root).parts, image_path.parent.relative_to(root).parts)
    return split_of_folders(inner[0]) or split_of_folders(inner[1])


def _find_xml(folders: dict[Path, list[str]]) -> list[Path]:
    return [folder / name for folder, names in folders.items() for name in names if name.lower().endswith(".xml")]


def _read_annotation(path: Path, problems: Problems) -> _Annotation | None:
    if not is_annotation(path):
        return None
    tree = read_xml(path)
    if tree.tag != "annotation":
        return None
    found = []
    for number, entry in enumerate(tree.findall("object"), start=1):
        where = f"{path}: object {number}"
        try:
            found += [(where, box) for box in _read_boxes(entry, where)]
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")
            continue
        if (entry.findtext("difficult") or "").strip() == "1":
            problems.note("object_difficult", where)
    if not any(isinstance(value, float) for _, box in found for value in _edges_of(box)):
        found = [(where, Box(box.label, box.xmin - 1, box.ymin - 1, box.xmax, box.ymax)) for where, box in found]
    return _Annotation((tree.findtext("filename") or "").strip(), _declared_size(tree), found)


def _read_image(path: Path, annotation: _Annotation, image_path: Path, split: str | None, problems: Problems) -> Image:
    drawn = [box for _, box in annotation.boxes]
    frame = read_frame(image_path, annotation.declared, problems, where=str(path), boxes=drawn)
    boxes = [to_checked_box(box, frame, problems, where=where) for where, box in annotation.boxes]
    kept = tuple(box for box in boxes if box)
    return Image(image_path, image_path.name, frame.width, frame.height, kept, split)


def _edges_of(box: Box) -> tuple[float, float, float, float]:
    return box.xmin, box.ymin, box.xmax, box.ymax


def _read_boxes(entry: ElementTree.Element, where: str) -> list[Box]:
    """Read an object's box, or its boxes: where an object has several, each is one of it."""
    name = entry.findtext("name")
    if name is None or not name.strip():
        raise DataError(f"{where} has no <name>")
    # A name broken over lines was broken by a pretty-printer; any other white space is the name's own.
    label = name.strip() if "\n" in name else name
    found = entry.findall("bndbox")
    if not found:
        raise DataError(f"{where} ({label}) has no <bndbox>")
    return [Box(label, *_read_edges(bounds, f"{where} ({label})")) for bounds in found]


def _read_edges(bounds: ElementTree.Element, where: str) -> list[float]:
    edges = []
    for tag in _EDGES:
        text = bounds.findtext(tag)
        if text is None:
            raise DataError(f"{where} has no <bndbox/{tag}>")
        value = parse_number(text)
        if value is None:
            raise DataError(f"{where}: <bndbox/{tag}> is {text.strip()!r}, not a number")
        edges.append(value)
    return edges


def _declared_size(tree: ElementTree.Element) -> tuple[int, int] | None:
    sides = [parse_number(tree.findtext(f"size/{tag}") or "") for tag in ("width", "height")]
    width, height = sides
    if width is None or height is None or not 1 <= width < 10**9 or not 1 <= height < 10**9:
        return None
    return int(width), int(height)


def _order_labels(images: tuple[Image, ...], folders: dict[Path, list[str]], problems: Problems) -> tuple[str, ...]:
    """Put the classes in the order of the label map, those that it has not behind them, sorted."""
    used = {box.label for image in images for box in image.boxes}
    listed: list[str] = []
    maps = [folder / name for folder, names in folders.items() for name in names if name.endswith(_LABEL_MAPS)]
    for path in maps:
        try:
            listed = listed or read_label_map(path)
        except DataError as error:
            problems.note("label_map_broken", str(error))
    for label in listed:
        if label not in used:
            problems.note("label_unused", label)
    ordered = [label for label in listed if label in used]
    return (*ordered, *sorted(used.difference(ordered)))
