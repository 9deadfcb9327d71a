"""Supervisely projects, as downloaded.

    DATASET/meta.json                    classes, each with title and shape
    DATASET/train/img/cat.jpg            a dataset is any folder with ann/ in it, at any depth
    DATASET/train/ann/cat.jpg.json       old exports: cat.json

The project may also lie one folder deeper, as an unpacked archive does. Splits come from image tags called train, val
or test, else from dataset names. Rectangles, polygons and masks become boxes; other figures are skipped with a count.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pipeline.datasets import figures
from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.frame import read_frame
from pipeline.datasets.model import Box, Dataset, Image
from pipeline.datasets.problems import Problems
from pipeline.datasets.split import parse_split
from pipeline.datasets.tree import is_image_name, is_utf8, list_folders, resolve_inside, unique_names
from pipeline.errors import DataError
from pipeline.suggest import did_you_mean

NAME = "supervisely"


def mismatch(root: Path) -> str | None:
    """Say why a folder is no Supervisely project; None if it is one."""
    projects = _find_projects(root)
    if not projects:
        return "no meta.json in it"
    if len(projects) > 1:
        return "several projects in it: " + ", ".join(str(project) for project in projects)
    try:
        _read_shapes(projects[0] / "meta.json")
    except DataError as error:
        return str(error)
    if not any(folder.name == "ann" for folder in list_folders(projects[0])):
        return "a meta.json, but no dataset folder with ann/ in it"
    return None


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images that have an annotation. Bad items go to `problems` one by one: objects, or whole images."""
    projects = _find_projects(root)
    if len(projects) != 1:
        raise DataError(f"{root}: {mismatch(root)}")
    project = projects[0]
    shapes = _read_shapes(project / "meta.json")
    folders = list_folders(project)
    found: list[tuple[str, Image]] = []
    for folder, names in folders.items():
        if folder.name != "ann":
            continue
        dataset = "/".join(part for part in folder.parent.relative_to(project).parts if part != "datasets")
        images = folders.get(folder.parent / "img", [])
        annotated = _pair(folder, names, images, problems)
        for name in images:
            if is_image_name(name) and name not in annotated:
                problems.note("image_unannotated", str(folder.parent / "img" / name))
        for name, annotation in annotated.items():
            try:
                image_path = resolve_inside(folder.parent / "img", name, str(annotation))
                found.append((dataset, _read_image(annotation, image_path, shapes, problems)))
            except DataError as error:
                problems.refuse_item(error, "image_unusable")
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


def _find_projects(root: Path) -> list[Path]:
    if (root / "meta.json").is_file():
        return [root]
    return sorted(child for child in root.iterdir() if child.is_dir() and (child / "meta.json").is_file())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise DataError(f"{path}: nested too deeply for JSON that people mean") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: a JSON {type(content).__name__}, not an object")
    return content


def _read_shapes(path: Path) -> dict[str, str]:
    """Read {class title: shape} from meta.json, in its order, which becomes the order of ids."""
    classes = _read_json(path).get("classes")
    if not isinstance(classes, list):
        raise DataError(f'{path}: no list "classes"')
    shapes: dict[str, str] = {}
    for number, entry in enumerate(classes, start=1):
        title = entry.get("title") if isinstance(entry, dict) else None
        if not isinstance(title, str) or not title.strip():
            raise DataError(f"{path}: class {number} has no title")
        if not is_utf8(title):
            raise DataError(f"{path}: class {number} has a title that is not Unicode text: {title!r}")
        shape = entry.get("shape")
        shapes.setdefault(title, shape if isinstance(shape, str) else "any")
    return shapes


def _pair(folder: Path, names: list[str], images: list[str], problems: Problems) -> dict[str, Path]:
    """Find the image of each annotation in an ann/ folder: {image name: annotation file}."""
    by_stem: dict[str, list[str]] = {}
    for image in images:
        by_stem.setdefault(os.path.splitext(image)[0], []).append(image)
    known = set(images)
    pairs: dict[str, Path] = {}
    for name in names:
        path = folder / name
        if not name.lower().endswith(".json"):
            problems.note("annotation_file_ignored", str(path))
            continue
        if path.stat().st_size == 0:
            problems.note("annotation_empty_file", str(path))
            continue
        named = name[: -len(".json")]
        candidates = [named] if named in known else by_stem.get(named, [])
        if len(candidates) != 1:
            found = f"more than one image ({', '.join(candidates)})" if candidates else "no image"
            problems.refuse(
                "image_missing",
                f"{path}: {found} for it in {folder.parent / 'img'}; wanted {named}",
                hint=f"put the image there, or delete {path}",
            )
        elif candidates[0] in pairs:
            problems.refuse(
                "annotation_repeated",
                f"{path}: {pairs[candidates[0]]} is an annotation of {candidates[0]} too",
                hint="delete one of them",
            )
        else:
            pairs[candidates[0]] = path
    return pairs


def _read_image(path: Path, image_path: Path, shapes: dict[str, str], problems: Problems) -> Image:
    annotation = _read_json(path)
    frame = read_frame(image_path, _declared_size(annotation), problems, where=str(path))
    objects = annotation.get("objects")
    if not isinstance(objects, list):
        raise DataError(f'{path}: no list "objects"')
    between_pixels = any(isinstance(entry, dict) and figures.has_fractions(entry) for entry in objects)
    boxes = []
    for number, entry in enumerate(objects, start=1):
        where = f"{path}: object {number}"
        box = _read_box(entry, shapes, problems, between_pixels=between_pixels, where=where)
        checked = to_checked_box(box, frame, problems, where=where) if box else None
        if checked:
            boxes.append(checked)
    split = _split_of_tags(annotation.get("tags"))
    return Image(image_path, image_path.name, frame.width, frame.height, tuple(boxes), split)


def _read_box(
    entry: object, shapes: dict[str, str], problems: Problems, *, between_pixels: bool, where: str
) -> Box | None:
    title = entry.get("classTitle") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(title, str):
        problems.refuse("object_unreadable", f"{where} has no classTitle")
        return None
    if title not in shapes:
        guess = did_you_mean(title, shapes)
        problems.refuse(
            "label_unknown",
            f"{where} has class {title!r}, which meta.json does not list; it lists: {', '.join(shapes) or 'none'}",
            hint=guess or f"add {title!r} to meta.json, or rename the object's class",
        )
        return None
    shape = figures.shape_of(entry, shapes[title])
    if shape not in figures.BOXED:
        problems.note("object_skipped", f"{where} ({shape})")
        return None
    try:
        edges = figures.to_edges(entry, shape, between_pixels=between_pixels)
    except ValueError as error:
        problems.refuse("object_unreadable", f"{where} ({title}): {error}")
        return None
    return Box(title, *edges)


def _declared_size(annotation: dict[str, Any]) -> tuple[int, int] | None:
    size = annotation.get("size")
    width, height = (size.get("width"), size.get("height")) if isinstance(size, dict) else (None, None)
    if isinstance(width, int) and isinstance(height, int) and 0 < width < 10**9 and 0 < height < 10**9:
        return width, height
    return None


def _split_of_tags(tags: object) -> str | None:
    """Find a split among an image's tags: strings in old exports, objects with a name in new ones, or both mixed."""
    for tag in tags if isinstance(tags, list) else []:
        name = tag.get("name", tag.get("tagName")) if isinstance(tag, dict) else tag
        if isinstance(name, str) and (split := parse_split(name)):
            return split
    return None


def _split_of_dataset(dataset: str) -> str | None:
    for part in reversed(dataset.split("/")):
        if split := parse_split(part):
            return split
    return None
