"""Pascal VOC, as the devkit, labelImg and VoTT write it.

    DATASET/Annotations/007.xml        one <annotation> an image; may lie anywhere, also beside the images
    DATASET/JPEGImages/007.jpg         named by <filename> (see pairing/paired_images.py)
    DATASET/ImageSets/Main/train.txt   splits, where there are any (see splits.py); else folders called train, ...
    DATASET/pascal_label_map.pbtxt     VoTT's; gives the order of the classes. Otherwise they are sorted

Whole coordinates count pixels from 1 and include the last one (devkit_doc, section 4.1: "the top-left pixel ...
has coordinates (1,1)"), so a box over a whole 400x300 image is 1, 1, 400, 300. labelImg raises 0 to 1 to conform.
A file in which any box has a fraction comes from a tool that draws between pixels (VoTT): its numbers are edges.
"""

from __future__ import annotations

import itertools
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.files.tree import list_folders, path_below, unique_names
from pipeline.datasets.files.xml_file import read_root_tag
from pipeline.datasets.formats.voc.annotation_file import is_annotation, parse_xml, read_small, read_xml
from pipeline.datasets.formats.voc.splits import has_lists, read_splits, split_of
from pipeline.datasets.images.ahead import map_ahead
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.label_map import read_label_map
from pipeline.datasets.model import Box, Dataset, Image, parse_number
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.pairing.paired_images import Wanted, pair_images
from pipeline.datasets.problems import Parts, Problems
from pipeline.datasets.splitting.split_names import split_of_folder
from pipeline.errors import DataError

NAME = "voc"
_LABEL_MAPS = ("label_map.pbtxt", "labelmap.pbtxt")
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no Pascal VOC annotations; None if it does."""
    reason = ""
    for path in _find_xml(list_folders(root)):
        try:
            tag = read_xml(path).tag if is_annotation(path) else read_root_tag(path)
        except DataError as error:
            reason = reason or str(error)
            continue
        if tag == "annotation":
            return None
        reason = reason or f"{path} is an XML <{tag}>, not an <annotation>"
    return reason or "no .xml file in it"


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What an XML file says: its boxes are half-open already, `numbers` are those of their objects."""

    filename: str
    declared: tuple[int, int] | None
    boxes: tuple[Box, ...]
    numbers: tuple[int, ...]


def read(root: Path, problems: Problems) -> Dataset:
    """Read all annotated images. Bad items go to `problems` one by one: objects, or whole annotations."""
    folders = list_folders(root)
    annotations = {path: said for path, said in _read_annotations(_find_xml(folders), problems) if said is not None}
    wanted = {path: Wanted(annotation.filename, len(annotation.boxes)) for path, annotation in annotations.items()}
    image_paths = pair_images(wanted, ImageIndex(root, folders), problems)
    del wanted
    splits = _read_splits(folders, image_paths, problems)
    images = []
    for path, image_path in image_paths.items():
        split = split_of(_names_of(path, image_path), splits) if splits else None
        split = split or split_of_folder(_folder_of(path, root)) or split_of_folder(_folder_of(image_path, root))
        annotation = annotations.pop(path)  # of which there may be 200,000, and nobody needs them twice
        try:
            images.append(_read_image(path, annotation, image_path, split, problems))
        except DataError as error:
            problems.refuse_item(error, "image_unusable", boxes=len(annotation.boxes))
    groups = [(_folder_of(image.path, root).strip("."), image.name) for image in images]
    finished = tuple(
        Image(image.path, name, image.width, image.height, image.boxes, image.split)
        for image, name in zip(images, unique_names(groups), strict=True)
    )
    return Dataset(NAME, root, _order_labels(finished, folders, problems), finished)


def _read_splits(folders: dict[Path, list[str]], pairs: dict[Path, Path], problems: Problems) -> dict[str, str]:
    if not has_lists(folders):
        return {}
    return read_splits(folders, {name for pair in pairs.items() for name in _names_of(*pair)}, problems)


def _names_of(path: Path, image_path: Path) -> tuple[str, ...]:
    """Return the names by which lists may call an image, the surest first."""
    return image_path.name, path.stem, image_path.stem


def _folder_of(path: Path, root: Path) -> str:
    return os.path.dirname(path_below(path, root))


