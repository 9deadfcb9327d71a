"""LabelMe: what a shape's box is, where the image is, and what is refused in which words."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.formats.labelme import dataset as labelme
from pipeline.datasets.images.content import read_content
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages

RECTANGLE = {"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [11, 17]]}


def write(root: Path, *shapes: Any, name: str = "a.json", image: str | None = "a.png", **more: Any) -> Path:
    """Write a LabelMe file, and its image unless that is None."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"shapes": list(shapes), "imagePath": "a.png", "imageData": None, "imageWidth": 40, "imageHeight": 30}
    path.write_text(json.dumps({**content, **more}))
    if image:
        draw_picture(root / image)
    return path


def read_one(root: Path, problems: Problems | None = None) -> Image:
    (image,) = labelme.read(root, problems or Problems()).images
    return image


def refusal(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        labelme.read(root, Problems())
    return caught.value


def picture_in_base64(folder: Path, **options: Any) -> str:
    path = draw_picture(folder / "drawn.png", **options)
    data = path.read_bytes()
    path.unlink()
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("changed", "box"),
    [
        ({"points": [[11, 2], [1, 17]]}, Box("cat", 1, 2, 11, 17)),
        ({"points": [[1, 2], [11, 2], [11, 17], [1, 17]]}, Box("cat", 1, 2, 11, 17)),
        ({"shape_type": "polygon", "points": [[1, 2], [11, 5], [4.5, 17]]}, Box("cat", 1, 2, 11, 17)),
        ({"shape_type": None, "points": [[1, 2], [11, 5], [4.5, 17]]}, Box("cat", 1, 2, 11, 17)),
        ({"shape_type": "rotation", "points": [[1, 5], [6, 2], [11, 8], [5, 9]]}, Box("cat", 1, 2, 11, 9)),
        ({"shape_type": "circle", "points": [[10, 10], [13, 14]]}, Box("cat", 5, 5, 15, 15)),
        ({"shape_type": "mask", "points": [[4, 5], [7, 7]]}, Box("cat", 4, 5, 8, 8)),
        ({"group_id": 3, "flags": {"occluded": True}, "description": None}, Box("cat", 1, 2, 11, 17)),
    ],
)
def test_each_shape_has_the_box_around_it(tmp_path: Path, changed: dict[str, Any], box: Box) -> None:
    write(tmp_path, {**RECTANGLE, **changed})
    assert read_one(tmp_path).boxes == (box,)


def test_a_circle_is_cut_off_at_the_edges_of_its_image(tmp_path: Path) -> None:
    circle = {**RECTANGLE, "shape_type": "circle", "points": [[2, 28], [5, 32]]}
    path = write(tmp_path, circle)
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == (Box("cat", 0, 23, 7, 30),)
    assert messages(problems) == {"box_clipped": [f"{path}: shape 1"]}
    write(tmp_path, {**circle, "points": [[-2, 28], [1, 32]]})
    with pytest.raises(DataError, match="is outside its image"):
        read_one(tmp_path)


def test_a_mask_has_the_box_of_the_pixels_that_are_set(tmp_path: Path) -> None:
    drawn = draw_picture(tmp_path / "mask.png", size=(3, 2))
    data = base64.b64encode(drawn.read_bytes()).decode()
    drawn.unlink()
    write(tmp_path, {**RECTANGLE, "shape_type": "mask", "points": [[4.0, 5.0], [9, 9]], "mask": data})
    assert read_one(tmp_path).boxes == (Box("cat", 4, 5, 7, 7),)


@pytest.mark.parametrize("kind", ["point", "points", "line", "linestrip", "cuboid"])
def test_shapes_without_an_area_are_skipped_with_a_count(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, {**RECTANGLE, "shape_type": kind})
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == ()
    assert messages(problems) == {"object_skipped": [f"{path}: shape 1 ({kind})"]}


def test_parts_of_one_object_are_joined_and_counted_but_rectangles_are_not(tmp_path: Path) -> None:
    parts = [{**RECTANGLE, "shape_type": "polygon", "group_id": 0} for _ in range(2)]
    parts[0]["points"], parts[1]["points"] = [[1, 1], [3, 1], [2, 4]], [[8, 8], [9, 8], [9, 11]]
    grouped = {**RECTANGLE, "group_id": 0}
    path = write(tmp_path, *parts, grouped, grouped, {**parts[0], "label": "dog"})
    problems = Problems()
    rectangle = Box("cat", 1, 2, 11, 17)
    assert read_one(tmp_path, problems).boxes == (Box("cat", 1, 1, 9, 11), rectangle, rectangle, Box("dog", 1, 1, 3, 4))
    assert messages(problems) == {"object_joined": [f"{path}: shape 2"]}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (7, " has no label"),
        ({**RECTANGLE, "label": None}, " has no label"),
        ({**RECTANGLE, "points": [[1, 2]]}, " (cat): a rectangle with 1 points, not 2 or 4"),
        ({**RECTANGLE, "points": None}, ' (cat): no list "points"'),
        ({**RECTANGLE, "points": [[1, 2], [3, "x"]]}, " (cat): a point that is [3, 'x'], not [x, y]"),
        ({**RECTANGLE, "points": [[1, 2], [3, float("nan")]]}, " (cat): a point that is [3, 'NaN'], not [x, y]"),
        ({**RECTANGLE, "shape_type": "polygon"}, " (cat): a polygon with 2 points, not 3 or more"),
        ({**RECTANGLE, "shape_type": "mask", "mask": 5}, " (cat): a mask that is 5, not base64"),
        ({**RECTANGLE, "points": [[1, 2], [60, 9]]}, " (cat): box (1, 2, 60, 9) is outside its image of 40x30"),
    ],
)
def test_a_bad_shape_is_an_error(tmp_path: Path, shape: Any, message: str) -> None:
    path = write(tmp_path, shape)
    assert str(refusal(tmp_path)) == f"{path}: shape 1{message}"


