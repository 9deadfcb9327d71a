"""YOLO: what its lines mean, which text belongs to which image, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.yolo import dataset as yolo
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages


def label(root: Path, name: str, text: str | bytes) -> Path:
    """Write an image of 40x30 pixels and its label file, as Ultralytics lays them out; return the latter."""
    draw_picture(root / "images" / name)
    path = (root / "labels" / name).with_suffix(".txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if not (root / "classes.txt").exists():
        (root / "classes.txt").write_text("cat\ndog\n")
    return path


def read_one(root: Path) -> Image:
    (image,) = yolo.read(root, Problems()).images
    return image


def read_all(root: Path) -> tuple[dict[str, int], Problems]:
    """Read and keep going: {name: number of boxes}."""
    problems = Problems(keep_going=True)
    return {image.name: len(image.boxes) for image in yolo.read(root, problems).images}, problems


@pytest.mark.parametrize(
    "line",
    [
        b"0 0.5 0.5 0.25 0.2",
        b"\xef\xbb\xbf0 0.5 0.5 0.25 0.2\r\n\r\n",
        b"0.0\t0.5\t0.5\t0.25\t0.2\t0.93",
        b"  0   5e-1 0.5 +0.25 .2  \n",
        b"0 0.375 0.4 0.625 0.4 0.625 0.6 0.375 0.6",
        b"0 0.375 0.4 0.625 0.5 0.5 0.6",
        "0 0.5 0.5 0.25 0.2".encode("utf-16"),
    ],
)
def test_a_line_in_any_of_its_spellings_is_the_same_box(tmp_path: Path, line: bytes) -> None:
    label(tmp_path, "a.png", line)
    assert read_one(tmp_path).boxes == (Box("cat", 15, 12, 25, 18),)


def test_points_of_a_pose_are_no_polygon(tmp_path: Path) -> None:
    label(tmp_path, "a.png", "0 0.5 0.5 0.25 0.2 0.1 0.1 2 0.9 0.9 2")
    (tmp_path / "data.yaml").write_text("names: [person]\nkpt_shape: [2, 3]\n")
    assert read_one(tmp_path).boxes == (Box("person", 15, 12, 25, 18),)


def test_a_box_that_overflows_by_rounding_is_clipped_and_counted(tmp_path: Path) -> None:
    path = label(tmp_path, "a.png", "1 0.5 0.500001 1 1")
    problems = Problems()
    assert yolo.read(tmp_path, problems).images[0].boxes == (Box("dog", 0, 0.00003, 40, 30),)
    assert messages(problems) == {"box_clipped": [f"{path}:1"], "label_unused": ["cat"]}


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        (
            "2 0.5 0.5 0.1 0.1",
            "label_unknown",
            "class 2 is not in {root}/classes.txt, which lists 2 from 0: cat, dog",
        ),
        (
            "-1 0.5 0.5 0.1 0.1",
            "label_unknown",
            "class -1 is not in {root}/classes.txt, which lists 2 from 0: cat, dog",
        ),
        ("cat 0.5 0.5 0.1 0.1", "object_unreadable", "the class is 'cat', not a number"),
        ("1.5 0.5 0.5 0.1 0.1", "object_unreadable", "the class is '1.5', not a number"),
        ("0 0.5 0.5 0.1 wide", "object_unreadable", "'wide' is not a number"),
        ("0 0.5 0.5 0.1 nan", "object_unreadable", "'nan' is not a number"),
        (
            "0 0.5 0.5 0.1",
            "object_unreadable",
            "3 numbers after the class; wanted 4 (x y width height), 5 with a confidence, or the points of a polygon",
        ),
        (
            "0 1 2 3 4 5 6 7",
            "object_unreadable",
            "7 numbers after the class; wanted 4 (x y width height), 5 with a confidence, or the points of a polygon",
        ),
        (
            "0 20 15 10 6",
            "box_outside",
            " (cat): box (15, 12, 25, 18) is not in shares of the image; wanted numbers from 0 to 1",
        ),
        ("0 1 0.5 0.25 0.2", "box_outside", " (cat): box (35, 12, 45, 18) is outside its image of 40x30"),
        (
            "0 0.5 0.5 0 0.2",
            "box_no_area",
            " (cat): box (20, 12, 20, 18) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        (
            "0 0.5 0.5 -0.25 0.2",
            "box_inverted",
            " (cat): box (25, 12, 15, 18) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        (
            "0 0.5 0.5 0.01 0.2",
            "box_subpixel",
            " (cat): box (19.8, 12, 20.2, 18) is 0.4x6 pixels in its image; wanted 1x1 or more",
        ),
    ],
)
def test_a_bad_line_is_refused_alone_by_its_number(tmp_path: Path, line: str, kind: str, message: str) -> None:
    path = label(tmp_path, "a.png", f"1 0.5 0.5 0.5 0.5\n\n{line}\n")
    counts, problems = read_all(tmp_path)
    assert counts == {"a.png": 1}
    told = message.format(root=tmp_path)
    assert messages(problems)[kind] == [f"{path}:3{told if told.startswith(' ') else ': ' + told}"]
    assert (problems.refused, problems.lost_boxes, problems.lost_images) == (1, 1, 0)
    with pytest.raises(DataError):
        yolo.read(tmp_path, Problems())


def test_without_names_nothing_is_read_and_the_file_to_add_is_named(tmp_path: Path) -> None:
    label(tmp_path, "a.png", "0 0.5 0.5 0.1 0.1")
    (tmp_path / "classes.txt").unlink()
    assert yolo.mismatch(tmp_path) is None
    with pytest.raises(DataError) as caught:
        yolo.read(tmp_path, Problems())
    assert str(caught.value) == (
        f"{tmp_path}: YOLO labels, but no names for their classes: no data.yaml, obj.names or classes.txt"
    )
    assert caught.value.hint == f"write {tmp_path / 'classes.txt'}: the names, one a line, that of class 0 first"


def test_images_without_labels_and_labels_without_images(tmp_path: Path) -> None:
    label(tmp_path, "a.png", "0 0.5 0.5 0.5 0.5")
    draw_picture(tmp_path / "images" / "background.png")
    draw_picture(tmp_path / "preview.png")
    lost = label(tmp_path, "lost.png", "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "lost.png").unlink()
    (tmp_path / "labels" / "notes.txt").write_text("to do: label more")
    counts, problems = read_all(tmp_path)
    assert counts == {"a.png": 1, "background.png": 0}
    assert messages(problems) == {
        "image_missing": [f"{lost}: no image 'lost' for it"],
        "annotation_file_ignored": [str(tmp_path / "labels" / "notes.txt")],
        "image_unannotated": [str(tmp_path / "preview.png")],
        "label_unused": ["dog"],
    }
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_an_image_that_cannot_be_opened_costs_its_boxes(tmp_path: Path) -> None:
    label(tmp_path, "a.png", "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "a.png").write_bytes(b"nothing")
    counts, problems = read_all(tmp_path)
    assert counts == {}
    assert messages(problems)["image_unreadable"] == [
        f"{tmp_path / 'images' / 'a.png'}: not a readable image: its content is of no known image format"
    ]
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_labels_in_other_folders_go_to_the_nearest_image_of_their_name(tmp_path: Path) -> None:
    for split in ("train", "val"):
        draw_picture(tmp_path / split / "photos" / "a.png")
        (tmp_path / split / "txt").mkdir()
    (tmp_path / "train" / "txt" / "a.txt").write_text("0 0.5 0.5 0.5 0.5")
    (tmp_path / "val" / "txt" / "a.txt").write_text("1 0.5 0.5 0.1 0.1")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    images = yolo.read(tmp_path, Problems()).images
    assert [(image.name, image.split, image.boxes[0].label) for image in images] == [
        ("train_photos_a.png", "train", "cat"),
        ("val_photos_a.png", "val", "dog"),
    ]


def test_a_text_that_is_no_label_is_told(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a cat on a mat")
    assert yolo.mismatch(tmp_path) == f"{tmp_path / 'a.txt'} does not begin with a line like 0 0.5 0.5 0.25 0.25"
    (tmp_path / "a.txt").unlink()
    assert yolo.mismatch(tmp_path) == "no .txt file of labels in it"
