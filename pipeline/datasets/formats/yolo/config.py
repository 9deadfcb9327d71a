"""What a YOLO dataset says of itself: the names of its classes, and what its splits are.

    data.yaml       names: [cat, dog] or {0: cat, 1: dog}; train, val, test: a folder, several, or a file of paths
    obj.data        names = data/obj.names and train = data/train.txt: Darknet's, and CVAT's "YOLO 1.1"
    classes.txt     a name a line: labelImg's and Label Studio's; obj.names is the same, and Roboflow's _darknet.labels
    notes.json      {"categories": [{"id": 0, "name": "cat"}]}: Label Studio's

All of them were written on another machine: a path in them means the longest part of its end that is in the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from pipeline.datasets.files.json_file import read_json
from pipeline.datasets.splitting.split_names import parse_split
from pipeline.errors import DataError

NAME_FILES = frozenset(("classes.txt", "obj.names", "_darknet.labels"))
_LARGEST = 2**20
Folders = dict[Path, list[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """A folder of images, or a file that lists them, of one split. `where` says so, `path` is None if it is missing."""

    split: str
    where: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class Config:
    """`names` are the classes by their ids, `source` is where they stand; `parts` are empty where nothing is said."""

    names: dict[int, str]
    source: Path | None
    parts: tuple[Part, ...] = ()
    has_keypoints: bool = False


def find_configs(folders: Folders) -> dict[Path, int]:
    """Find the files that may be a YOLO dataset's own: {file: rank}, those first that say most, or lie outermost."""
    ranks: dict[Path, int] = {}
    for folder, names in folders.items():
        for name in names:
            lowered = name.casefold()
            if lowered.endswith((".yaml", ".yml")):
                ranks[folder / name] = 0 if lowered.startswith(("data.", "dataset.")) else 1
            elif lowered.endswith(".data"):
                ranks[folder / name] = 2
            elif lowered in NAME_FILES or lowered.endswith(".names"):
                ranks[folder / name] = 3
            elif lowered == "notes.json":
                ranks[folder / name] = 4
    return {path: ranks[path] for path in sorted(ranks, key=lambda path: (ranks[path], len(path.parts), path))}


def read_config(root: Path, folders: Folders) -> Config:
    """Read what the dataset says. `names` are empty where there is no file of them.

    Raises DataError for a file that is broken, and where two of them list different classes.
    """
    first: Config | None = None
    first_rank = 0
    parts: tuple[Part, ...] = ()
    for path, rank in find_configs(folders).items():
        # A data.yaml was written for the dataset; what lies beside it was for another tool, or came before it.
        if first and rank != first_rank and parts:
            break
        config = _read_file(path, root, folders)
        if config is None:
            continue
        parts = parts or config.parts
        if not config.names or (first and rank != first_rank):
            continue
        if first is None:
            first, first_rank = config, rank
        elif config.names != first.names:
            raise DataError(
                f"{first.source} and {config.source} list different classes",
                hint="name one dataset's folder with DATASET=, or delete the list that is not right",
            )
    if first is None:
        return Config({}, None, parts)
    return Config(first.names, first.source, parts, first.has_keypoints)


def _read_file(path: Path, root: Path, folders: Folders) -> Config | None:
    suffix = path.suffix.casefold()
    if suffix in (".yaml", ".yml"):
        return _read_yaml(path, root, folders)
    if suffix == ".data":
        return _read_darknet(path, root, folders)
    if suffix == ".json":
        return _read_notes(path)
    return Config(_read_names(path), path)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: more than {_LARGEST} bytes, which no list of classes has")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _read_names(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in _read_text(path).splitlines()]
    return {number: name for number, name in enumerate(lines) if name}


