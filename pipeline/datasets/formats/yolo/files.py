"""Which label file belongs to which image of a YOLO dataset, and which images its lists name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.datasets.files.tree import is_image_name
from pipeline.datasets.formats.yolo.config import NAME_FILES, Config, Part
from pipeline.datasets.formats.yolo.lines import looks_like_labels, read_lines
from pipeline.datasets.pairing.image_index import ImageIndex, last_part_of
from pipeline.datasets.pairing.named_image import find_alike, find_exact
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.splitting.split_names import parse_split
from pipeline.errors import DataError

_NO_LABELS = frozenset(("readme", "license", "requirements", "classes", "predefined_classes"))
_LONGEST_PATH = 4096


def find_texts(folders: dict[Path, list[str]], config: Config) -> dict[Path, dict[str, str]]:
    """Find the files that may be labels, by folder: {stem: name}. Lists and names of classes are none."""
    reserved = {config.source, *(part.path for part in (*config.parts, *find_lists(folders)))}
    texts: dict[Path, dict[str, str]] = {}
    for folder, names in folders.items():
        found = {}
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.casefold() == ".txt" and not _is_other_text(name, stem) and folder / name not in reserved:
                found[stem] = name
        if found:
            texts[folder] = found
    return texts


def _is_other_text(name: str, stem: str) -> bool:
    return name.casefold() in NAME_FILES or stem.partition(".")[0].casefold() in _NO_LABELS


def find_lists(folders: dict[Path, list[str]]) -> tuple[Part, ...]:
    """Find train.txt and its like, which list images, where nothing else says what the splits are."""
    found = []
    for folder, names in folders.items():
        for name in names:
            stem, suffix = os.path.splitext(name)
            split = parse_split(stem)
            if split and suffix.casefold() == ".txt" and _lists_images(folder / name):
                found.append(Part(split, str(folder / name), folder / name))
    return tuple(found)


def _lists_images(path: Path) -> bool:
    with path.open("rb") as file:
        return is_image_name(file.readline(_LONGEST_PATH).decode("utf-8", "replace").strip())


class Labels:
    """The label file of each image: labels/ in place of images/, beside it, or anywhere else by its name."""

    def __init__(self, index: ImageIndex, texts: dict[Path, dict[str, str]]) -> None:
        self._index = index
        self._places = {folder: _near_places(folder, texts, index.root) for folder in index.folders}
        self._far: dict[int, Path] = {}
        self.lost: list[Path] = []
        self.strange: list[Path] = []
        left = {folder: dict(names) for folder, names in texts.items()}
        used: set[Path] = set()
        for image in range(len(index)):
            near = self._near(image)
            if near is not None:
                left[near[0]].pop(near[1], None)
                used.add(near[0])
        for folder, names in left.items():
            for stem, name in names.items():
                self._place(folder / name, stem, is_label_folder=folder in used)

    def of(self, image: int) -> Path | None:
        """Find the label file of an image; None where it has none."""
        near = self._near(image)
        if near is None:
            return self._far.get(image)
        folder, stem, texts = near
        return folder / texts[stem]

    def _near(self, image: int) -> tuple[Path, str, dict[str, str]] | None:
        name = self._index.names[image]
        stem = os.path.splitext(name)[0]
        for folder, texts in self._places[self._index.folder_of(image)]:
            for key in (stem, name):
                if key in texts:
                    return folder, key, texts
        return None

    def _place(self, path: Path, stem: str, *, is_label_folder: bool) -> None:
        """Give a label file that lies elsewhere to the image with its name, or keep it as lost or as no label."""
        index = self._index
        candidates = [image for image in index.alike(stem) if self._near(image) is None and image not in self._far]
        found = index.nearest(candidates, beside=path.parent)
        if len(found) == 1:
            self._far[found[0]] = path
            return
        looks_right = looks_like_labels(path)
        if looks_right or (looks_right is None and (is_label_folder or path.parent.name.casefold() == "labels")):
            self.lost.append(path)
        else:
            self.strange.append(path)


def _near_places(folder: Path, texts: dict[Path, dict[str, str]], root: Path) -> list[tuple[Path, dict[str, str]]]:
    """List where the labels of a folder's images may be: images/train has them in labels/train, else beside them."""
    places = []
    inner = folder.relative_to(root).parts
    for number in reversed(range(len(inner))):
        if inner[number].casefold() == "images":
            places += [root.joinpath(*inner[:number], name, *inner[number + 1 :]) for name in ("labels", "Labels")]
    places += [folder, folder / "labels", folder.parent / "labels"]
    return [(place, texts[place]) for place in dict.fromkeys(places) if place in texts]


