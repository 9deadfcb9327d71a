"""ImageSets/Main of Pascal VOC: which image is in which split.

    train.txt         one image a line: 2007_000027
    cat_train.txt     one image and a flag a line: 2007_000027 -1

The plain lists count where there are any. Without them (VoTT) the lists of all classes do: each holds every image
of its split, the flag says only whether the class is in it. trainval.txt says nothing of a split.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from pipeline.datasets.problems import Problems
from pipeline.datasets.split import parse_split
from pipeline.datasets.tree import file_name_of, is_image_name


def read_splits(folders: dict[Path, list[str]], problems: Problems) -> dict[str, str]:
    """Read {name or stem of an image: train, val or test}. An image in two lists is held out from training."""
    plain: list[tuple[Path, str]] = []
    of_classes: list[tuple[Path, str]] = []
    for folder, names in folders.items():
        if (folder.parent.name, folder.name) != ("ImageSets", "Main"):
            continue
        for name in names:
            if not name.endswith(".txt"):
                continue
            stem = name[: -len(".txt")]
            if split := parse_split(stem):
                plain.append((folder / name, split))
            elif split := parse_split(stem.rpartition("_")[2]):
                of_classes.append((folder / name, split))
    splits: dict[str, str] = {}
    twice: set[str] = set()
    for path, split in plain or of_classes:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name = _parse_line(line, with_flag=not plain)
            if not name:
                continue
            before = splits.setdefault(name, split)
            if before != split:
                twice.add(name)
                splits[name] = split if before == "train" else before
    for name in sorted(twice):
        problems.note("split_contradicts", name)
    for name, split in list(splits.items()):
        decoded = unquote(name)
        splits.setdefault(decoded, split)
        splits.setdefault(decoded.rpartition(".")[0] if is_image_name(decoded) else decoded, split)
    return splits


def split_of(names: tuple[str, ...], splits: dict[str, str]) -> str | None:
    """Find the split of an image by any of its names, the surest first; percent-encoding does not matter."""
    for name in names:
        if split := splits.get(unquote(name)):
            return split
    return None


def _parse_line(line: str, *, with_flag: bool) -> str:
    """Take the name of a line; names may have blanks, so a flag is only what stands last and is -1, 0 or 1."""
    name, _, flag = line.strip().rpartition(" ")
    if name and flag in ("-1", "0", "1") and (with_flag or name.strip()):
        return file_name_of(name.strip())
    return file_name_of(line.strip())
