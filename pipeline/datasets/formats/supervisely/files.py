"""The files of a Supervisely project: its meta.json, and which image belongs to which annotation."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.datasets.files.json_file import read_json_object
from pipeline.datasets.files.tree import is_utf8
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError


def find_projects(root: Path) -> list[Path]:
    """Find the folders with a meta.json: the folder itself, else those in it."""
    if (root / "meta.json").is_file():
        return [root]
    with os.scandir(root) as entries:  # which knows folders from files without asking for each
        folders = [root / entry.name for entry in entries if entry.is_dir()]
    return sorted(folder for folder in folders if (folder / "meta.json").is_file())


def read_shapes(path: Path) -> dict[str, str]:
    """Read {class title: shape} from meta.json, in its order, which becomes the order of ids.

    Old exports list only titles; there every class may have any shape. Raises DataError.
    """
    classes = read_json_object(path).get("classes")
    if not isinstance(classes, list):
        raise DataError(f'{path}: no list "classes"')
    shapes: dict[str, str] = {}
    for number, entry in enumerate(classes, start=1):
        title = entry.get("title", entry.get("name")) if isinstance(entry, dict) else entry
        if not isinstance(title, str) or not title.strip():
            raise DataError(f"{path}: class {number} has no title")
        if not is_utf8(title):
            raise DataError(f"{path}: class {number} has a title that is not Unicode text: {title!r}")
        shape = entry.get("shape") if isinstance(entry, dict) else None
        shapes.setdefault(title, shape if isinstance(shape, str) else "any")
    return shapes


def pair_annotations(
    folder: Path, names: list[str], images: list[str], problems: Problems
) -> tuple[dict[str, Path], list[Path]]:
    """Find the image of each annotation in an ann/ folder: {image name: annotation file}, and the files without one.

    An annotation is called like its image, with .json behind; in old exports instead of the image's suffix. The new
    names are looked at first, so that a.jpg.json and a.json can be of a.jpg and a.png.
    """
    annotations = []
    for name in names:
        path = folder / name
        if not name.lower().endswith(".json"):
            problems.note("annotation_file_ignored", str(path))
        elif path.stat().st_size == 0:
            problems.note("annotation_empty_file", str(path))
        else:
            annotations.append(name)
    by_name: dict[str, list[str]] = {}
    by_stem: dict[str, list[str]] = {}
    for image in images:
        by_name.setdefault(image.casefold(), []).append(image)
        by_stem.setdefault(os.path.splitext(image)[0].casefold(), []).append(image)
    pairs: dict[str, Path] = {}
    without: list[Path] = []
    old = []
    for name in annotations:
        named = name[: -len(".json")]
        if found := _pick(by_name, named, named):
            _add(pairs, found, folder / name, problems)
        else:
            old.append(name)
    for name in old:
        named = name[: -len(".json")]
        alike = by_stem.get(named.casefold(), [])
        free = [image for image in alike if image not in pairs] or alike
        same_case = [image for image in free if os.path.splitext(image)[0] == named] or free
        if len(same_case) == 1:
            _add(pairs, same_case[0], folder / name, problems)
        else:
            without.append(folder / name)
    return pairs, without


def _pick(by_name: dict[str, list[str]], named: str, exact: str) -> str | None:
    found = by_name.get(named.casefold(), [])
    if exact in found:
        return exact
    return found[0] if len(found) == 1 else None


def _add(pairs: dict[str, Path], image: str, path: Path, problems: Problems) -> None:
    if image in pairs:
        problems.refuse(
            "annotation_repeated",
            f"{path}: {pairs[image]} is an annotation of {image} too",
            hint="delete one of them",
        )
    else:
        pairs[image] = path


def refuse_without_image(path: Path, images: list[str], boxes: int, problems: Problems) -> None:
    """Refuse an annotation of which there is no image, or more than one."""
    named = path.name[: -len(".json")]
    alike = [image for image in images if os.path.splitext(image)[0].casefold() == named.casefold()]
    found = f"more than one image ({', '.join(alike)})" if alike else "no image"
    problems.refuse(
        "image_missing",
        f"{path}: {found} for it in {path.parent.parent / 'img'}; wanted {named}",
        hint=f"put the image there, or delete {path}",
        boxes=boxes,
    )
