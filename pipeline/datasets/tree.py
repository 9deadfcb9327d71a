"""The files of a dataset folder, and nothing outside of it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipeline.errors import DataError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".mpo", ".jp2", ".avif")
)
_NOT_DATA = ("README", "LICENSE")


def list_folders(root: Path) -> dict[Path, list[str]]:
    """List every folder under `root` (itself too), as given, with the sorted names of its files.

    Hidden files and what macOS adds to archives are left out. A link that leads out of `root` raises
    DataError: datasets are untrusted. A link to a folder inside is not followed: its files are listed there.
    """
    real_root = os.path.realpath(root)
    folders: dict[Path, list[str]] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        names: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if not is_utf8(entry.name):
                    raise DataError(f"{folder}: a file name that is not UTF-8: {entry.name!r}", hint="rename it")
                if entry.is_symlink() and not _is_inside(os.path.realpath(entry.path), real_root):
                    raise DataError(
                        f"{entry.path} is a link to {os.path.realpath(entry.path)}, outside the dataset {root}",
                        hint="copy the files into the dataset folder",
                    )
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(folder / entry.name)
                elif entry.is_file():
                    names.append(entry.name)
        folders[folder] = sorted(names)
    return dict(sorted(folders.items()))


def _is_inside(path: str, real_root: str) -> bool:
    return path == real_root or path.startswith(real_root.rstrip(os.sep) + os.sep)


def is_utf8(text: str) -> bool:
    """Say whether text can be written at all: names of files and JSON strings may hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has_data(folders: dict[Path, list[str]]) -> bool:
    """Say whether there is any file that could belong to a dataset."""
    return any(not name.startswith(_NOT_DATA) for names in folders.values() for name in names)


def is_image_name(name: str) -> bool:
    """Say whether a file is called like an image."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def file_name_of(path: str) -> str:
    """Take the file name out of a path of another machine: C:\\photos\\a.jpg and /home/me/a.jpg give a.jpg."""
    return PureWindowsPath(path).name


def resolve_inside(folder: Path, name: str, where: str) -> Path:
    """Join a name from an untrusted file to its folder; raise DataError if that leads out of it."""
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    path = folder / name
    if (
        "\0" in name
        or ".." in parts
        or PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).anchor
        or not _is_inside(os.path.realpath(path), os.path.realpath(folder))
    ):
        raise DataError(f"{where}: {name!r} leads out of {folder}", hint="name files inside the folder only")
    return path


def unique_names(files: list[tuple[str, str]]) -> list[str]:
    """Give each (group, file name) a file name of its own, readable and the same in any order.

    A name that only one group has stays: ("a", "x.jpg") is x.jpg. Where groups share one, even in another case
    (some file systems do not tell them apart), all of them are prefixed: a_x.jpg and b_x.jpg.
    """
    shared: dict[str, int] = {}
    for _, name in files:
        shared[name.casefold()] = shared.get(name.casefold(), 0) + 1
    wanted = [
        name if shared[name.casefold()] == 1 or not group else f"{group.replace('/', '_')}_{name}"
        for group, name in files
    ]
    taken: set[str] = set()
    result = [""] * len(files)
    for index in sorted(range(len(files)), key=lambda i: (wanted[i] != files[i][1], files[i])):
        stem, suffix = os.path.splitext(wanted[index])
        name, number = wanted[index], 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}{suffix}", number + 1
        taken.add(name.casefold())
        result[index] = name
    return result
