"""Supervisely projects, as downloaded.

    DATASET/meta.json                    classes, each with title and shape
    DATASET/train/img/cat.jpg            a dataset is any folder with ann/ in it, at any depth
    DATASET/train/ann/cat.jpg.json       old exports: cat.json

The project may also lie one folder deeper, as an unpacked archive does. Splits come from image tags called train, val
or test, else from dataset names. Rectangles, polygons and masks become boxes; other figures are skipped with a count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.files.json_file import read_json_object
from pipeline.datasets.files.tree import is_image_name, list_folders, unique_names
from pipeline.datasets.formats.supervisely import figures
from pipeline.datasets.formats.supervisely.files import (
    find_projects,
    pair_annotations,
    read_shapes,
    refuse_without_image,
)
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Box, Dataset, Image
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.splitting.split_names import parse_split
from pipeline.errors import DataError
from pipeline.suggest import did_you_mean

NAME = "supervisely"


def mismatch(root: Path) -> str | None:
    """Say why a folder is no Supervisely project; None if it is one."""
    projects = find_projects(root)
    if not projects:
        return "no meta.json in it"
    if len(projects) > 1:
        return "several projects in it: " + ", ".join(str(project) for project in projects)
    try:
        read_shapes(projects[0] / "meta.json")
    except DataError as error:
        return str(error)
    if not any(folder.name == "ann" for folder in list_folders(projects[0])):
        return "a meta.json, but no dataset folder with ann/ in it"
    return None


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What a file says: its boxes are half-open already, each with its place in the file."""

    declared: tuple[int, int] | None
    boxes: list[tuple[str, Box]]
    split: str | None


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images that have an annotation. Bad items go to `problems` one by one: objects, or whole images."""
    projects = find_projects(root)
    if len(projects) != 1:
        raise DataError(f"{root}: {mismatch(root)}")
    project = projects[0]
    shapes = read_shapes(project / "meta.json")
    folders = list_folders(project)
    found: list[tuple[str, Image]] = []
    for folder, names in folders.items():
        if folder.name == "ann":
            dataset = "/".join(part for part in folder.parent.relative_to(project).parts if part != "datasets")
            images = folders.get(folder.parent / "img", [])
            found += [(dataset, image) for image in _read_dataset(folder, names, images, shapes, problems)]
    names_made = unique_names([(dataset, image.path.name) for dataset, image in found])
    images_read = tuple(
        Image(image.path, name, image.width, image.height, image.boxes, image.split or _split_of_dataset(dataset))
        for (dataset, image), name in zip(found, names_made, strict=True)
    )
    used = {box.label for image in images_read for box in image.boxes}
    for title in shapes:
        if title not in used:
            problems.note("label_unused", title)
    return Dataset(NAME, root, tuple(title for title in shapes if title in used), images_read)


def _read_dataset(
    folder: Path, names: list[str], images: list[str], shapes: dict[str, str], problems: Problems
) -> list[Image]:
    pairs, without = pair_annotations(folder, names, images, problems)
    for path in without:
        if annotation := _read_annotation(path, shapes, problems):
            refuse_without_image(path, images, len(annotation.boxes), problems)
    for name in images:
        if is_image_name(name) and name not in pairs:
            problems.note("image_unannotated", str(folder.parent / "img" / name))
    read_images = []
    for name, path in pairs.items():
        annotation = _read_annotation(path, shapes, problems)
        if annotation is None:
            continue
        try:
            read_images.append(_read_image(path, annotation, folder.parent / "img" / name, problems))
        except DataError as error:
            problems.refuse_item(error, "image_unusable", boxes=len(annotation.boxes))
    return read_images


def _read_annotation(path: Path, shapes: dict[str, str], problems: Problems) -> _Annotation | None:
    try:
        content = read_json_object(path)
        objects = content.get("objects")
        if not isinstance(objects, list):
            raise DataError(f'{path}: no list "objects"')
    except DataError as error:
        problems.refuse_item(error, "annotation_unreadable")
        return None
    between_pixels = any(isinstance(entry, dict) and figures.has_fractions(entry) for entry in objects)
    boxes = []
    for number, entry in enumerate(objects, start=1):
        where = f"{path}: object {number}"
        try:
            if box := _read_box(entry, shapes, problems, between_pixels=between_pixels, where=where):
                boxes.append((where, box))
        except ItemError as error:
            problems.refuse_item(error, "object_unreadable")
    return _Annotation(_declared_size(content), boxes, _split_of_tags(content.get("tags"), str(path), problems))


def _read_image(path: Path, annotation: _Annotation, image_path: Path, problems: Problems) -> Image:
    boxes = [box for _, box in annotation.boxes]
    frame = read_frame(image_path, annotation.declared, problems, where=str(path), boxes=boxes)
    checked = [to_checked_box(box, frame, problems, where=where) for where, box in annotation.boxes]
    kept = tuple(box for box in checked if box)
    return Image(image_path, image_path.name, frame.width, frame.height, kept, annotation.split)


def _read_box(
    entry: object, shapes: dict[str, str], problems: Problems, *, between_pixels: bool, where: str
) -> Box | None:
    title = entry.get("classTitle") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(title, str):
        raise ItemError("object_unreadable", f"{where} has no classTitle")
    if title not in shapes:
        raise ItemError(
            "label_unknown",
            f"{where} has class {title!r}, which meta.json does not list; it lists: {', '.join(shapes) or 'none'}",
            hint=did_you_mean(title, shapes) or f"add {title!r} to meta.json, or rename the object's class",
        )
    shape = figures.shape_of(entry, shapes[title])
    if shape not in figures.BOXED and shape != figures.UNKNOWN:
        problems.note("object_skipped", f"{where} ({shape})")
        return None
    try:
        return Box(title, *figures.to_edges(entry, shape, between_pixels=between_pixels))
    except ValueError as error:
        raise ItemError("object_unreadable", f"{where} ({title}): {error}") from error


def _declared_size(annotation: dict[str, Any]) -> tuple[int, int] | None:
    size = annotation.get("size")
    width, height = (size.get("width"), size.get("height")) if isinstance(size, dict) else (None, None)
    if isinstance(width, int) and isinstance(height, int) and 0 < width < 10**9 and 0 < height < 10**9:
        return width, height
    return None


def _split_of_tags(tags: object, where: str, problems: Problems) -> str | None:
    """Find a split among an image's tags: strings in old exports, objects with a name in new ones, or both mixed.

    An image that is tagged for training and for testing is held out.
    """
    found = set()
    for tag in tags if isinstance(tags, (list, dict)) else []:
        words = (tag.get("name", tag.get("tagName")), tag.get("value")) if isinstance(tag, dict) else (tag,)
        found |= {parse_split(word) for word in words if isinstance(word, str)} - {None}
    if len(found) > 1:
        problems.note("split_contradicts", where)
    return min(found - {"train"} or found, key=str, default=None)


def _split_of_dataset(dataset: str) -> str | None:
    for part in reversed(dataset.split("/")):
        if split := parse_split(part):
            return split
    return None
