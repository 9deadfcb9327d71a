"""Whole outputs or none: writing aside, renaming, and a full disk explained."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ConfigError, StageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def format_bytes(count: int) -> str:
    """Format a size as people say it: 512 bytes, 1.5 KB, 98.0 MB, 1.2 GB."""
    if count < 1000:
        return f"{count} bytes"
    for unit, size in (("KB", 10**3), ("MB", 10**6)):
        if count < 1000 * size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 10**9:.1f} GB"


def check_space(target: Path, needed_bytes: int, *, shown: Path) -> None:
    """Raise StageError, before anything is written, where the disk of `target` has too little room.

    `shown` is the name of what is written as people know it: it may be written aside.
    """
    free = shutil.disk_usage(_existing(target)).free
    if free < needed_bytes:
        raise StageError(
            f"not enough space to write {shown}: {_needed_and_free(needed_bytes, free)}",
            hint=_hint(shown, needed_bytes - free),
        )


@contextmanager
def explaining_full_disk(target: Path, needed_bytes: int) -> Iterator[None]:
    """Turn a full disk, quota or file size limit into a StageError that says how much was needed."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(_existing(target)).free
        reason = "no space left" if error.errno != errno.EFBIG else "a file size limit was reached"
        raise StageError(
            f"{reason} while writing {target}: {_needed_and_free(needed_bytes, free)}",
            hint=_hint(target, max(needed_bytes - free, 0)),
        ) from error


def _needed_and_free(needed_bytes: int, free_bytes: int) -> str:
    return f"{format_bytes(needed_bytes)} needed, {format_bytes(free_bytes)} free"


def _hint(target: Path, missing_bytes: int) -> str:
    if missing_bytes:
        return f"free {format_bytes(missing_bytes)} there, or put {target.parent} on a larger disk"
    return f"look at the limits and quotas of {target.parent} (ulimit -f, quota)"


def _existing(path: Path) -> Path:
    path = Path(os.path.abspath(path))
    while not path.exists():
        path = path.parent
    return path


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; rename it to `target` at the end, or remove it on any error.

    A file is replaced; a folder must be new or empty, because nothing is deleted that is not known to be ours.
    """
    if target.is_dir() and any(target.iterdir()):
        raise ConfigError(f"{target} exists and is not empty", hint="choose a new folder, or empty it")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.parent / f".{target.name}.{os.getpid()}.part"
    _remove(aside)
    try:
        yield aside
        os.replace(aside, target)
    except BaseException:
        _remove(aside)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