def _read_yaml(path: Path, root: Path, folders: Folders) -> Config | None:
    """Read a data.yaml; None for a YAML file about something else, of which there are many in such folders."""
    is_ours = path.stem.casefold() in ("data", "dataset")
    try:
        # All values as the text that stands there: a class may be called no, or 1.
        content: Any = yaml.load(_read_text(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if is_ours:
            raise DataError(f"{path}: not YAML: {_describe(error)}") from error
        return None
    except DataError:
        if is_ours:
            raise
        return None
    if not isinstance(content, dict) or not ("names" in content or is_ours):
        return None
    names, source = content.get("names", []), path
    if isinstance(names, str) and (listed := resolve(names, "", path, root, folders)) and listed not in folders:
        names, source = _read_names(listed), listed
    base = content.get("path")
    parts = [
        Part(
            split, f"{path}: {key}: {value}", resolve(value, base if isinstance(base, str) else "", path, root, folders)
        )
        for key, values in content.items()
        if isinstance(key, str) and (split := parse_split(key))
        for value in ([values] if isinstance(values, str) else values if isinstance(values, list) else [])
        if isinstance(value, str) and value.strip()
    ]
    return Config(_to_names(names, path), source, tuple(parts), "kpt_shape" in content)


def _describe(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is not None:
        return f"line {mark.line + 1}: {problem}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]


def _to_names(names: object, path: Path) -> dict[int, str]:
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise DataError(f"{path}: names is {str(names)[:40]!r}, not a list or a map of the classes")
    result: dict[int, str] = {}
    for key, name in names.items():
        if not str(key).strip().isdecimal() or len(str(key)) > 9:
            raise DataError(f"{path}: names has the key {str(key)[:40]!r}; wanted the classes' numbers, from 0")
        if not isinstance(name, str):
            # Not shown: a few bytes of aliases may stand for gigabytes of text
            raise DataError(f"{path}: name {key} is a {type(name).__name__}, not a text", hint="put it into quotes")
        if name.strip():
            result[int(key)] = name.strip()
    return result


def _read_darknet(path: Path, root: Path, folders: Folders) -> Config | None:
    """Read obj.data; None for a .data file that is none."""
    try:
        lines = _read_text(path).splitlines()
    except DataError:
        return None
    values = {key.strip(): value.strip() for key, is_set, value in (line.partition("=") for line in lines) if is_set}
    if "names" not in values:
        return None
    listed = resolve(values["names"], "", path, root, folders)
    if listed is None or listed in folders:
        raise DataError(f"{path}: no file {values['names']!r} for the names in {root}", hint="put it beside obj.data")
    parts = [
        Part(split, f"{path}: {key} = {value}", resolve(value, "", path, root, folders))
        for key, value in values.items()
        if value and (split := parse_split(key))
    ]
    return Config(_read_names(listed), listed, tuple(parts))


def _read_notes(path: Path) -> Config | None:
    try:
        content = read_json(path)
    except DataError:
        return None
    entries = content.get("categories") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return None
    names = {
        entry["id"]: entry["name"].strip()
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("name"), str)
    }
    return Config(names, path)


def resolve(value: str, base: str, beside: Path, root: Path, folders: Folders) -> Path | None:
    """Find the folder or file that a path of another machine means: the longest end of it that is there, or None."""
    parts = [*_split_path(base), *_split_path(value)]
    if not parts:
        return beside.parent if value.strip() else None
    for start in range(len(parts)):
        for place in dict.fromkeys((beside.parent, root)):
            target = place.joinpath(*parts[start:])
            if target in folders or target.name in folders.get(target.parent, ()):
                return target
    anywhere = list(_ending(parts[-2:], folders))
    return anywhere[0] if len(anywhere) == 1 else None


def _split_path(text: str) -> Iterable[str]:
    path = PureWindowsPath(text.strip())
    return [part for part in path.parts if part not in ("..", path.anchor) and "\0" not in part]


def _ending(parts: list[str], folders: Folders) -> Iterator[Path]:
    """Find the folders whose path ends with all these parts, and the files that are called like the last."""
    for folder, names in folders.items():
        if list(folder.parts[-len(parts) :]) == parts:
            yield folder
        if parts[-1] in names:
            yield folder / parts[-1]
