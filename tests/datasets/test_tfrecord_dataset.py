"""TFRecord as a dataset: layouts, names, ids, and files that are damaged or hold something else."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from pipeline.datasets.formats.tables import csv_dataset
from pipeline.datasets.formats.tfrecord import dataset as tfrecord
from pipeline.datasets.images.content import read_content
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.framing import to_frame
from tests.datasets.drawing import messages
from tests.project import shared_data


def jpeg(size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", size, "gray").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def example(
    *boxes: tuple[float, float, float, float],
    texts: tuple[str, ...] = ("cat",),
    ids: tuple[int, ...] = (),
    encoded: bytes | None = None,
    declared: tuple[int, ...] = (40, 30),
    **more: list[Any],
) -> bytes:
    """Make a tf.Example; `boxes` are in shares of the image."""
    features: dict[str, dict[str, Any]] = {"byte_lists": {}, "float_lists": {}, "int_lists": {}}
    features["byte_lists"]["image/encoded"] = [jpeg() if encoded is None else encoded]
    features["byte_lists"]["image/object/class/text"] = [text.encode() for text in texts[: len(boxes)]]
    features["int_lists"]["image/object/class/label"] = list(ids)
    for key, value in zip(("image/width", "image/height"), declared, strict=False):
        features["int_lists"][key] = [value]
    for place, side in enumerate(("xmin", "ymin", "xmax", "ymax")):
        features["float_lists"][f"image/object/bbox/{side}"] = [box[place] for box in boxes]
    for key, values in more.items():
        kind = {bytes: "byte_lists", float: "float_lists", int: "int_lists"}[type(values[0])]
        features[kind][f"image/{key.replace('__', '/')}"] = values
    return encode_example(**features)


def write(root: Path, *examples: bytes, name: str = "train.record") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(part for data in examples for part in to_frame(data)))
    return path


WHOLE = (0.0, 0.0, 1.0, 1.0)
SOME = (0.25, 0.1, 0.5, 0.9)


def test_a_record_of_others_is_the_table_it_was_made_of() -> None:
    images = tfrecord.read(shared_data() / "raccoon", Problems()).images
    others = {image.name: image for image in csv_dataset.read(shared_data() / "raccoon", Problems()).images}
    assert len(images) == 40
    for image in images:
        other = others[image.name]
        assert (image.width, image.height, image.boxes) == (other.width, other.height, other.boxes)
        assert read_content(image) == other.path.read_bytes()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.record", "train"),
        ("my_val.tfrecord", "val"),
        ("coco_test.record-00000-of-00010", "test"),
        ("train-00000-of-00002", "train"),
        ("valid/animals.tfrecords", "val"),
        ("animals.tfrec", None),
    ],
)
def test_files_by_their_names(tmp_path: Path, name: str, split: str | None) -> None:
    write(tmp_path, example(SOME, filename=[b"a.jpg"]), name=name)
    assert tfrecord.mismatch(tmp_path) is None
    (image,) = tfrecord.read(tmp_path, Problems()).images
    assert (image.name, image.split, image.boxes) == ("a.jpg", split, (Box("cat", 10, 3, 20, 27),))


def test_a_file_for_each_image_is_not_named_after_a_split(tmp_path: Path) -> None:
    write(tmp_path, example(SOME, filename=[b"test-track.jpg"]), name="test-track.tfrecord")
    (image,) = tfrecord.read(tmp_path, Problems()).images
    assert image.split is None


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"filename": [b"/home/me/a.jpg"]}, "a.jpg"),
        ({"filename": [b"C:\\photos\\a"]}, "a.jpg"),
        ({"filename": [b"../../.."], "source_id": [b"123"]}, "123.jpg"),
        ({"filename": [b".."]}, "train-1.jpg"),
        ({"filename": [b"a\0b.jpg"]}, "train-1.jpg"),
        ({"filename": [b"x" * 300]}, "train-1.jpg"),
        ({"filename": ["été.jpg".encode()]}, "été.jpg"),
        ({}, "train-1.jpg"),
    ],
)
def test_an_image_s_name_is_one_that_a_file_can_have(tmp_path: Path, more: dict[str, Any], name: str) -> None:
    write(tmp_path, example(SOME, **more))
    (image,) = tfrecord.read(tmp_path, Problems()).images
    assert image.name == name


def test_no_image_of_one_name_is_lost(tmp_path: Path) -> None:
    for name in ("train.record", "val.record"):
        write(tmp_path, *(example(SOME, filename=[b"a.jpg"]) for _ in range(2)), name=name)
    images = tfrecord.read(tmp_path, Problems()).images
    assert [image.name for image in images] == ["train_a.jpg", "train_a-2.jpg", "val_a.jpg", "val_a-2.jpg"]


@pytest.mark.parametrize(
    ("texts", "ids", "labels"),
    [
        (("cat", "dog"), (2, 1), ("dog", "cat")),
        (("cat", "dog"), (0, 1), ("cat", "dog")),
        (("cat", "dog"), (), ("cat", "dog")),
        (("cat", "cat"), (1, 2), ("cat",)),
    ],
)
def test_the_order_of_the_classes_without_a_label_map(
    tmp_path: Path, texts: tuple[str, ...], ids: tuple[int, ...], labels: tuple[str, ...]
) -> None:
    write(tmp_path, example(SOME, WHOLE, texts=texts, ids=ids))
    assert tfrecord.read(tmp_path, Problems()).labels == labels


def test_the_text_in_a_record_wins_over_the_label_map(tmp_path: Path) -> None:
    path = write(tmp_path, example(SOME, WHOLE, texts=("cat", "dog"), ids=(2, 1)))
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' } item { id: 2 name: 'dog' }")
    problems = Problems()
    read = tfrecord.read(tmp_path, problems)
    assert ([box.label for box in read.images[0].boxes], read.labels) == (["cat", "dog"], ("cat", "dog"))
    assert messages(problems) == {
        "label_map_broken": [f"{path}: record 1: object 1: class 2 is 'cat' here, 'dog' in the label map"]
    }


@pytest.mark.parametrize(
    ("label_map", "message", "noted"),
    [
        ("item { id: 1 name: 'cat' }", "class 2 has no name, and the label map lists: 1 cat", ()),
        ("", "class 2 has no name, and there is no label map", ()),
        (
            "item { id: 0 name: 'cat' }",
            "class 2 has no name, and {map}: item 1 ('cat') has id 0; ids start at 1, 0 is the background",
            ("{map}: item 1 ('cat') has id 0; ids start at 1, 0 is the background",),
        ),
        (
            "item { id: 4 name: 'cat' }",
            "class 2 has no name, and the label map lists: 4 cat",
            ("{map}: label ids must be 1, 2, 3, ... without a gap; found: 4",),
        ),
    ],
)
def test_a_class_without_a_name_is_refused(
    tmp_path: Path, label_map: str, message: str, noted: tuple[str, ...]
) -> None:
    path, map_path = write(tmp_path, example(SOME, texts=(), ids=(2,))), tmp_path / "label_map.pbtxt"
    map_path.write_text(label_map)
    problems = Problems(keep_going=True)
    (image,) = tfrecord.read(tmp_path, problems).images
    assert (image.boxes, problems.lost_boxes) == ((), 1)
    found = messages(problems)
    assert found["label_unknown"] == [f"{path}: record 1: object 1: {message.format(map=map_path)}"]
    assert found.get("label_map_broken", []) == [one.format(map=map_path) for one in noted]


def test_crowds_are_kept_out_and_difficult_objects_are_kept(tmp_path: Path) -> None:
    more = {"object__is_crowd": [1, 0, 0], "object__group_of": [0, 1, 0], "object__difficult": [0, 0, 1]}
    path = write(tmp_path, example(WHOLE, WHOLE, SOME, texts=("cat",) * 3, **more))
    problems = Problems()
    (image,) = tfrecord.read(tmp_path, problems).images
    assert image.boxes == (Box("cat", 10, 3, 20, 27),)
    assert messages(problems) == {
        "object_crowd": [f"{path}: record 1: object 1", f"{path}: record 1: object 2"],
        "object_difficult": [f"{path}: record 1: object 3"],
    }


@pytest.mark.parametrize(
    ("declared", "size", "kind"),
    [((40, 30), (40, 30), None), ((), (40, 30), None), ((0, 0), (40, 30), None), ((80, 60), (40, 30), "size_differs")],
)
def test_the_real_size_counts(
    tmp_path: Path, declared: tuple[int, ...], size: tuple[int, int], kind: str | None
) -> None:
    path = write(tmp_path, example(SOME, declared=declared))
    problems = Problems()
    (image,) = tfrecord.read(tmp_path, problems).images
    assert (image.width, image.height, image.boxes) == (*size, (Box("cat", 10, 3, 20, 27),))
    assert messages(problems) == ({kind: [f"{path}: record 1"]} if kind else {})


def test_a_photo_that_was_labelled_as_people_see_it_is_in_the_turned_frame(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    path = write(tmp_path, example(SOME, encoded=jpeg((30, 40), exif=exif), declared=(40, 30)))
    problems = Problems()
    (image,) = tfrecord.read(tmp_path, problems).images
    assert (image.width, image.height, image.boxes) == (40, 30, (Box("cat", 10, 3, 20, 27),))
    assert messages(problems) == {"exif_turned": [f"{path}: record 1"]}


@pytest.mark.parametrize(
    ("data", "kind", "message", "boxes"),
    [
        (b"\xff\xff", "annotation_unreadable", ": not a tf.Example: a number that does not end", 0),
        (
            encode_example(byte_lists={"image/x": [b"y"]}, float_lists={}, int_lists={"image/object/class/label": [1]}),
            "annotation_unreadable",
            ": no image/encoded in it; it has image/object/class/label, image/x",
            1,
        ),
        (
            example(SOME, SOME, texts=("cat", "dog"), ids=(1, 2, 3)),
            "annotation_unreadable",
            ": 2 texts and 3 labels of classes, but 2, 2, 2, 2 box sides",
            3,
        ),
        (example((0.1, 0.1, float("nan"), 1.0)), "object_unreadable", None, 1),
        (
            example((10.0, 3.0, 20.0, 27.0)),
            "box_outside",
            ": object 1 (cat): box (10, 3, 20, 27) is not in shares of the image; wanted numbers from 0 to 1",
            1,
        ),
        (
            example((0.5, 0.1, 0.25, 0.9)),
            "box_inverted",
            ": object 1 (cat): box (20, 3, 10, 27) has no area; wanted xmin < xmax and ymin < ymax",
            1,
        ),
    ],
)
def test_a_bad_record_is_refused_alone_by_its_number(
    tmp_path: Path, data: bytes, kind: str, message: str | None, boxes: int
) -> None:
    path = write(tmp_path, example(WHOLE), data, example(SOME))
    problems = Problems(keep_going=True)
    read = tfrecord.read(tmp_path, problems)
    assert [image.boxes for image in read.images if image.boxes] == [
        (Box("cat", 0, 0, 40, 30),),
        (Box("cat", 10, 3, 20, 27),),
    ]
    if message:
        assert messages(problems)[kind] == [f"{path}: record 2{message}"]
    assert (problems.counts[kind], problems.lost_boxes) == (1, boxes)


def test_a_broken_image_is_refused_with_its_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, example(SOME, WHOLE, texts=("cat", "cat"), encoded=b"nothing"))
    problems = Problems(keep_going=True)
    assert tfrecord.read(tmp_path, problems).images == ()
    told = f"{path}: record 1: not a readable image: its content is of no known image format"
    assert messages(problems) == {"image_unreadable": [told]}
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_damaged_data_costs_its_record_and_a_cut_what_follows(tmp_path: Path) -> None:
    path = write(tmp_path, example(SOME), example(SOME), example(SOME), example(SOME))
    content = bytearray(path.read_bytes())
    size = len(content) // 4
    content[size + 50] ^= 1
    path.write_bytes(content[: 3 * size + 20])
    problems = Problems(keep_going=True)
    assert [image.name for image in tfrecord.read(tmp_path, problems).images] == ["train-1.jpg", "train-3.jpg"]
    assert messages(problems) == {
        "annotation_unreadable": [
            f"{path}: record 2 is damaged (checksum)",
            f"{path}: ends within the record at byte {3 * size}",
        ]
    }


def test_what_is_no_record_file(tmp_path: Path) -> None:
    assert tfrecord.mismatch(tmp_path) == "no .record or .tfrecord file in it"
    path = tmp_path / "a.record"
    path.touch()
    assert tfrecord.mismatch(tmp_path) == f"{path}: no record in it"
    path.write_bytes(gzip.compress(b"x"))
    assert tfrecord.mismatch(tmp_path) == f"{path}: compressed with gzip"
    path.write_bytes(b"x" * 100)
    assert tfrecord.mismatch(tmp_path) == f"{path}: the record at byte 0 has a damaged length"
    write(tmp_path, encode_example(byte_lists={}, float_lists={}, int_lists={"label": [1]}), name="a.record")
    assert tfrecord.mismatch(tmp_path) == f"{path}: record 1: no image/encoded in it; it has label"
