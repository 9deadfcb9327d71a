from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.detecting.results import ResultWriter, to_pixel_box
from pipeline.detecting.saving import AnnotatedCopies, Picture, annotated_name
from pipeline.detections.detections_file import Detection
from pipeline.report.pictures import LabelledBox, class_colour, draw_boxes

CAT = Detection(class_id=1, score=0.91234, ymin_norm=0.1, xmin_norm=-0.05, ymax_norm=0.5, xmax_norm=0.25)
UNKNOWN = Detection(class_id=9, score=0.5, ymin_norm=0.0, xmin_norm=0.0, ymax_norm=1.0, xmax_norm=1.0)


def test_csv_and_json_hold_pixels_of_the_image(tmp_path: Path) -> None:
    with ResultWriter(tmp_path, {1: 'cat, "big"'}) as writer:
        writer.write("empty.jpg", width=10, height=10, detections=[])
        writer.write("a/b.jpg", width=400, height=300, detections=[CAT, UNKNOWN])
    assert (tmp_path / "detection.csv").read_text(encoding="utf-8") == (
        "filename,width,height,class,score,xmin,ymin,xmax,ymax\n"
        'a/b.jpg,400,300,"cat, ""big""",0.9123,0,30,100,150\n'
        "a/b.jpg,400,300,class 9,0.5000,0,0,400,300\n"
    )
    first = {"image_id": 2, "file_name": "a/b.jpg", "category_id": 1, "category_name": 'cat, "big"', "score": 0.9123}
    second = {"image_id": 2, "file_name": "a/b.jpg", "category_id": 9, "category_name": "class 9", "score": 0.5}
    assert json.loads((tmp_path / "detection.json").read_text(encoding="utf-8")) == [
        {**first, "bbox": [0.0, 30.0, 100.0, 120.0]},
        {**second, "bbox": [0.0, 0.0, 400.0, 300.0]},
    ]


def test_no_object_at_all_leaves_an_empty_list_and_the_header(tmp_path: Path) -> None:
    with ResultWriter(tmp_path, {}):
        pass
    assert json.loads((tmp_path / "detection.json").read_text()) == []
    assert (tmp_path / "detection.csv").read_text() == "filename,width,height,class,score,xmin,ymin,xmax,ymax\n"


def test_a_failure_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ResultWriter(tmp_path, {}) as writer:
        writer.write("a.jpg", width=10, height=10, detections=[CAT])
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_tiny_box_is_one_pixel_large_and_inside() -> None:
    corner = Detection(1, 0.9, 0.9999, 0.9999, 1.0, 1.0)
    assert to_pixel_box(corner, width=10, height=20) == (9, 19, 10, 20)


def test_annotated_copies_keep_their_folders_and_get_a_suffix_that_browsers_show() -> None:
    names = [annotated_name(name) for name in ("a/b.JPG", "c.png", "d.tif", "d.webp")]
    assert names == ["a/b.JPG", "c.png", "d.tif.jpg", "d.webp.jpg"]


def test_an_annotated_copy_has_the_box_in_the_class_s_colour(tmp_path: Path) -> None:
    black = np.zeros((300, 400, 3), np.uint8)
    AnnotatedCopies(tmp_path, {1: "cat"}).save(Picture("sub/a.png", black, Path("a.png")), [CAT])
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.png"]
    pixels = np.asarray(Image.open(tmp_path / "sub" / "a.png"))
    assert pixels.shape == (300, 400, 3)
    assert tuple(pixels[149, 50]) == class_colour(1)
    assert tuple(pixels[100, 99]) == class_colour(1)
    assert tuple(pixels[100, 50]) == (0, 0, 0)


def test_a_frame_gets_no_copy_it_is_in_its_film(tmp_path: Path) -> None:
    AnnotatedCopies(tmp_path, {}).save(Picture("a.mp4/000000.jpg", np.zeros((3, 4, 3), np.uint8), None), [CAT])
    assert list(tmp_path.iterdir()) == []


def test_a_frame_has_its_second(tmp_path: Path) -> None:
    with ResultWriter(tmp_path, {1: "cat"}) as writer:
        writer.write("a.mp4/000010.jpg", width=400, height=300, detections=[CAT], seconds=0.4)
    assert json.loads((tmp_path / "detection.json").read_text())[0]["seconds"] == 0.4


def test_lines_grow_with_the_image() -> None:
    def line_width(side: int) -> int:
        box = LabelledBox(side / 4, side / 2, side / 2, side * 0.75, "cat", 1)
        row = np.asarray(draw_boxes(Image.new("L", (side, side)), [box]))[round(side * 0.65)]
        return int((row[: side * 3 // 8].sum(axis=1) > 0).sum())

    assert [line_width(400), line_width(4000)] == [2, 11]


def test_labels_stay_inside_the_picture_and_may_have_any_letters() -> None:
    box = LabelledBox(390, -5, 480, 20, "größe, café, 猫 0.99", 3)
    assert draw_boxes(Image.new("P", (400, 300)), [box]).size == (400, 300)


def test_neighbouring_classes_have_colours_far_apart() -> None:
    colours = [np.array(class_colour(number)) for number in range(1, 7)]
    assert min(np.abs(a - b).max() for n, a in enumerate(colours) for b in colours[:n]) > 50
