"""The images of a dataset by their names, for annotations that name them in any of the ways real files do.

A name may be right; a path of another machine, or a URL, of which only the last part says anything; without its
suffix, or with .jpg where the file is called .JPG; percent-encoded where the file is not, or the other way round.
Only files of the dataset are ever found, whatever a name says.
"""

from __future__ import annotations

import os
from array import array
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from pipeline.datasets.files.tree import file_name_of, is_image_name
from pipeline.datasets.splitting.split_names import split_of_folders


class ImageIndex:
    """All images of a dataset, each a number: its place in `folders` and `names`."""

    def __init__(self, root: Path, folders: dict[Path, list[str]]) -> None:
        self.root = root
        self.folders: list[Path] = []
        self.names: list[str] = []
        self._folder_of = array("i")
        self._targets: dict[tuple[str, str], int] = {}
        self._places: dict[Path, int] = {}
        self._by_name: dict[str, int | list[int]] = {}
        self._by_key: dict[str, list[int]] | None = None
        for folder, names in folders.items():
            images = [name for name in names if is_image_name(name)]
            if images:
                self._places[folder] = len(self.folders)
                self.folders.append(folder)
            for name in images:
                number = len(self.names)
                before = self._by_name.setdefault(name, number)
                if isinstance(before, list):
                    before.append(number)
                elif before != number:
                    self._by_name[name] = [before, number]
                self._folder_of.append(len(self.folders) - 1)
                self.names.append(name)

    def __len__(self) -> int:
        return len(self.names)

    def folder_of(self, image: int) -> Path:
        """Return the folder of an image."""
        return self.folders[self._folder_of[image]]

    def path_of(self, image: int) -> Path:
        """Return the path of an image."""
        return self.folder_of(image) / self.names[image]

    def exact(self, folder: os.PathLike[str] | str, name: str) -> int | None:
        """Find the image at the relative path `name`, as it is seen from a folder; None where there is none."""
        inner, _, file_name = name.replace("\\", "/").rpartition("/")
        beside = os.fspath(folder)
        place = self._targets.get((beside, inner))
        if place is None:
            is_relative = not PureWindowsPath(inner).anchor and "\0" not in inner
            target = Path(os.path.normpath(os.path.join(beside, inner))) if is_relative else None
            place = self._targets[beside, inner] = -1 if target is None else self._places.get(target, -1)
        return next((image for image in self.named(file_name) if self._folder_of[image] == place), None)

    def leads_out(self, folder: Path, name: str) -> bool:
        """Say whether a name, as it is seen from a folder, is a path out of the dataset."""
        if "://" in name:
            return False
        inner = os.path.normpath(folder.relative_to(self.root) / name.replace("\\", "/"))
        return bool(PureWindowsPath(name).anchor) or inner.split(os.sep)[0] == ".."

    def named(self, name: str) -> list[int]:
        """Find the images with exactly this file name, in any folder."""
        found = self._by_name.get(name, [])
        return found if isinstance(found, list) else [found]

    def alike(self, name: str) -> list[int]:
        """Find the images with this file name: those spelt exactly so before others, decoded before in another case."""
        if not name:
            return []
        if exact := self.named(name):
            return exact
        if self._by_key is None:
            self._by_key = {}
            for image, image_name in enumerate(self.names):
                self._by_key.setdefault(key_of(image_name), []).append(image)
        found = self._by_key.get(key_of(name), [])
        decoded = [image for image in found if unquote(self.names[image]) == unquote(name)]
        cased = [image for image in found if self.names[image].casefold() == name.casefold()]
        return decoded or cased or found

    def nearest(self, images: list[int], *, beside: Path, name: str = "", split: str | None = None) -> list[int]:
        """Keep the images that fit best: most folders of `name` in common, the same split, nearest to a folder."""
        if len(images) < 2:
            return images
        wanted = name.replace("\\", "/").split("/")[:-1]
        ranks = [self._rank(self.folder_of(image), beside, wanted, split) for image in images]
        return [image for image, rank in zip(images, ranks, strict=True) if rank == max(ranks)]

    def _rank(self, folder: Path, beside: Path, wanted: list[str], split: str | None) -> tuple[int, bool, bool, int]:
        inner = folder.relative_to(self.root).parts
        shared = 0
        while shared < min(len(inner), len(wanted)) and inner[-1 - shared] == wanted[-1 - shared]:
            shared += 1
        in_split = split is not None and split_of_folders(inner) == split
        common = len(os.path.commonprefix([folder.parts, beside.parts]))
        return shared, in_split, folder == beside, common

    def in_words(self, images: list[int]) -> str:
        """Name images as paths, the first three of them."""
        named = " or ".join(str(self.path_of(image)) for image in images[:3])
        return f"{named} or {len(images) - 3} more" if len(images) > 3 else named


def last_part_of(name: str) -> str:
    """Take the file name out of a path of any machine or out of a URL: /data/local-files/?d=set%2Fa.jpg gives a.jpg."""
    if "?d=" in name:  # Label Studio's local files
        return file_name_of(unquote(name.partition("?d=")[2].partition("&")[0]))
    if "://" in name:
        return file_name_of(name.partition("?")[0].partition("#")[0])
    return file_name_of(name)


def key_of(name: str) -> str:
    """Reduce a file name to what all its spellings share: decoded, in one case, without an image's suffix."""
    decoded = unquote(name)
    stem = os.path.splitext(decoded)[0] if is_image_name(decoded) else decoded
    return stem.casefold()
