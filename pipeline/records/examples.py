"""One labelled image as a tf.Example in the Object Detection API's layout, and back.

Keys: image/{encoded,format,filename,source_id,height,width,key/sha256},
image/object/bbox/{xmin,ymin,xmax,ymax} (shares of the image), image/object/class/{text,label},
image/object/{difficult,truncated,view}, and image/object/weight where classes are balanced.
Source: object_detection/data_decoders/tf_example_decoder.py and g3doc/using_your_own_dataset.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.images.frame import Frame
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from pipeline.records.images import EncodedImage, read_image
from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames


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
class Packing:
    """How images are packed. `weights` are those of the classes' boxes, or empty: see `balance.weigh_classes`.

    `max_side` is the longest side of an image in the records, in pixels, or 0 for any; `is_checked` says that all
    images are known to decode. `jpeg_word` is what image/format says of a JPEG.
    """

    label_ids: Mapping[str, int]
    weights: Mapping[str, float] = field(default_factory=dict)
    max_side: int = 0
    is_checked: bool = False
    jpeg_word: str = "jpeg"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be counted of one packed image; `reason` says why it was encoded anew, if it had to be."""

    boxes: int
    reason: str | None
    shrunk: bool
    notes: tuple[str, ...]


def pack_image(image: Image, packing: Packing) -> tuple[bytes, Facts]:
    """Read an image's file and serialize it with its boxes, as a tf.Example.

    The real size counts, whatever the csv says. Where the csv has the size that EXIF turns the photo to,
    the pixels are turned. Boxes are shares of the image before it was shrunk: rounding the shorter side moves
    none. Raises DataError for an image that cannot be decoded, a class without an id, a box outside the image.
    """
    where = str(image.path)
    for box in image.boxes:
        if box.label not in packing.label_ids:
            raise DataError(
                f"{where}: class {box.label!r} is not in the label map; it lists: {', '.join(packing.label_ids)}",
                hint="add it to the label map, with the next id",
            )
    encoded = read_image(
        image.path,
        labelled_size=(image.width, image.height),
        max_side=packing.max_side,
        is_checked=packing.is_checked,
    )
    problems = Problems()
    frame = Frame(encoded.labelled_width, encoded.labelled_height)
    boxes = [to_checked_box(box, frame, problems, where=where) for box in image.boxes]
    if (frame.width, frame.height) != (image.width, image.height):
        problems.note("size_differs", where)
    kept = [box for box in boxes if box]
    data = _serialize(image.name.encode(), kept, frame, encoded, packing)
    return data, Facts(len(kept), encoded.reason, encoded.shrunk, tuple(problems.counts))


def _serialize(name: bytes, boxes: Sequence[Box], frame: Frame, encoded: EncodedImage, packing: Packing) -> bytes:
    floats = {
        "image/object/bbox/xmin": [box.xmin / frame.width for box in boxes],
        "image/object/bbox/ymin": [box.ymin / frame.height for box in boxes],
        "image/object/bbox/xmax": [box.xmax / frame.width for box in boxes],
        "image/object/bbox/ymax": [box.ymax / frame.height for box in boxes],
    }
    if packing.weights:
        floats["image/object/weight"] = [packing.weights[box.label] for box in boxes]
    format_word = packing.jpeg_word if encoded.format == "jpeg" else encoded.format
    return encode_example(
        byte_lists={
            "image/encoded": [encoded.data],
            "image/format": [format_word.encode()],
            "image/filename": [name],
            "image/source_id": [name],
            "image/key/sha256": [hashlib.sha256(encoded.data).hexdigest().encode()],
            "image/object/class/text": [box.label.encode() for box in boxes],
            "image/object/view": [b"Unspecified"] * len(boxes),
        },
        float_lists=floats,
        int_lists={
            "image/height": [encoded.height],
            "image/width": [encoded.width],
            "image/object/class/label": [packing.label_ids[box.label] for box in boxes],
            "image/object/difficult": [0] * len(boxes),
            "image/object/truncated": [0] * len(boxes),
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
