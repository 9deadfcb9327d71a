"""The entries of a COCO file, one at a time, so that a bad one can be named and left out.

Most are decoded straight into a typed value. What does not fit the type is looked at again, as plain Python, to read
what can be meant in one way only (numbers in quotes) and to find the words for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

import msgspec

from pipeline.datasets.files.json_file import describe
from pipeline.datasets.model import parse_number
from pipeline.datasets.problems import ItemError

Identifier = int | str
Edges = tuple[float, float, float, float]
_NOTHING = msgspec.Raw(b"")
_LARGEST = 1e9


class ImageEntry(msgspec.Struct, gc=False):
    """An entry of "images"; a side of 0 is not said."""

    id: Identifier
    file_name: str
    width: int = 0
    height: int = 0


class AnnotationEntry(msgspec.Struct, gc=False):
    """An entry of "annotations"; `bbox` is x, y, width, height. `ignore` is what converters make of "difficult"."""

    image_id: Identifier
    category_id: Identifier
    id: Identifier | None = None
    bbox: tuple[float, float, float, float] | None = None
    segmentation: msgspec.Raw = _NOTHING
    iscrowd: int = 0
    ignore: int = 0


_decode_image = msgspec.json.Decoder(ImageEntry).decode
_decode_annotation = msgspec.json.Decoder(AnnotationEntry).decode
_decode_polygons = msgspec.json.Decoder(list[list[float]]).decode
_decode_any = msgspec.json.Decoder().decode
_ODD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_image(raw: msgspec.Raw, where: str) -> ImageEntry:
    """Read an entry of "images". Raises ItemError."""
    try:
        entry = _decode_image(raw)
    except _ODD:
        entry = _read_odd_image(raw, where)
    if not entry.file_name.strip():
        raise ItemError("image_unusable", f"{where} has no file_name")
    return entry


def _read_odd_image(raw: msgspec.Raw, where: str) -> ImageEntry:
    content = _read_object(raw, where, "image_unusable")
    identifier, name = content.get("id"), content.get("file_name")
    if not _is_identifier(identifier):
        raise ItemError("image_unusable", f"{where} has id {_show(identifier)}, wanted a number or a text")
    if not isinstance(name, str):
        raise ItemError("image_unusable", f"{where} has file_name {_show(name)}, wanted a text")
    width, height = (_to_side(content.get(key)) for key in ("width", "height"))
    return ImageEntry(identifier, name, width, height)


def _to_side(value: object) -> int:
    number = _to_number(value)
    return int(number) if number is not None and 1 <= number < _LARGEST else 0


def read_annotation(raw: msgspec.Raw, where: str) -> AnnotationEntry:
    """Read an entry of "annotations". Raises ItemError."""
    try:
        return _decode_annotation(raw)
    except _ODD:
        pass
    content = _read_object(raw, where, "object_unreadable")
    number = content.get("id")
    if _is_identifier(number):
        where = f"{where} (id {number})"
    for key in ("image_id", "category_id"):
        if not _is_identifier(content.get(key)):
            raise ItemError(
                "object_unreadable", f"{where} has {key} {_show(content.get(key))}, wanted a number or a text"
            )
    entry = AnnotationEntry(content["image_id"], content["category_id"], number if _is_identifier(number) else None)
    entry.iscrowd, entry.ignore = (int(bool(_to_number(content.get(key)))) for key in ("iscrowd", "ignore"))
    if content.get("segmentation") is not None:
        entry.segmentation = msgspec.Raw(msgspec.json.encode(content["segmentation"]))
    bbox = content.get("bbox")
    if bbox is None or bbox == []:
        return entry
    numbers = [_to_number(value) for value in bbox] if isinstance(bbox, list) else []
    sides = [number for number in numbers if number is not None]
    if len(numbers) != 4 or len(sides) != 4:
        raise ItemError("object_unreadable", f"{where} has bbox {_show(bbox)}, wanted four numbers")
    entry.bbox = (sides[0], sides[1], sides[2], sides[3])
    return entry


def read_category(raw: msgspec.Raw) -> tuple[Identifier, str | None, bool] | None:
    """Read an entry of "categories": id, name (None where it has none) and whether it is one of keypoints.

    None where it is not an object with an id: nothing can name it then.
    """
    try:
        content = _decode_any(raw)
    except _ODD:
        return None
    if not isinstance(content, dict) or not _is_identifier(content.get("id")):
        return None
    name = content.get("name")
    return content["id"], name if isinstance(name, str) and name.strip() else None, "keypoints" in content


def is_crowd(entry: AnnotationEntry) -> bool:
    """Say whether an annotation marks a crowd, or has a run-length mask."""
    return bool(entry.iscrowd) or (
        bytes(memoryview(entry.segmentation)[:1]) == b"{" and b'"counts"' in bytes(entry.segmentation)
    )


def to_edges(entry: AnnotationEntry, where: str) -> Edges:
    """Find the edges of an annotation: those of its bbox, else those around its polygons. Raises ItemError."""
    if entry.bbox is not None:
        x, y, width, height = entry.bbox
        edges = x, y, x + width, y + height
    else:
        edges = _bounds(entry.segmentation, where)
    if not all(-_LARGEST < value < _LARGEST for value in edges):
        raise ItemError("object_unreadable", f"{where} has bbox {_show(entry.bbox)}, wanted numbers below 10^9")
    return edges


def _bounds(segmentation: msgspec.Raw, where: str) -> Edges:
    if bytes(segmentation) in (b"", b"null", b"[]", b"[[]]", b"{}"):
        raise ItemError("object_unreadable", f"{where} has neither a bbox nor a polygon")
    try:
        polygons = _decode_polygons(segmentation)
    except _ODD:
        try:
            polygons = [msgspec.json.decode(segmentation, type=list[float])]  # RectLabel writes one without its list
        except _ODD as error:
            raise ItemError(
                "object_unreadable", f"{where} has no bbox, and polygons that are not lists of numbers"
            ) from error
    if any(len(polygon) % 2 or len(polygon) < 6 for polygon in polygons):
        raise ItemError("object_unreadable", f"{where} has no bbox, and a polygon that is not three or more x, y")
    columns = [x for polygon in polygons for x in polygon[::2]]
    rows = [y for polygon in polygons for y in polygon[1::2]]
    return min(columns), min(rows), max(columns), max(rows)


def has_no_boxes(raws: Iterable[msgspec.Raw]) -> str | None:
    """Say what annotations are of which none has a box or a polygon: captions, ...; None for any other."""
    kinds = {"caption": "captions", "segments_info": "panoptic segments", "keypoints": "keypoints"}
    found = None
    for raw in raws:
        try:
            content = _decode_any(raw)
        except _ODD:
            return None
        if not isinstance(content, dict) or content.get("bbox") or content.get("segmentation"):
            return None
        found = found or next((kind for key, kind in kinds.items() if key in content), None)
    return found


def _read_object(raw: msgspec.Raw, where: str, kind: str) -> dict[str, Any]:
    try:
        content = _decode_any(raw)
    except RecursionError as error:
        raise ItemError(kind, f"{where} is nested too deeply") from error
    except _ODD as error:
        raise ItemError(kind, f"{where} cannot be read: {describe(error)}") from error
    if not isinstance(content, dict):
        raise ItemError(kind, f"{where} is {_show(content)}, wanted an object")
    return content


def _is_identifier(value: object) -> TypeGuard[Identifier]:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _to_number(value: object) -> float | None:
    if isinstance(value, str):
        return parse_number(value)
    return value if isinstance(value, (int, float)) else None


def _show(value: object) -> str:
    text = msgspec.json.encode(value).decode() if value is not None else "nothing"
    return text if len(text) <= 60 else text[:57] + "..."
