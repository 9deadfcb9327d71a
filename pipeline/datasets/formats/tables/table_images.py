"""The images that tables name, each with the boxes of all its lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.files.tree import unique_names
from pipeline.datasets.formats.tables.box_rows import BoxRows, Key, drop_repeated
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Image
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.pairing.named_image import find_alike, find_exact, missing_image
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.shares import to_pixel_box
from pipeline.datasets.splitting.split_names import split_of_file, split_of_folders
from pipeline.errors import DataError


@dataclass(slots=True)
class Tables:
    """What all tables of a dataset say. `sizes` are those that they declare; `are_shares` is about their boxes."""

    index: ImageIndex
    are_shares: bool
    rows: BoxRows = field(default_factory=BoxRows)
    sizes: dict[Key, tuple[int, int]] = field(default_factory=dict)
    places: list[tuple[Path, str | None]] = field(default_factory=list)

    def place_of(self, path: Path) -> int:
        """Number where a table stands, its folder and split: the same name means the same image there."""
        place = path.parent, split_of_file(path, self.index.root)
        if place not in self.places:
            self.places.append(place)
        return self.places.index(place)


def read_table_images(tables: Tables, problems: Problems) -> Iterator[Image]:
    """Read all images that the tables name. Others are noted, what cannot be used is refused."""
    index = tables.index
    claims = _claim(tables, problems)
    for image in range(len(index)):
        if image not in claims:
            problems.note("image_unannotated", str(index.path_of(image)))
    found = sorted(claims)
    groups = [
        (index.folder_of(image).relative_to(index.root).as_posix().strip("."), index.names[image]) for image in found
    ]
    for name, image in zip(unique_names(groups), found, strict=True):
        boxes = sum(tables.rows.count(key) for key in claims[image])
        try:
            yield _read_image(tables, image, name, claims[image], problems)
        except DataError as error:
            problems.refuse_item(error, "image_unusable", boxes=boxes)


def _claim(tables: Tables, problems: Problems) -> dict[int, list[Key]]:
    """Find the image of each key: {image: its keys}.

    Two tables may name one image. But where two names with folders fit one image only by their last parts, an image
    is missing: a/x.jpg and b/x.jpg are not both a/x.jpg.
    """
    index = tables.index
    claims: dict[int, list[Key]] = {}
    exact: set[Key] = set()
    for key in tables.rows:
        folder, split = tables.places[key[0]]
        image = find_exact(index, key[1], beside=folder, split=split)
        if image is not None:
            exact.add(key)
        else:
            try:
                image = find_alike(index, key[1], where=tables.rows.where(key), beside=folder, split=split)
            except ItemError as error:
                problems.refuse_item(error, "image_missing", boxes=tables.rows.count(key))
                continue
        claims.setdefault(image, []).append(key)
    for image, keys in list(claims.items()):
        fitting = [key for key in keys if key in exact or not _differs(index, image, key[1])]
        kept = fitting or (keys if len({name.replace("\\", "/") for _, name in keys}) == 1 else [])
        for key in keys:
            if key not in kept:
                folder = tables.places[key[0]][0]
                problems.refuse_item(
                    missing_image(index, key[1], where=tables.rows.where(key), beside=folder),
                    "image_missing",
                    boxes=tables.rows.count(key),
                )
        claims[image] = kept
    return {image: keys for image, keys in claims.items() if keys}


def _differs(index: ImageIndex, image: int, name: str) -> bool:
    folders = name.replace("\\", "/").split("/")[:-1]
    return bool(folders) and folders[-1] != index.folder_of(image).name


def _read_image(tables: Tables, image: int, name: str, keys: list[Key], problems: Problems) -> Image:
    index, rows = tables.index, tables.rows
    where = rows.where(keys[0])
    splits = {split for key in keys if (split := tables.places[key[0]][1])}
    declared = next((size for key in keys if (size := tables.sizes.get(key))), None)
    placed, is_repeated = drop_repeated([one for key in keys for one in rows.pop(key)])
    if is_repeated or len(keys) > 1:
        problems.note("image_listed_twice", str(index.path_of(image)))
    if len(splits) > 1:
        problems.note("split_contradicts", str(index.path_of(image)))
        splits.discard("train")
    split = min(splits, default=None) or split_of_folders(index.folder_of(image).relative_to(index.root).parts)
    path = index.path_of(image)
    if tables.are_shares:
        frame = read_frame(path, None, problems, where=where)
        checked = [to_pixel_box(one.box.label, one.edges, frame, problems, where=one.where) for one in placed]
    else:
        frame = read_frame(path, declared, problems, where=where, boxes=[one.box for one in placed])
        checked = [to_checked_box(one.box, frame, problems, where=one.where) for one in placed]
    return Image(path, name, frame.width, frame.height, tuple(box for box in checked if box), split)
