"""The one image that an entry of an annotation file names, or why there is none."""

from __future__ import annotations

import functools
from pathlib import Path

from pipeline.datasets.pairing.image_index import ImageIndex, last_part_of
from pipeline.datasets.problems import ItemError

IMAGE_FOLDERS = ("", "images", "data")
"""Where images lie, as seen from the annotation file or from the dataset, when its names do not say so."""


def find_exact(index: ImageIndex, name: str, *, beside: Path, split: str | None = None) -> int | None:
    """Find the image at the path `name`, as seen from a file's folder or the dataset's; None where there is none."""
    for folder in _folders_of(index.root, beside, split):
        found = index.exact(folder, name)
        if found is not None:
            return found
    return None


@functools.lru_cache(maxsize=64)
def _folders_of(root: Path, beside: Path, split: str | None) -> tuple[Path, ...]:
    inner = ("", split) if split else ("",)
    return tuple(
        base / name / part for base in dict.fromkeys((beside, root)) for name in IMAGE_FOLDERS for part in inner
    )


def find_alike(index: ImageIndex, name: str, *, where: str, beside: Path, split: str | None = None) -> int:
    """Find the image that is called like the last part of `name`, anywhere. Raises ItemError for none or several."""
    file_name = last_part_of(name)
    found = index.nearest(index.alike(file_name), beside=beside, name=name, split=split)
    if len(found) == 1:
        return found[0]
    if found:
        raise ItemError(
            "image_missing",
            f"{where}: its image {name!r} could be {index.in_words(found)}",
            hint="give its name with the folder, as it is seen from the dataset",
        )
    raise missing_image(index, name, where=where, beside=beside)


def missing_image(index: ImageIndex, name: str, *, where: str, beside: Path) -> ItemError:
    """Say that an image is not there."""
    hint = "put the image into the dataset, or delete what is said of it"
    if index.leads_out(beside, name):
        return ItemError(
            "image_unsafe_path",
            f"{where}: its image {name!r} leads out of {index.root}, "
            f"and no image in it is called {last_part_of(name)!r}",
            hint=hint,
        )
    return ItemError("image_missing", f"{where}: no image {name!r} for it in {index.root}", hint=hint)
