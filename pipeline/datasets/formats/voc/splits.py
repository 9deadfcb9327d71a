"""ImageSets/Main of Pascal VOC: which image is in which split.

    train.txt         one image a line: 2007_000027
    cat_train.txt     one image and a flag a line: 2007_000027 -1

The plain lists count where there are any. Without them (VoTT) the lists of all classes do: each holds every image
of its split, the flag says only whether the class is in it. trainval.txt says nothing of a split.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from pipeline.datasets.files.tree import file_name_of, is_image_name
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split_names import parse_split

_SETS = "imagesets"
_LONGEST_LINE = 2**12
_FLAG = re.compile(r"\s+(?:-1|0|1)$")


def read_splits(folders: dict[Path, list[str]], known: set[str], problems: Problems) -> dict[str, str]:
    """Read {name or stem of an image: train, val or test}. An image in two lists is held out from training.

    `known` are the names and stems of the images there are; what else is listed is noted. Beside them it tells the
    names that end in a number from those that have a flag behind them.
    """
    decoded = {unquote(name) for name in known}
    splits: dict[str, str] = {}
    unknown: dict[str, str] = {}
    twice: set[str] = set()
    for path, split in _find_lists(folders):
        for number, line in enumerate(_read_lines(path), start=1):
            name = _parse_line(line, decoded)
            if not name:
                continue
            if name not in decoded:
                unknown.setdefault(name, f"{path}: line {number}: {name}")
                continue
            before = splits.setdefault(name, split)
            if before != split:
                twice.add(name)
                splits[name] = split if before == "train" else before
    for name in sorted(twice):
        problems.note("split_contradicts", name)
    for place in unknown.values():
        problems.note("split_unknown_image", place)
    return splits


def _read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a list, of each no more than any file name needs."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        while line := file.readline(_LONGEST_LINE):
            yield line
            while line and not line.endswith("\n"):
                line = file.readline(_LONGEST_LINE)


def has_lists(folders: dict[Path, list[str]]) -> bool:
    """Say whether there are any lists of splits."""
    return bool(_find_lists(folders))


def _find_lists(folders: dict[Path, list[str]]) -> list[tuple[Path, str]]:
    """Find the lists that count, each with its split: in ImageSets/Main, else in ImageSets itself."""
    main = [folder for folder in folders if folder.parent.name.casefold() == _SETS and folder.name.casefold() == "main"]
    plain: list[tuple[Path, str]] = []
    of_classes: list[tuple[Path, str]] = []
    for folder in main or [folder for folder in folders if folder.name.casefold() == _SETS]:
        for name in folders[folder]:
            stem, dot, suffix = name.rpartition(".")
            if not dot or suffix.casefold() != "txt":
                continue
            if split := parse_split(stem):
                plain.append((folder / name, split))
            elif split := parse_split(stem.rpartition("_")[2]):
                of_classes.append((folder / name, split))
    return plain or of_classes


def split_of(names: tuple[str, ...], splits: dict[str, str]) -> str | None:
    """Find the split of an image by any of its names, the surest first; percent-encoding does not matter."""
    for name in names:
        if split := splits.get(unquote(name)):
            return split
    return None


def _parse_line(line: str, known: set[str]) -> str:
    """Take the name of a line, decoded; a number behind it is a flag where the name is not known with it."""
    whole = unquote(file_name_of(line.strip()))
    if whole in known:
        return whole
    without_flag = unquote(file_name_of(_FLAG.sub("", line.strip())))
    return _as_known(without_flag, known) or _as_known(whole, known) or without_flag


def _as_known(name: str, known: set[str]) -> str | None:
    """Return the name by which an image is known; lists may have the suffix of another form of it, as .png for .jpg."""
    if name in known:
        return name
    stem = os.path.splitext(name)[0]
    return stem if is_image_name(name) and stem in known else None
