"""The names of splits: train, val and test in the words that people call files and folders by."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def parse_split(word: str) -> str | None:
    """Return train, val or test for the usual words for them in any case; None for any other word."""
    return _SPLITS.get(word.strip().casefold())


@functools.lru_cache(maxsize=1024)
def split_of_folder(folder: str) -> str | None:
    """Find the split that a folder's path is named after: see `split_of_folders`."""
    return split_of_folders(tuple(folder.split("/")))


def split_of_folders(parts: tuple[str, ...]) -> str | None:
    """Find the split that folders are named after, the innermost first; train2017 and Val-1 are such names too."""
    for part in reversed(parts):
        if split := parse_split(part.rstrip("0123456789-_ ")):
            return split
    return None


def split_of_file(path: Path, root: Path) -> str | None:
    """Find the split that a file is named after, in whatever words, or else its folders."""
    words = {parse_split(word) for word in re.findall("[a-z]+", path.stem.casefold())} - {None}
    return words.pop() if len(words) == 1 else split_of_folders(path.parent.relative_to(root).parts)
