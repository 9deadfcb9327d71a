"""One record of a TFRecord dataset, in the layout of the Object Detection API: its image, and its boxes.

image/{encoded,format,filename,source_id,height,width}, image/object/bbox/{xmin,ymin,xmax,ymax} in shares of the image,
image/object/class/{text,label}, image/object/{difficult,is_crowd,group_of}. Only image/encoded must be there.
Source: object_detection/data_decoders/tf_example_decoder.py.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets.files.tree import file_name_of, is_image_name
from pipeline.datasets.problems import ItemError, Problems
from pipeline.errors import DataError
from pipeline.tfrecord.example import decode_example

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FORMATS = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Object:
    """One object: its place, its class as text or "", the class's id or None, and the shares of its box."""

    where: str
    text: str
    class_id: int | None
    shares: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Record:
    """What one record says. `offset` and `length` are those of the image in the record's bytes."""

    name: str
    declared: tuple[int, int] | None
    offset: int
    length: int
    objects: list[Object]


class RecordError(ItemError):
    """A record cannot be used; `boxes` is how many are lost with it."""

    def __init__(self, message: str, *, hint: str | None = None, boxes: int = 0) -> None:
        super().__init__("annotation_unreadable", message, hint=hint)
        self.boxes = boxes


def read_record(data: bytes, problems: Problems, *, where: str, spare_name: str) -> Record:
    """Read a record; objects that cannot be read are refused. Raises RecordError for a record without an image.

    `spare_name` is what the image is called, without a suffix, where the record does not say it.
    """
    try:
        features: dict[str, list[Any]] = dict(decode_example(data))
    except DataError as error:
        raise RecordError(f"{where}: {error}") from error
    encoded = _first(features, "image/encoded", bytes)
    if not encoded:
        raise RecordError(
            f"{where}: no image/encoded in it; it has {', '.join(sorted(features)[:8]) or 'nothing'}",
            hint="only records in the layout of the Object Detection API are read",
            boxes=_count_objects(features),
        )
    width, height = _first(features, "image/width", int), _first(features, "image/height", int)
    declared = (width, height) if width and height and 0 < width < 10**9 and 0 < height < 10**9 else None
    objects = _read_objects(features, problems, where)
    # Equal bytes elsewhere in the record would be the same image
    return Record(_name_of(features, encoded, spare_name), declared, data.find(encoded), len(encoded), objects)


def _first(features: dict[str, list[Any]], key: str, kind: type) -> Any:
    """Return the only value of a feature, if it is one and of that kind."""
    values = features.get(key, [])
    return values[0] if len(values) == 1 and isinstance(values[0], kind) else None


def _count_objects(features: dict[str, list[Any]]) -> int:
    """Count the objects of a record by whichever of its lists is longest."""
    keys = ("class/text", "class/label", *(f"bbox/{side}" for side in _SIDES))
    return max(len(features.get(f"image/object/{key}", [])) for key in keys)


def _read_objects(features: dict[str, list[Any]], problems: Problems, where: str) -> list[Object]:
    sides = [features.get(f"image/object/bbox/{side}", []) for side in _SIDES]
    texts = features.get("image/object/class/text", [])
    class_ids = features.get("image/object/class/label", [])
    count = len(sides[0])
    if any(len(side) != count for side in sides) or any(len(of) not in (0, count) for of in (texts, class_ids)):
        raise RecordError(
            f"{where}: {len(texts)} texts and {len(class_ids)} labels of classes, but "
            f"{', '.join(str(len(side)) for side in sides)} box sides",
            boxes=_count_objects(features),
        )
    found = []
    for number in range(count):
        place = f"{where}: object {number + 1}"
        shares = [side[number] for side in sides]
        text = texts[number] if texts else b""
        class_id = class_ids[number] if class_ids else None
        if not all(isinstance(share, (int, float)) and math.isfinite(share) for share in shares):
            problems.refuse("object_unreadable", f"{place}: its box is {shares}, not four numbers")
        elif not isinstance(text, bytes) or not isinstance(class_id, int | None):
            problems.refuse("object_unreadable", f"{place}: its class is {text!r} with id {class_id!r}")
        elif _is_set(features, "is_crowd", number) or _is_set(features, "group_of", number):
            problems.note("object_crowd", place)
        else:
            if _is_set(features, "difficult", number):
                problems.note("object_difficult", place)
            xmin, ymin, xmax, ymax = shares
            found.append(Object(place, sys.intern(text.decode("utf-8", "replace")), class_id, (xmin, ymin, xmax, ymax)))
    return found


def _is_set(features: dict[str, list[Any]], key: str, number: int) -> bool:
    values = features.get(f"image/object/{key}", [])
    return number < len(values) and values[number] == 1


def _name_of(features: dict[str, list[Any]], encoded: bytes, spare_name: str) -> str:
    """Choose the image's file name: of what the record says only the last part of a path, and only if it can be one."""
    for key in ("image/filename", "image/source_id"):
        text = (_first(features, key, bytes) or b"").decode("utf-8", "replace")
        name = file_name_of(text)
        if name.strip(". ") and name.isprintable() and len(name.encode()) <= _LONGEST_NAME and name[0] != ".":
            break
    else:
        name = spare_name
    if is_image_name(name):
        return name
    return name + next((suffix for magic, suffix in _FORMATS.items() if encoded.startswith(magic)), ".jpg")


def stem_of(name: str) -> str:
    """Take the suffix off a file name."""
    return Path(name).stem