def refuse_lost(labels: Labels, config: Config, problems: Problems) -> None:
    """Refuse label files without an image, and note those texts that are no labels."""
    for path in labels.lost:
        try:
            boxes = len(read_lines(path, config, problems))
        except DataError as error:
            problems.refuse_item(error, "annotation_unreadable")
            continue
        problems.refuse(
            "image_missing",
            f"{path}: no image {path.stem!r} for it",
            hint=f"put the image into the dataset, or delete {path}",
            boxes=boxes,
        )
    for path in labels.strange:
        problems.note("annotation_file_ignored", str(path))


class Splits:
    """What the parts of a dataset say of each image: whether any names it, and its split."""

    def __init__(self, parts: tuple[Part, ...], index: ImageIndex, labels: Labels, problems: Problems) -> None:
        self._index = index
        self._problems = problems
        self._codes = bytearray(len(index))
        self._named = bytearray(len(index))
        self._words = ["", "train", "val", "test"]
        lost = {path.stem.casefold() for path in labels.lost}
        for part in parts:
            if part.path is None:
                problems.note("split_unknown_image", part.where)
        for part in _join_same(parts, problems):
            assert part.path is not None
            if part.path.suffix.casefold() == ".txt":
                for where, name in _read_list(part.path):
                    self._add_listed(where, name, part, lost)
            else:
                inside = {folder for folder in index.folders if folder.is_relative_to(part.path)}
                for image in range(len(index)):
                    if index.folder_of(image) in inside:
                        self._add(image, part.split)
        self.say_anything = any(self._named)

    def names(self, image: int) -> bool:
        """Say whether any part names the image."""
        return bool(self._named[image])

    def of(self, image: int) -> str | None:
        """Return the split of an image."""
        return self._words[self._codes[image]] or None

    def _add(self, image: int, split: str) -> None:
        code, before = self._words.index(split), self._codes[image]
        self._named[image] = 1
        if before and before != code:
            self._problems.note("split_contradicts", str(self._index.path_of(image)))
            code = max(before, code)
        self._codes[image] = max(before, code)

    def _add_listed(self, where: str, name: str, part: Part, lost: set[str]) -> None:
        assert part.path is not None
        folder = part.path.parent
        try:
            image = find_exact(self._index, name, beside=folder, split=part.split)
            if image is None:
                image = find_alike(self._index, name, where=where, beside=folder, split=part.split)
        except ItemError as error:
            # Its label file has been refused, with its boxes
            if os.path.splitext(last_part_of(name))[0].casefold() not in lost:
                self._problems.refuse_item(error, "image_missing")
            return
        if self._named[image] and self.of(image) == (part.split or None):
            self._problems.note("image_listed_twice", where)
        self._add(image, part.split)


def _join_same(parts: tuple[Part, ...], problems: Problems) -> Iterator[Part]:
    """Give the parts that are there; the same images for train and val (coco128.yaml) are no split at all."""
    places: dict[str, set[Path]] = {}
    for part in parts:
        if part.path is not None:
            places.setdefault(part.split, set()).add(part.path)
    same = {split for split, paths in places.items() for other in places if other != split and places[other] == paths}
    if same:
        where = next(part.where for part in parts if part.split in same)
        problems.note("split_contradicts", f"{where} ({' and '.join(sorted(same))} are the same images)")
    for part in parts:
        if part.path is not None and part.split not in same:
            yield part
        elif part.path is not None and part.split == min(same):
            yield Part("train" if set(places) - same else "", part.where, part.path)


def _read_list(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (file:line, path as written) of each line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_PATH), ""), start=1):
                if name := line.strip().removeprefix("./"):
                    yield f"{path}:{number}", name
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
