"""Which images and videos are meant: folders, files and patterns, as people give them.

    find_inputs(root, ["photos", "clips/*.mp4", "/mnt/card/one.jpg"], skip=out)
    Inputs(folder=Path("/"), names=["home/me/photos/a.jpg", ...])

A folder is walked with its subfolders. A single folder, or the part of a single pattern before its first star, is what
the names are relative to; for several things it is the folder that they have in common.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.detections.image_folder import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_files
from pipeline.errors import ConfigError, DataError

WANTED = f"{' '.join(IMAGE_SUFFIXES)} and videos"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files by their names relative to a folder, sorted, each once; `folder` is absolute."""

    folder: Path
    names: list[str]


def find_inputs(root: Path, given: Sequence[str], *, skip: Path) -> Inputs:
    """Find what is meant; `skip` is the folder of the results, which are no input.

    Raises ConfigError for a path where nothing is, or none at all, DataError for a folder or pattern without images.
    """
    if not given:
        raise ConfigError("no images are named", hint="IMAGES=folder, a file, a video, or 'photos/*.jpg' in quotes")
    files: set[str] = set()
    bases: list[str] = []
    for text in given:
        path = os.path.abspath(root / os.path.expanduser(text))
        if os.path.isdir(path):
            found = [file.path for file in list_files(path, skip=str(skip))]
            bases.append(path)
            if not found:
                raise DataError(f"there are no images in {text}; looked for {WANTED}")
        elif os.path.exists(path):
            found = [path]
            bases.append(os.path.dirname(path))
        elif glob.has_magic(text):
            found = match(path, skip=skip)
            bases.append(before_magic(path))
            if not found:
                raise DataError(
                    f"no image matches {text}; looked for {WANTED}", hint="** matches folders, * a part of a name"
                )
        else:
            raise ConfigError(f"there is nothing at {text}", hint="IMAGES=folder, a file, a video or a pattern")
        files.update(found)
    folder = os.path.commonpath(bases)
    return Inputs(Path(folder), sorted(os.path.relpath(file, folder).replace(os.sep, "/") for file in files))


def match(pattern: str, *, skip: Path) -> list[str]:
    """Return the images and videos that a pattern matches; a folder that it matches is walked."""
    found = []
    for path in glob.glob(pattern, recursive=True):
        if os.path.isdir(path):
            if not pattern.rstrip("/").endswith("**"):  # which has matched what is in it already
                found += [file.path for file in list_files(path, skip=str(skip))]
        elif path.lower().endswith(IMAGE_SUFFIXES + VIDEO_SUFFIXES) and not Path(path).is_relative_to(skip):
            found.append(path)
    return found


def before_magic(pattern: str) -> str:
    """Return the folder that comes before a pattern's first star, question mark or bracket."""
    parts = Path(pattern).parts
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return os.path.join(*parts[:first])
