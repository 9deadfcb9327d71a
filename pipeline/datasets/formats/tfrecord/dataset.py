"""TFRecord: images and boxes in record files, as the Object Detection API reads them.

    DATASET/train.record  test.record         or train.record-00000-of-00010, *.tfrecord, *.tfrecords, *.tfrec
    DATASET/label_map.pbtxt                   may be missing where the records have the names of the classes
    DATASET/train/cars.tfrecord  cars_label_map.pbtxt      Roboflow's
    DATASET/a.tfrecord  tf_label_map.pbtxt                 VoTT's: a file for each image

What the records must hold is told in `record`. The name of a class in a record counts, its id only where
there is none. Images stay where they are, in the record files. Splits come from words in the name of the file, or else
of its folders. Classes have the order of the label map, else of the ids in the records if they are clear, else sorted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.tree import list_folders, unique_names
from pipeline.datasets.formats.tfrecord.record import Object, Record, RecordError, read_record, stem_of
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.label_maps import LabelMaps, read_label_maps
from pipeline.datasets.model import Dataset, Embedded, Image
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.shares import to_float32_pixels, to_pixel_box
from pipeline.datasets.splitting.split_names import split_of_file, split_of_folders
from pipeline.errors import DataError
from pipeline.tfrecord.framing import Frame, scan_frames

NAME = "tfrecord"
_FILE_NAME = re.compile(r"\.(tf)?records?$|\.tfrec$|\.(tf)?records?-\d+-of-\d+$|-\d{5}-of-\d{5}$", re.IGNORECASE)
_LOOKED_AT = 20


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no records of images; None if it does."""
    paths = _find_files(list_folders(root))
    if not paths:
        return "no .record or .tfrecord file in it"
    reason = ""
    for path in paths[:_LOOKED_AT]:
        try:
            first = next(_scan(path), None)
            if first is not None:
                read_record(first.data, Problems(keep_going=True), where=f"{path}: record 1", spare_name="")
                return None
            reason = reason or f"{path}: no record in it"
        except DataError as error:
            reason = reason or str(error)
    return reason


@dataclass(slots=True)
class _Reading:
    """What is known while the files are read; `ids` are those that records give each class."""

    root: Path
    problems: Problems
    maps: LabelMaps
    images: list[Image] = field(default_factory=list)
    ids: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    differs: bool = False


def read(root: Path, problems: Problems) -> Dataset:
    """Read all records. Bad items go to `problems` one by one: objects, records, or what is left of a broken file."""
    folders = list_folders(root)
    reading = _Reading(root, problems, read_label_maps(folders, problems))
    with collection_paused():
        for path in _find_files(folders):
            if path.stat().st_size == 0:
                problems.note("annotation_empty_file", str(path))
                continue
            try:
                _read_file(path, reading)
            except DataError as error:
                problems.refuse_item(error, "annotation_unreadable")
        groups = [(_group_of(image.path, root), image.name) for image in reading.images]
        images = tuple(
            replace(image, name=name) for image, name in zip(reading.images, unique_names(groups), strict=True)
        )
    used = {box.label for image in images for box in image.boxes}
    for label in reading.maps.listed:
        if label not in used:
            problems.note("label_unused", label)
    return Dataset(NAME, root, _order_labels(used, reading), images)


def _find_files(folders: dict[Path, list[str]]) -> list[Path]:
    return [folder / name for folder, names in folders.items() for name in names if _FILE_NAME.search(name)]


def _scan(path: Path) -> Iterator[Frame]:
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise DataError(f"{path}: compressed with gzip", hint=f"gunzip < {path} > {path}.record, and delete it")
    return scan_frames(path)


def _group_of(path: Path, root: Path) -> str:
    """Name what tells images of one name apart: their record file, without what numbers and ends it."""
    return re.sub(r"\.[A-Za-z]+(-\d+-of-\d+)?$", "", path.relative_to(root).as_posix())


def _read_file(path: Path, reading: _Reading) -> None:
    names = reading.maps.names_for(path)
    for number, frame in enumerate(_scan(path), start=1):
        where = f"{path}: record {number}"
        if not frame.is_whole:
            reading.problems.refuse(
                "annotation_unreadable", f"{where} is damaged (checksum)", hint="write the records again"
            )
            continue
        spare_name = f"{stem_of(path.name)}-{number}"
        try:
            record = read_record(frame.data, reading.problems, where=where, spare_name=spare_name)
        except RecordError as error:
            reading.problems.refuse_item(error, "annotation_unreadable", boxes=error.boxes)
            continue
        try:
            reading.images.append(_read_image(path, frame, record, names, reading, where))
        except DataError as error:
            reading.problems.refuse_item(error, "image_unusable", boxes=len(record.objects))


def _read_image(
    path: Path, frame: Frame, record: Record, names: dict[int, str], reading: _Reading, where: str
) -> Image:
    problems = reading.problems
    embedded = Embedded(frame.offset + record.offset, record.length)
    try:
        # Shares have no pixels that could fit one size or the other
        picture = read_frame(path, record.declared, problems, where=where, embedded=embedded, boxes=())
    except ItemError as error:
        raise ItemError(error.kind, str(error).replace(str(path), where, 1), hint=error.hint) from error
    boxes = []
    for entry in record.objects:
        try:
            label = _label_of(entry, names, reading)
        except DataError as error:
            problems.refuse_item(error, "label_unknown")
            continue
        box = to_pixel_box(label, entry.shares, picture, problems, where=entry.where, to_pixels=to_float32_pixels)
        if box:
            boxes.append(box)
    # VoTT calls a file as the image in it, which may be test-1.jpg
    if stem_of(record.name) == stem_of(path.name):
        split = split_of_folders(path.parent.relative_to(reading.root).parts)
    else:
        split = split_of_file(path, reading.root)
    return Image(path, record.name, picture.width, picture.height, tuple(boxes), split, embedded)


def _label_of(entry: Object, names: dict[int, str], reading: _Reading) -> str:
    if entry.text:
        if entry.class_id is not None:
            reading.ids[entry.text].add(entry.class_id)
            listed = names.get(entry.class_id, entry.text)
            if listed != entry.text and not reading.differs:
                reading.differs = True
                told = f"{entry.where}: class {entry.class_id} is {entry.text!r} here, {listed!r} in the label map"
                reading.problems.note("label_map_broken", told)
        return entry.text
    if entry.class_id in names:
        return names[entry.class_id]
    known = ", ".join(f"{number} {name}" for number, name in sorted(names.items())[:10])
    broken = "; ".join(reading.maps.broken.values())
    why = f"the label map lists: {known}" if names else broken or "there is no label map"
    raise ItemError(
        "label_unknown",
        f"{entry.where}: class {entry.class_id} has no name, and {why}",
        hint="put the label map of the records beside them, as label_map.pbtxt",
    )


def _order_labels(used: set[str], reading: _Reading) -> tuple[str, ...]:
    ids = {label: min(found) for label, found in reading.ids.items() if len(found) == 1 and label in used}
    is_clear = len(ids) == len(used) == len(set(ids.values())) and min(ids.values(), default=0) > 0
    if not reading.maps.by_path and not reading.maps.broken and is_clear:
        return tuple(sorted(used, key=ids.__getitem__))
    return reading.maps.order(used)