def _find_xml(folders: dict[Path, list[str]]) -> Iterator[Path]:
    return (folder / name for folder, names in folders.items() for name in names if name.lower().endswith(".xml"))


def _read_annotations(paths: Iterable[Path], problems: Problems) -> Iterator[tuple[Path, _Annotation | None]]:
    """Yield each file with what it says of an image, None for nothing: parsed by all cores, if they are used."""
    paths, again = itertools.tee(paths)
    for found, parts in map_ahead(_read_batch, map(str, again)):
        problems.take_over(parts)
        for path, said in zip(itertools.islice(paths, len(found)), found, strict=True):
            if said is None:
                yield path, None
                continue
            filename, declared, boxes = said
            placed = tuple(Box(sys.intern(label), *edges) for _, label, *edges in boxes)
            yield path, _Annotation(filename, declared, placed, tuple(box[0] for box in boxes))


_Said = tuple[str, "tuple[int, int] | None", list[tuple[int, str, float, float, float, float]]]
"""The fields of an `_Annotation`, of plain values, which pickle faster."""


def _read_batch(paths: list[str]) -> tuple[list[_Said | None], Parts]:
    problems = Problems(keep_going=True)
    return [_read_annotation(Path(path), problems) for path in paths], problems.to_parts()


def _read_annotation(path: Path, problems: Problems) -> _Said | None:
    try:
        content = read_small(path)
        if content == b"":
            problems.note("annotation_empty_file", str(path))
            return None
        tree = None if content is None else parse_xml(content, path)
    except DataError as error:
        problems.refuse_item(error, "annotation_unreadable")
        return None
    if tree is None or tree.tag != "annotation":
        problems.note("annotation_file_ignored", str(path))
        return None
    return (tree.findtext("filename") or "").strip(), _declared_size(tree), _read_objects(tree, path, problems)


def _read_objects(
    tree: ElementTree.Element, path: Path, problems: Problems
) -> list[tuple[int, str, float, float, float, float]]:
    found: list[tuple[int, str, float, float, float, float]] = []
    for number, entry in enumerate(tree.findall("object"), start=1):
        try:
            found += [(number, *box) for box in _read_boxes(entry, f"{path}: object {number}")]
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")
            continue
        if (entry.findtext("difficult") or "").strip() == "1":
            problems.note("object_difficult", f"{path}: object {number}")
    if any(isinstance(edge, float) for box in found for edge in box[2:]):
        return found
    return [(number, label, xmin - 1, ymin - 1, xmax, ymax) for number, label, xmin, ymin, xmax, ymax in found]


def _read_image(path: Path, annotation: _Annotation, image_path: Path, split: str | None, problems: Problems) -> Image:
    frame = read_frame(image_path, annotation.declared, problems, where=str(path), boxes=annotation.boxes)
    boxes = [
        to_checked_box(box, frame, problems, where=f"{path}: object {number}")
        for number, box in zip(annotation.numbers, annotation.boxes, strict=True)
    ]
    kept = tuple(box for box in boxes if box)
    return Image(image_path, image_path.name, frame.width, frame.height, kept, split)


def _read_boxes(entry: ElementTree.Element, where: str) -> list[tuple[str, float, float, float, float]]:
    """Read an object's box, or its boxes: where an object has several, each is one of it."""
    name = entry.findtext("name")
    if name is None or not name.strip():
        raise DataError(f"{where} has no <name>")
    # A name broken over lines was broken by a pretty-printer; any other white space is the name's own.
    label = name.strip() if "\n" in name else name
    found = entry.findall("bndbox")
    if not found:
        raise DataError(f"{where} ({label}) has no <bndbox>")
    return [(label, *_read_edges(bounds, f"{where} ({label})")) for bounds in found]


def _read_edges(bounds: ElementTree.Element, where: str) -> tuple[float, float, float, float]:
    xmin, ymin, xmax, ymax = (_read_edge(bounds.findtext(tag), tag, where) for tag in _EDGES)
    return xmin, ymin, xmax, ymax


def _read_edge(text: str | None, tag: str, where: str) -> float:
    if text is None:
        raise DataError(f"{where} has no <bndbox/{tag}>")
    value = parse_number(text)
    if value is None:
        raise DataError(f"{where}: <bndbox/{tag}> is {text.strip()!r}, not a number")
    return value


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
