"""One labelled image as a tf.Example in the Object Detection API's layout, and back.

Keys: image/{encoded,format,filename,source_id,height,width,key/sha256},
image/object/bbox/{xmin,ymin,xmax,ymax} (shares of the image), image/object/class/{text,label},
image/object/{difficult,truncated,view}. Source: object_detection/data_decoders/tf_example_decoder.py and
g3doc/using_your_own_dataset.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.frame import Frame
from pipeline.datasets.model import Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from pipeline.records.framing import read_frames
from pipeline.records.images import EncodedImage, read_image
from pipeline.records.tf_example import decode_example, encode_example


@dataclass(frozen=True, slots=True)
class Example:
    """A record as read. `boxes` are (xmin, ymin, xmax, ymax) in shares of the image, `class_ids` start at 1."""

    source_id: str
    filename: str
    width: int
    height: int
    encoded: bytes
    format: str
    boxes: tuple[tuple[float, float, float, float], ...]
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    difficult: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class PackedImage:
    """A serialized tf.Example, and what is to be counted of it."""

    data: bytes
    reason: str | None
    notes: tuple[str, ...]


def pack_image(image: Image, label_ids: Mapping[str, int], *, jpeg_word: str = "jpeg") -> PackedImage:
    """Read an image's file and serialize it with its boxes.

    The real size counts, whatever the csv says. Where the csv has the size that EXIF turns the photo to,
    the pixels are turned. Raises DataError for an image that cannot be decoded, a class without an id, a
    box outside the image.
    """
    where = str(image.path)
    for box in image.boxes:
        if box.label not in label_ids:
            raise DataError(
                f"{where}: class {box.label!r} is not in the label map; it lists: {', '.join(label_ids)}",
                hint="add it to the label map, with the next id",
            )
    encoded = read_image(image.path, labelled_size=(image.width, image.height))
    problems = Problems()
    frame = Frame(encoded.width, encoded.height)
    boxes = [to_checked_box(box, frame, problems, where=where) for box in image.boxes]
    if (encoded.width, encoded.height) != (image.width, image.height):
        problems.note("size_differs", where)
    kept = tuple(box for box in boxes if box)
    checked = Image(image.path, image.name, encoded.width, encoded.height, kept)
    return PackedImage(
        _serialize(checked, encoded, label_ids, jpeg_word=jpeg_word), encoded.reason, tuple(problems.counts)
    )


def _serialize(image: Image, encoded: EncodedImage, label_ids: Mapping[str, int], *, jpeg_word: str) -> bytes:
    name = image.name.encode()
    format_word = jpeg_word if encoded.format == "jpeg" else encoded.format
    return encode_example(
        byte_lists={
            "image/encoded": [encoded.data],
            "image/format": [format_word.encode()],
            "image/filename": [name],
            "image/source_id": [name],
            "image/key/sha256": [hashlib.sha256(encoded.data).hexdigest().encode()],
            "image/object/class/text": [box.label.encode() for box in image.boxes],
            "image/object/view": [b"Unspecified"] * len(image.boxes),
        },
        float_lists={
            "image/object/bbox/xmin": [box.xmin / image.width for box in image.boxes],
            "image/object/bbox/ymin": [box.ymin / image.height for box in image.boxes],
            "image/object/bbox/xmax": [box.xmax / image.width for box in image.boxes],
            "image/object/bbox/ymax": [box.ymax / image.height for box in image.boxes],
        },
        int_lists={
            "image/height": [image.height],
            "image/width": [image.width],
            "image/object/class/label": [label_ids[box.label] for box in image.boxes],
            "image/object/difficult": [0] * len(image.boxes),
            "image/object/truncated": [0] * len(image.boxes),
        },
    )


def read_examples(path: Path) -> Iterator[Example]:
    """Yield the examples of one record file. Raises DataError that names the file and the record."""
    for number, data in enumerate(read_frames(path)):
        try:
            yield _to_example(decode_example(data))
        except DataError as error:
            raise DataError(f"{path}: record {number}: {error}", hint=error.hint) from error


def _to_example(features: Mapping[str, list[Any]]) -> Example:
    def one(key: str) -> Any:
        values = features.get(key, [])
        if len(values) != 1:
            raise DataError(f"{key} has {len(values)} values, not 1")
        return values[0]

    def text(value: object) -> str:
        if not isinstance(value, bytes):
            raise DataError(f"{value!r} where text was expected")
        return value.decode("utf-8", "replace")

    class_ids = tuple(features.get("image/object/class/label", []))
    sides = [features.get(f"image/object/bbox/{side}", []) for side in ("xmin", "ymin", "xmax", "ymax")]
    if any(len(side) != len(class_ids) for side in sides):
        raise DataError(f"{len(class_ids)} labels, but {', '.join(str(len(side)) for side in sides)} box sides")
    difficult = features.get("image/object/difficult") or [0] * len(class_ids)
    return Example(
        source_id=text(one("image/source_id")),
        filename=text(one("image/filename")),
        width=int(one("image/width")),
        height=int(one("image/height")),
        encoded=one("image/encoded"),
        format=text(one("image/format")),
        boxes=tuple(zip(*sides, strict=True)),
        class_ids=class_ids,
        class_names=tuple(text(name) for name in features.get("image/object/class/text", [])),
        difficult=tuple(bool(value) for value in difficult),
    )
