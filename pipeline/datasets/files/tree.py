"""The files of a dataset folder, and nothing outside of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipeline.errors import DataError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".mpo", ".jp2", ".avif")
)
_NOT_DATA = ("README", "LICENSE")
_PLAIN_NAME = re.compile(r"[^./\\:\0][^/\\:\0]*")
_listed: ContextVar[dict[Path, dict[Path, list[str]]] | None] = ContextVar("listed", default=None)


def list_folders(root: Path) -> dict[Path, list[str]]:
    """List every folder under `root` (itself too), as given, with the sorted names of its files.

    Hidden files and what macOS adds to archives are left out. A link that leads out of `root` raises
    DataError: datasets are untrusted. A link to a folder inside is not followed: its files are listed there.
    """
    known = _listed.get()
    if known is None:
        return _list_folders(root)
    if root not in known:
        known[root] = _list_folders(root)
    return known[root]


@contextmanager
def listed_once() -> Iterator[None]:
    """Let `list_folders` look at each folder once: every format asks what lies in it. Nothing may change meanwhile."""
    if _listed.get() is not None:
        yield
        return
    token = _listed.set({})
    try:
        yield
    finally:
        _listed.reset(token)


def _list_folders(root: Path) -> dict[Path, list[str]]:
    real_root = os.path.realpath(root)
    folders: dict[Path, list[str]] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                names, inner = _sort_entries(entries, folder, real_root, root)
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be listed: {error.strerror}",
                hint="look at its permissions and the length of its path",
            ) from error
        folders[folder] = sorted(names)
        waiting += [folder / name for name in inner]
    return dict(sorted(folders.items()))


def _sort_entries(
    entries: Iterable[os.DirEntry[str]], folder: Path, real_root: str, root: Path
) -> tuple[list[str], list[str]]:
    """Take the names of files and of folders; pipes, devices and links that lead nowhere are neither."""
    names: list[str] = []
    inner: list[str] = []
    for entry in entries:
        if is_left_out(entry.name):
            continue
        if not is_utf8(entry.name):
            raise DataError(f"{folder}: a file name that is not UTF-8: {entry.name!r}", hint="rename it")
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not _is_inside(target, real_root):
                raise DataError(
                    f"{entry.path} is a link to {target}, outside the dataset {root}",
                    hint="copy the files into the dataset folder",
                )
            # Asked of the path, not of the entry: that raises for a link to itself
            if os.path.isfile(entry.path):
                names.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            inner.append(entry.name)
        elif entry.is_file(follow_symlinks=False):
            names.append(entry.name)
    return names, inner


def is_left_out(name: str) -> bool:
    """Say whether a file or folder is hidden, or what macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


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
    path = folder / name
    # Asking the kernel for real paths takes longer than all the rest; a plain name leads out only as a link
    if _PLAIN_NAME.fullmatch(name) and not os.path.islink(path):
        return path
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    if (
        "\0" in name
        or ".." in parts
        or PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).anchor
        or not _is_inside(os.path.realpath(path), os.path.realpath(folder))
    ):
        raise DataError(f"{where}: {name!r} leads out of {folder}", hint="name files inside the folder only")
    return path


def path_below(path: os.PathLike[str], root: os.PathLike[str] | str) -> str:
    """Return a file's path below the folder `root` as text, or all of it where it does not lie there.

    As quick as `Path.relative_to` is slow: a dataset asks for each of its files, several times.
    """
    text, folder = os.fspath(path), os.fspath(root)
    prefix = "" if folder == "." else os.path.join(folder, "")
    return text[len(prefix) :] if text.startswith(prefix) else text


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
