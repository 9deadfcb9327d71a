"""COCO: what is a box, which image an entry means, and what is refused in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.formats.coco import dataset as coco
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages

CAT = [{"id": 7, "name": "cat"}]
IMAGE = {"id": 3, "file_name": "a.png", "width": 40, "height": 30}
BOX = {"id": 900, "image_id": 3, "category_id": 7, "bbox": [1, 2, 10, 15]}


def write(root: Path, *annotations: Any, name: str = "coco.json", images: Any = (IMAGE,), **more: Any) -> Path:
    """Write a COCO file, and a.png beside it if there is no image yet."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": list(images), "annotations": list(annotations), "categories": CAT, **more}
    path.write_text(json.dumps(content))
    if not list(root.rglob("*.png")):
        draw_picture(root / "a.png")
    return path


def read_one(root: Path, problems: Problems | None = None) -> Image:
    (image,) = coco.read(root, problems or Problems()).images
    return image


def refusal(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        coco.read(root, Problems())
    return caught.value


def test_a_box_over_the_whole_image_starts_at_zero(tmp_path: Path) -> None:
    write(tmp_path, {**BOX, "bbox": [0, 0, 40, 30]})
    assert read_one(tmp_path).boxes == (Box("cat", 0, 0, 40, 30),)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"category_id": 9}, 'annotation 1 (id 900) has category 9, which "categories" does not list'),
        ({"image_id": 77}, 'annotation 1 (id 900) is of image 77, which "images" does not list'),
        ({"image_id": None}, "annotation 1 (id 900) has image_id nothing, wanted a number or a text"),
        ({"category_id": [7]}, "annotation 1 (id 900) has category_id [7], wanted a number or a text"),
        ({"bbox": None}, "annotation 1 (id 900) has neither a bbox nor a polygon"),
        ({"bbox": [1, 2, 3]}, "annotation 1 (id 900) has bbox [1,2,3], wanted four numbers"),
        ({"bbox": [1, 2, "wide", 4]}, 'annotation 1 (id 900) has bbox [1,2,"wide",4], wanted four numbers'),
        ({"bbox": [1, 2, float("nan"), 4]}, 'annotation 1 (id 900) has bbox [1,2,"NaN",4], wanted four numbers'),
        (
            {"bbox": [1, 2, 10**12, 4]},
            "annotation 1 (id 900) has bbox [1.0,2.0,1000000000000.0,4.0], wanted numbers below 10^9",
        ),
        (
            {"bbox": [], "segmentation": [[1, 2, 3, 4]]},
            "annotation 1 (id 900) has no bbox, and a polygon that is not three or more x, y",
        ),
        (
            {"bbox": [], "segmentation": "AAAA"},
            "annotation 1 (id 900) has no bbox, and polygons that are not lists of numbers",
        ),
        (
            {"bbox": [9, 2, -4, 5]},
            "annotation 1 (id 900) (cat): box (9, 2, 5, 7) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        ({"bbox": [9, 2, 40, 5]}, "annotation 1 (id 900) (cat): box (9, 2, 49, 7) is outside its image of 40x30"),
        (
            {"bbox": [9, 2, 5, 0.25]},
            "annotation 1 (id 900) (cat): box (9, 2, 14, 2.25) is 5x0.25 pixels in its image; wanted 1x1 or more",
        ),
    ],
)
def test_a_bad_annotation_is_an_error(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = write(tmp_path, {**BOX, **changed})
    assert str(refusal(tmp_path)) == f"{path}: {message}"


def test_bad_annotations_are_counted_and_the_good_ones_kept(tmp_path: Path) -> None:
    write(tmp_path, 5, {**BOX, "bbox": [1, 2, float("inf"), 4]}, BOX, {**BOX, "category_id": 1})
    problems = Problems(keep_going=True)
    assert read_one(tmp_path, problems).boxes == (Box("cat", 1, 2, 11, 17),)
    path = tmp_path / "coco.json"
    assert messages(problems) == {
        "object_unreadable": [
            f"{path}: annotation 1 is 5, wanted an object",
            f'{path}: annotation 2 (id 900) has bbox [1,2,"Infinity",4], wanted four numbers',
        ],
        "label_unknown": [f'{path}: annotation 4 (id 900) has category 1, which "categories" does not list'],
    }
    assert (problems.lost_images, problems.lost_boxes) == (0, 3)


def test_numbers_in_quotes_are_numbers(tmp_path: Path) -> None:
    image = {**IMAGE, "width": "40", "height": "30"}
    write(tmp_path, {**BOX, "bbox": ["1", "2.5", 10, 15], "iscrowd": False}, images=[image])
    assert read_one(tmp_path).boxes == (Box("cat", 1, 2.5, 11, 17.5),)


@pytest.mark.parametrize("crowd", [{"iscrowd": 1}, {"iscrowd": True}, {"segmentation": {"counts": "AB", "size": [1]}}])
def test_crowds_and_run_length_masks_are_no_boxes_and_counted(tmp_path: Path, crowd: dict[str, Any]) -> None:
    path = write(tmp_path, {**BOX, **crowd}, BOX)
    problems = Problems()
    assert len(read_one(tmp_path, problems).boxes) == 1
    assert messages(problems) == {"object_crowd": [f"{path}: annotation 1 (id 900)"]}
    assert problems.lost_boxes == 0


@pytest.mark.parametrize("polygons", [[[1, 2, 11, 2, 5, 17]], [[1, 2, 2, 2, 2, 3], [3, 3, 11, 17, 4, 9]]])
def test_a_polygon_without_a_bbox_has_the_box_around_it(tmp_path: Path, polygons: Any) -> None:
    write(tmp_path, {**BOX, "bbox": [], "segmentation": polygons})
    assert read_one(tmp_path).boxes == (Box("cat", 1, 2, 11, 17),)


def test_classes_are_ordered_by_id_whatever_the_gaps_and_names_listed_twice_are_one(tmp_path: Path) -> None:
    categories = [{"id": 90, "name": "z"}, {"id": 0, "name": "cat"}, {"id": 5, "name": "dog"}, {"id": 6, "name": "cat"}]
    boxes = [{**BOX, "category_id": number} for number in (6, 90, 0)]
    path = write(tmp_path, *boxes, categories=categories)
    problems = Problems()
    assert coco.read(tmp_path, problems).labels == ("cat", "z")
    assert messages(problems) == {"label_repeated": [f"{path}: cat"], "label_unused": ["dog"]}


def test_an_id_with_two_names_is_refused_where_it_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, BOX, categories=[*CAT, {"id": 7, "name": "dog"}])
    error = refusal(tmp_path)
    assert str(error) == (
        f"{path}: annotation 1 (id 900) has category 7, which has two names in \"categories\": 'cat' and 'dog'"
    )
    assert error.hint == 'mend "categories", or delete the annotation'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [', "not JSON: it ends in the middle of a value, or has half a character"),
        (b'{"images": [], "annotations": [}', "not JSON: invalid character (byte 31)"),
        (b'{"info": {"year": 20', "not JSON: Expecting ',' delimiter: line 1 column 21 (char 20)"),
        (b'{"images": [], "annotations": {}}', '"annotations" is not a list, but of type object'),
        (b'{"images": [], "annotations": ' + b"[" * 10**6, "nested too deeply for JSON that people mean"),
        (b"\xff\xfe{\x00}", "not JSON: neither UTF-8 nor UTF-16 text"),
    ],
)
def test_a_file_that_is_no_coco_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    write(tmp_path / "good", BOX)
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    assert str(refusal(tmp_path)) == f"{path}: {message}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_of_windows_are_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, BOX)
    path.write_text(path.read_text(), encoding=encoding)
    assert coco.mismatch(tmp_path) is None
    assert len(read_one(tmp_path).boxes) == 1


@pytest.mark.parametrize(
    ("root", "reason"),
    [({}, "no .json file in it"), ({"a.json": "[]"}, "is no JSON object"), ({"a.json": "{}"}, 'has no list "images"')],
)
def test_a_folder_that_is_not_coco_says_why(tmp_path: Path, root: dict[str, str], reason: str) -> None:
    for name, content in root.items():
        (tmp_path / name).write_text(content)
        reason = f"{tmp_path / name} {reason}"
    assert coco.mismatch(tmp_path) == reason


def test_a_million_brackets_within_an_annotation_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, BOX)
    path.write_text(path.read_text().replace("[1, 2, 10, 15]", "[" * 10**6))
    assert str(refusal(tmp_path)) == f"{path}: nested too deeply for JSON that people mean"
