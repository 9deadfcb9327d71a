"""Which image belongs to a Pascal VOC annotation.

What real files have in <filename>: a name that is right; a path of another machine, Windows' too; a name without
suffix, or with .jpg for a file called .JPG; a name percent-encoded where the file's is not, or the other way round;
the name of the image from which the annotation was copied. Files named after the annotation are looked at last.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from pipeline.datasets.problems import Problems
from pipeline.datasets.tree import file_name_of, is_image_name


def pair_images(named: dict[Path, str], folders: dict[Path, list[str]], problems: Problems) -> dict[Path, Path]:
    """Find each annotation's image: {annotation: image file}. `named` has what its <filename> says, "" for nothing.

    An annotation without an image, with several equally good ones, or with one that another annotation has too, is
    refused. Images that no annotation wants are noted.
    """
    index = _Index(folders)
    wanted = {path: index.find(path, file_name_of(name)) for path, name in named.items()}
    claimed = Counter(found[0] for found in wanted.values() if len(found) == 1)
    pairs: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path, found in wanted.items():
        if not found or (len(found) == 1 and claimed[found[0]] > 1 and _key(found[0].name) != _key(path.stem)):
            own = index.find(path, path.stem)
            if own and own != found:
                problems.note("image_name_differs", str(path))
                found = own
        if len(found) != 1:
            what = named[path] or path.stem
            several = " or ".join(str(image) for image in found)
            problems.refuse(
                "image_missing",
                f"{path}: its image {what!r} could be {several}" if found else f"{path}: no image {what!r} for it",
                hint="name the file in <filename>" if found else f"put the image beside it, or delete {path}",
            )
        elif found[0] in taken:
            problems.refuse(
                "annotation_repeated",
                f"{path}: {taken[found[0]]} is an annotation of {found[0]} too",
                hint="delete one of them",
            )
        else:
            taken[found[0]] = path
            pairs[path] = found[0]
    for image in index.images:
        if image not in taken:
            problems.note("image_unannotated", str(image))
    return pairs


def _key(name: str) -> str:
    """Reduce a file name to what all its spellings share: decoded, in one case, without an image's suffix."""
    decoded = unquote(name)
    stem = os.path.splitext(decoded)[0] if is_image_name(decoded) else decoded
    return stem.casefold()


class _Index:
    """All images of the dataset by what their names have in common."""

    def __init__(self, folders: dict[Path, list[str]]) -> None:
        self.images = [folder / name for folder, names in folders.items() for name in names if is_image_name(name)]
        self._by_key: dict[str, list[Path]] = {}
        for image in self.images:
            self._by_key.setdefault(_key(image.name), []).append(image)

    def find(self, annotation: Path, name: str) -> list[Path]:
        """Find the images with this name: those spelt exactly so before others, the nearest folder before others."""
        found = self._by_key.get(_key(name), []) if name else []
        exact = [image for image in found if image.name == name]
        found = exact or [image for image in found if unquote(image.name) == unquote(name)] or found
        if len(found) < 2:
            return found
        shared = [len(os.path.commonprefix([image.parent.parts, annotation.parent.parts])) for image in found]
        beside = [image.parent == annotation.parent for image in found]
        ranks = list(zip(beside, shared, strict=True))
        return [image for image, rank in zip(found, ranks, strict=True) if rank == max(ranks)]