@pytest.mark.parametrize(
    ("image_path", "stored"),
    [
        ("..\\images\\a.png", "images/a.png"),
        ("../images/a.png", "images/a.png"),
        ("C:\\photos\\a.png", "images/a.png"),
        ("a.png", "labels/a.png"),
        ("A.PNG", "images/a.png"),
        (None, "images/a.png"),
        ("renamed.jpg", "images/a.png"),
    ],
)
def test_the_image_is_found_wherever_it_lies_in_the_dataset(tmp_path: Path, image_path: str, stored: str) -> None:
    write(tmp_path, RECTANGLE, name="labels/a.json", image=stored, imagePath=image_path)
    assert read_one(tmp_path).path == tmp_path / stored


def test_a_copied_file_is_of_the_image_that_it_is_named_after(tmp_path: Path) -> None:
    write(tmp_path, RECTANGLE)
    copied = write(tmp_path, name="b.json", image="b.png")
    problems = Problems()
    paths = [image.path.name for image in labelme.read(tmp_path, problems).images]
    assert paths == ["a.png", "b.png"]
    assert messages(problems) == {"image_name_differs": [str(copied)]}


@pytest.mark.parametrize("data", [None, ""])
def test_an_image_that_is_nowhere_takes_its_boxes_with_it(tmp_path: Path, data: str | None) -> None:
    path = write(tmp_path, RECTANGLE, RECTANGLE, image=None, imageData=data)
    error = refusal(tmp_path)
    assert str(error) == f"{path}: no image 'a.png' for it"
    assert error.hint == f"put the image beside it, or delete {path}"
    problems = Problems(keep_going=True)
    assert labelme.read(tmp_path, problems).images == ()
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_a_path_out_of_the_dataset_is_refused(tmp_path: Path) -> None:
    draw_picture(tmp_path / "secret.png")
    path = write(tmp_path / "data", RECTANGLE, image=None, imagePath="..\\secret.png")
    assert str(refusal(tmp_path / "data")) == (
        f"{path}: its image '..\\\\secret.png' leads out of {tmp_path / 'data'}, "
        "and no image in it is called 'secret.png'"
    )


@pytest.mark.parametrize(("before", "after"), [("", ""), ("data:image/png;base64,", ""), ("", "\n")])
def test_an_embedded_image_is_found_at_its_true_place(tmp_path: Path, before: str, after: str) -> None:
    data = picture_in_base64(tmp_path)
    first = {**RECTANGLE, "description": "é" * 50}
    write(tmp_path, first, image=None, imageData=before + data + after, imageWidth=None, imagePath="..\\x\\a.png")
    image = read_one(tmp_path)
    assert (image.name, image.width, image.height) == ("a.png", 40, 30)
    assert read_content(image) == base64.b64decode(data)


def test_an_image_file_counts_before_the_embedded_one(tmp_path: Path) -> None:
    write(tmp_path, imageData=picture_in_base64(tmp_path, size=(10, 10)))
    image = read_one(tmp_path)
    assert (image.path, image.embedded, image.width) == (tmp_path / "a.png", None, 40)


def test_an_embedded_image_that_is_broken_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, RECTANGLE, image=None, imageData=base64.b64encode(b"no image").decode())
    assert str(refusal(tmp_path)) == f"{path}: not a readable image: its content is of no known image format"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_files_without_a_name_for_the_embedded_image_name_it_after_themselves(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, RECTANGLE, image=None, imageData=picture_in_base64(tmp_path), imagePath=None)
    path.write_text(path.read_text(), encoding=encoding)
    assert read_one(tmp_path).name == "a.png"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"shapes": [', "not JSON: it ends in the middle of a value, or has half a character"),
        ('{"shapes": {}, "imagePath": "a.png"}', 'no list "shapes"'),
        ('{"shapes": ' + "[" * 10**6, "nested too deeply for JSON that people mean"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path)
    path.write_text(content)
    assert str(refusal(tmp_path)) == f"{path}: {message}"


def test_other_json_files_are_ignored_and_named(tmp_path: Path) -> None:
    write(tmp_path, RECTANGLE)
    for name, content in (("config.json", '{"theme": "dark"}'), ("list.json", "[1]"), ("nothing.json", "")):
        (tmp_path / name).write_text(content)
    problems = Problems()
    assert len(read_one(tmp_path, problems).boxes) == 1
    assert messages(problems) == {
        "annotation_file_ignored": [str(tmp_path / "config.json"), str(tmp_path / "list.json")],
        "annotation_empty_file": [str(tmp_path / "nothing.json")],
    }
