"""Every kind of finding, each from a small dataset made for it, through the job as a user's data goes through it."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import pytest
from PIL import Image as Pillow

from pipeline.datasets.findings import KINDS
from tests.checks.photos import Photos, make_photo, run_check
from tests.checks.test_inspection import png_of
from tests.datasets.drawing import rectangle, voc_object, write_voc

CAT = rectangle("cat", 5, 5, 40, 40)


def supervisely(change: Callable[[Photos], object], *labels: str) -> Callable[[Path], None]:
    """Make a project of four good images in two datasets, changed for a case."""

    def make(root: Path) -> None:
        project = Photos(root, *labels)
        for number in range(4):
            boxes = [rectangle("cat", 5, 5, 40 + step, 40) for step in range(3)]
            project.add_photo(f"good{number}.jpg", *boxes, dataset="train" if number else "val")
        change(project)

    return make


def objects(*figures: object, **options: object) -> Callable[[Photos], object]:
    return lambda project: project.add_photo("case.jpg", CAT, *figures, dataset="train", **options)  # type: ignore[arg-type]


def declared(width: int, height: int, *edges: float, orientation: int = 1) -> Callable[[Photos], object]:
    """Add an image whose annotation declares another size."""

    def change(project: Photos) -> None:
        figures = [rectangle("cat", *edges)]
        annotation = project.add("case.jpg", *figures, dataset="train", size=(120, 90))
        content = json.loads(annotation.read_text())
        annotation.write_text(json.dumps({**content, "size": {"width": width, "height": height}}))
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        make_photo(7).save(project.root / "train/img/case.jpg", exif=exif)

    return change


def content(data: bytes | Callable[[bytes], bytes], name: str = "case.jpg") -> Callable[[Photos], object]:
    """Add an image whose file is other bytes, or its own bytes changed."""

    def change(project: Photos) -> None:
        path = project.add_photo(name, CAT, dataset="train")
        path.write_bytes(data if isinstance(data, bytes) else data(path.read_bytes()))

    return change


def file(name: str, data: bytes = b"") -> Callable[[Photos], object]:
    return lambda project: (project.root / name).write_bytes(data)


def png() -> bytes:
    buffer = io.BytesIO()
    make_photo(3).save(buffer, "PNG")
    return buffer.getvalue()


def same_pictures(quality: int) -> Callable[[Photos], object]:
    """Add one picture to both datasets: the same bytes, or encoded anew."""

    def change(project: Photos) -> None:
        project.add_photo("one.jpg", CAT, dataset="train", seed=5, quality=75)
        project.add_photo("other.jpg", CAT, dataset="val", seed=5, quality=quality)

    return change


def several(*names: str, labels: tuple[str, ...] = ("cat",)) -> Callable[[Photos], object]:
    def change(project: Photos) -> None:
        for name in names:
            dataset, _, image = name.partition("/")
            project.add_photo(image, *(rectangle(label, 5, 5, 40, 40) for label in labels), dataset=dataset)

    return change


def voc(*figures: str, map_text: str | None = None, lists: dict[str, str] | None = None) -> Callable[[Path], None]:
    """Make a Pascal VOC folder of three images."""

    def make(root: Path) -> None:
        (root / "Annotations").mkdir(parents=True)
        (root / "JPEGImages").mkdir()
        for number in range(3):
            write_voc(root, f"{number}.jpg", voc_object("cat", 1, 1, 20, 20), *figures)
            make_photo(number, size=(40, 30)).save(root / "JPEGImages" / f"{number}.jpg")
            (root / f"{number}.xml").rename(root / "Annotations" / f"{number}.xml")
            (root / f"{number}.jpg").unlink()
        if map_text is not None:
            (root / "pascal_label_map.pbtxt").write_text(map_text)
        for name, text in (lists or {}).items():
            (root / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
            (root / "ImageSets" / "Main" / name).write_text(text)

    return make


POINT = {"classTitle": "cat", "geometryType": "point", "points": {"exterior": [[5, 5]], "interior": []}}
DIFFICULT = voc_object("cat", 1, 1, 9, 9).replace("<name>", "<difficult>1</difficult><name>")

CASES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "annotation cut short": ("annotation_unreadable", supervisely(file("train/ann/x.jpg.json", b'{"a"'))),
    "annotation of no bytes": ("annotation_empty_file", supervisely(file("train/ann/x.jpg.json"))),
    "text among annotations": ("annotation_file_ignored", supervisely(file("train/ann/notes.txt", b"x"))),
    "annotation by the stem too": (
        "annotation_repeated",
        supervisely(lambda p: copy(p.root / "train/ann/good1.jpg.json", p.root / "train/ann/good1.json")),
    ),
    "no image": ("image_missing", supervisely(lambda p: (p.root / "train/img/good1.jpg").unlink())),
    "no annotation": ("image_unannotated", supervisely(lambda p: (p.root / "train/ann/good1.jpg.json").unlink())),
    "a text called .jpg": ("image_unreadable", supervisely(content(b"no image"))),
    "a JPEG cut short": ("image_truncated", supervisely(content(lambda data: data[: len(data) * 9 // 10]))),
    "a PNG of a billion pixels": ("image_bomb", supervisely(content(png_of(10**5, 10**5, zlib.compress(bytes(9)))))),
    "a PNG called .jpg": ("image_extension_lies", supervisely(content(png()))),
    "no boxes": ("image_empty", supervisely(lambda p: p.add_photo("case.jpg", dataset="train"))),
    "a name in two folders": ("image_name_repeated", supervisely(several("train/1.jpg", "val/1.jpg"))),
    "a stem twice": ("image_stem_repeated", supervisely(several("train/1.jpg", "train/1.png"))),
    "another shape": ("size_differs", supervisely(declared(200, 100, 5, 5, 40, 40))),
    "drawn on a larger one": ("size_rescaled", supervisely(declared(480, 360, 200, 200, 400, 300))),
    "both scales fit": ("size_ambiguous", supervisely(declared(480, 360, 5, 5, 40, 40))),
    "no size fits": ("size_contradicts", supervisely(declared(300, 100, 5, 5, 250, 40))),
    "drawn on the turned photo": ("exif_turned", supervisely(declared(90, 120, 5, 5, 40, 100, orientation=6))),
    "drawn on the stored photo": ("exif_ignored", supervisely(declared(120, 90, 5, 5, 40, 40, orientation=6))),
    "a word as an edge": ("object_unreadable", supervisely(objects({**CAT, "points": {"exterior": "x"}}))),
    "a point": ("object_skipped", supervisely(objects(POINT))),
    "marked difficult": ("object_difficult", voc(DIFFICULT)),
    "edges swapped": ("box_inverted", voc(voc_object("cat", 20, 1, 10, 20))),
    "no width": ("box_no_area", voc(voc_object("cat", 5.5, 1.5, 5.5, 20.5))),
    "half a pixel": ("box_subpixel", voc(voc_object("cat", 5.5, 1.5, 5.9, 20.5))),
    "outside": ("box_outside", supervisely(objects(rectangle("cat", 5, 5, 140, 40)))),
    "outside by rounding": ("box_clipped", supervisely(objects(rectangle("cat", 5, 5, 120, 40)))),
    "twice": ("box_duplicate", supervisely(objects(CAT))),
    "of the whole image": ("box_whole_image", supervisely(objects(rectangle("cat", 0, 0, 119, 89)))),
    "not in meta.json": ("label_unknown", supervisely(objects(rectangle("dgo", 5, 5, 40, 40)))),
    "catt": ("label_similar", supervisely(objects(rectangle("catt", 5, 5, 40, 40)), "cat", "catt")),
    "a single dog": ("label_rare", supervisely(objects(rectangle("dog", 5, 5, 40, 40)), "cat", "dog")),
    "no dog": ("label_unused", supervisely(objects(), "cat", "dog")),
    "id 0": ("label_map_broken", voc(map_text="item { id: 0 name: 'cat' }\n")),
    "in two lists": ("split_contradicts", voc(lists={"train.txt": "0\n1\n", "val.txt": "1\n2\n"})),
    "listed, and not there": ("split_unknown_image", voc(lists={"train.txt": "0\n1\n7\n", "val.txt": "2\n"})),
    "the same bytes": ("split_repeated", supervisely(same_pictures(75))),
    "encoded anew": ("split_similar", supervisely(same_pictures(50))),
}  # fmt: skip

OF_OTHER_READERS = {
    "image_name_differs", "image_unusable", "image_unsafe_path", "image_listed_twice", "object_joined", "object_crowd",
    "label_repeated", "object_rotated",
}  # fmt: skip
"""Kinds that only other formats have, or that need more than one file: tests/datasets holds them."""


@pytest.mark.parametrize("case", CASES)
def test_it_is_found_and_counted(case: str, tmp_path: Path) -> None:
    kind, make = CASES[case]
    make(tmp_path / "data")
    check = run_check(tmp_path / "data", tmp_path / "out")
    assert check.findings.get(kind), check.findings
    items = [item for item in check.items if item.kind == kind]
    assert len(items) == check.findings[kind]
    assert all(item.message for item in items)
    assert sum(check.findings.values()) == len(check.items)


@pytest.mark.parametrize("case", CASES)
def test_the_account_is_right(case: str, tmp_path: Path) -> None:
    """What the dataset holds is what can be used and what it costs to leave the rest out."""
    kind, make = CASES[case]
    make(tmp_path / "data")
    check = run_check(tmp_path / "data", tmp_path / "out")
    lost_images = sum(count for kind, count in check.findings.items() if KINDS[kind].cost == "image")
    assert check.images == check.usable_images + lost_images
    assert check.usable_images == sum(check.splits.values())
    assert check.usable_boxes == sum(check.classes.values())
    assert check.boxes >= check.usable_boxes + sum(
        count for kind, count in check.findings.items() if KINDS[kind].cost == "box"
    )


def test_every_kind_has_a_case_here_or_in_the_tests_of_its_reader() -> None:
    assert {kind for kind, _ in CASES.values()} | OF_OTHER_READERS == set(KINDS)
    assert {kind for kind, _ in CASES.values()} & OF_OTHER_READERS == set()


def test_both_images_of_a_pair_are_named(tmp_path: Path) -> None:
    supervisely(same_pictures(75))(tmp_path / "data")
    check = run_check(tmp_path / "data", tmp_path / "out")
    (message,) = (item.message for item in check.items if item.kind == "split_repeated")
    images = tmp_path / "data"
    assert message == f"test image {images}/val/img/other.jpg is the same as train image {images}/train/img/one.jpg"


def test_copies_within_a_part_are_no_finding(tmp_path: Path) -> None:
    def copies(project: Photos) -> None:
        for name in ("one.jpg", "other.jpg"):
            project.add_photo(name, CAT, dataset="train", seed=5)

    supervisely(copies)(tmp_path / "data")
    assert not {"split_repeated", "split_similar"} & set(run_check(tmp_path / "data", tmp_path / "out").findings)


def test_without_one_good_box_the_images_are_counted_all_the_same(tmp_path: Path) -> None:
    project = Photos(tmp_path / "data")
    for name in ("1.jpg", "2.jpg"):
        project.add_photo(name, rectangle("cat", 5, 5, 400, 40), rectangle("cat", 5, 5, 40, 400))
    check = run_check(tmp_path / "data", tmp_path / "out")
    assert (check.images, check.usable_images, check.boxes, check.usable_boxes) == (2, 2, 4, 0)
    assert check.findings == {"image_empty": 2, "box_outside": 4, "label_unused": 1}
    assert (check.classes, sum(check.splits.values())) == ({}, 2)
