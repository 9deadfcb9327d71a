"""Supervisely: pixel conventions, and what is refused in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.formats.supervisely import dataset as supervisely
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import Project, draw_picture, messages, rectangle


def read_boxes(project: Project, problems: Problems | None = None) -> tuple[Box, ...]:
    dataset = supervisely.read(project.root, problems or Problems())
    return tuple(box for image in dataset.images for box in image.boxes)


def refusal(project: Project) -> DataError:
    with pytest.raises(DataError) as caught:
        supervisely.read(project.root, Problems())
    return caught.value


def test_a_rectangle_over_the_whole_image_starts_at_zero_and_ends_at_its_size(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", rectangle("cat", 0, 0, 39, 29))
    assert read_boxes(project) == (Box("cat", 0, 0, 40, 30),)


def test_corners_may_come_in_any_order(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", rectangle("cat", 10, 20, 5, 2))
    assert read_boxes(project) == (Box("cat", 5, 2, 11, 21),)


def test_fractions_in_a_file_mean_edges_between_pixels(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", rectangle("cat", 0, 0, 40, 30), rectangle("cat", 1.5, 2, 3, 4))
    assert read_boxes(project) == (Box("cat", 0, 0, 40, 30), Box("cat", 1.5, 2, 3, 4))


def test_a_box_one_pixel_too_far_is_clipped_and_counted(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", rectangle("cat", 3, 3, 40, 30))
    problems = Problems()
    assert read_boxes(project, problems) == (Box("cat", 3, 3, 40, 30),)
    assert messages(problems) == {"box_clipped": [f"{path}: object 1"]}


def test_a_box_outside_its_image_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", rectangle("cat", 0, 0, 9, 9), rectangle("cat", 3, 3, 45, 20))
    error = refusal(project)
    assert str(error) == f"{path}: object 2 (cat): box (3, 3, 46, 21) is outside its image of 40x30"
    assert error.hint == "draw it again inside the image"


@pytest.mark.parametrize("edges", [(5, 5, 5, 5), (5, 5, 9, 5), (5, 5, 5, 9)])
def test_a_box_of_no_area_is_an_error(tmp_path: Path, edges: tuple[int, ...]) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", rectangle("cat", *edges))
    error = refusal(project)
    assert str(error) == f"{path}: object 1 (cat): box {edges} has no area; wanted xmin < xmax and ymin < ymax"
    assert error.hint == "delete the object, or draw it again"


def test_an_annotation_without_its_image_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png")
    (tmp_path / "ds" / "img" / "a.png").unlink()
    error = refusal(project)
    assert str(error) == f"{path}: no image for it in {tmp_path / 'ds' / 'img'}; wanted a.png"
    assert error.hint == f"put the image there, or delete {path}"


def test_a_short_name_that_fits_two_images_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png").rename(tmp_path / "ds" / "ann" / "a.json")
    project.add("a.jpg").unlink()
    folder = tmp_path / "ds"
    assert str(refusal(project)) == (
        f"{folder / 'ann' / 'a.json'}: more than one image (a.jpg, a.png) for it in {folder / 'img'}; wanted a"
    )


def test_two_annotations_of_one_image_are_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png")
    other = path.with_name("a.json")
    other.write_bytes(path.read_bytes())
    assert str(refusal(project)) == f"{other}: {path} is an annotation of a.png too"


def test_old_and_new_names_beside_each_other_are_of_two_images(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.b.jpg", rectangle("cat", 1, 1, 5, 5))
    draw_picture(tmp_path / "ds" / "img" / "a.b.png")
    path.with_name("a.b.json").write_bytes(path.read_bytes())
    names = [image.name for image in supervisely.read(tmp_path, Problems()).images]
    assert names == ["a.b.jpg", "a.b.png"]


def test_an_annotation_in_another_case_is_of_the_image(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("A.PNG", rectangle("cat", 1, 1, 5, 5))
    path.rename(path.with_name("a.png.json"))
    assert len(read_boxes(project)) == 1


def test_files_that_exports_have_beside_annotations_are_left_alone(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png")
    (tmp_path / "key_id_map.json").write_text("{}")
    (tmp_path / "obj_class_to_machine_color.json").write_text("{}")
    (tmp_path / "README.md").write_text("An export.")
    (tmp_path / "ds" / "meta").mkdir()
    (tmp_path / "ds" / "meta" / "a.png.json").write_text("{}")
    path.with_name("b.png.json").touch()
    path.with_name("notes.txt").write_text("x")
    problems = Problems()
    assert len(supervisely.read(tmp_path, problems).images) == 1
    assert messages(problems) == {
        "annotation_empty_file": [str(path.with_name("b.png.json"))],
        "annotation_file_ignored": [str(path.with_name("notes.txt"))],
        "label_unused": ["cat"],
    }


def test_a_meta_json_of_titles_alone_is_read(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", {"classTitle": "cat", "points": {"exterior": [[1, 1], [4, 4]]}})
    (tmp_path / "meta.json").write_text('{"classes": ["cat", {"name": "dog"}], "tags_images": []}')
    assert read_boxes(project) == (Box("cat", 1, 1, 5, 5),)


def test_an_image_that_is_lost_takes_its_boxes_with_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    missing = project.add("a.png", rectangle("cat", 1, 1, 5, 5), rectangle("cat", 2, 2, 5, 5))
    project.add("b.png", rectangle("cat", 1, 1, 5, 5))
    (tmp_path / "ds" / "img" / "a.png").unlink()
    (tmp_path / "ds" / "img" / "b.png").write_bytes(b"")
    problems = Problems(keep_going=True)
    assert read_boxes(project, problems) == ()
    assert (problems.lost_images, problems.lost_boxes) == (2, 3)
    assert messages(problems) == {
        "image_missing": [f"{missing}: no image for it in {tmp_path / 'ds' / 'img'}; wanted a.png"],
        "image_unreadable": [f"{tmp_path / 'ds' / 'img' / 'b.png'}: not a readable image: the file is empty"],
        "label_unused": ["cat"],
    }


@pytest.mark.parametrize(
    ("shape", "keys", "box"),
    [
        ("bitmap", {"points": {"exterior": [[1, 1], [4, 4]]}}, Box("cat", 1, 1, 5, 5)),
        (
            "rectangle",
            {"points": {"exterior": [[1, 1], [4, 4], [2, 9]], "interior": [[[2, 2]]]}},
            Box("cat", 1, 1, 5, 10),
        ),
        ("polygon", {"points": {"exterior": [[1, 1], [4, 4], [2, 9]]}, "bitmap": None}, Box("cat", 1, 1, 5, 10)),
    ],
)
def test_an_object_without_geometry_type_is_what_its_keys_say(
    tmp_path: Path, shape: str, keys: dict[str, Any], box: Box
) -> None:
    project = Project(tmp_path)
    project.add("a.png", {"classTitle": "cat", **keys})
    (tmp_path / "meta.json").write_text(json.dumps({"classes": [{"title": "cat", "shape": shape}]}))
    assert read_boxes(project) == (box,)


def test_a_label_that_meta_json_does_not_know_is_an_error_with_a_guess(tmp_path: Path) -> None:
    project = Project(tmp_path, "cat", "dog")
    path = project.add("a.png", rectangle("catt", 1, 1, 5, 5))
    error = refusal(project)
    assert str(error) == f"{path}: object 1 has class 'catt', which meta.json does not list; it lists: cat, dog"
    assert error.hint == "did you mean 'cat'?"


def test_an_unreadable_image_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png")
    image = tmp_path / "ds" / "img" / "a.png"
    image.write_bytes(b"")
    assert str(refusal(project)) == f"{image}: not a readable image: the file is empty"
    image.write_bytes(b"no image")
    assert str(refusal(project)) == f"{image}: not a readable image: its content is of no known image format"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "object 1 has no classTitle"),
        (7, "object 1 has no classTitle"),
        ({"classTitle": "cat"}, "object 1 (cat): no list points.exterior"),
        (
            {"classTitle": "cat", "geometryType": "unknown", "points": {"exterior": []}},
            "object 1 (cat): neither points nor a bitmap",
        ),
        ({"classTitle": "cat", "points": {"exterior": []}}, "object 1 (cat): a rectangle with 0 points, not 2"),
        ({"classTitle": "cat", "points": {"exterior": [[1, 2]]}}, "object 1 (cat): a rectangle with 1 points, not 2"),
        (
            {"classTitle": "cat", "points": {"exterior": [[1, 2], ["x", 4]]}},
            "object 1 (cat): a point that is ['x', 4], not [x, y]",
        ),
        ({"classTitle": "cat", "geometryType": "bitmap"}, "object 1 (cat): no bitmap.data"),
        (
            {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"origin": [0, 0], "data": "AAAA"}},
            "object 1 (cat): a bitmap.data that is not base64 of zlib of PNG: "
            "Error -3 while decompressing data: unknown compression method",
        ),
    ],
)
def test_an_object_that_cannot_be_read_is_named(tmp_path: Path, entry: Any, message: str) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", entry)
    assert str(refusal(project)) == f"{path}: {message}"


def test_told_to_keep_going_bad_items_are_named_once_and_good_ones_kept(tmp_path: Path) -> None:
    project = Project(tmp_path)
    bad = project.add("a.png", rectangle("catt", 1, 1, 5, 5), rectangle("cat", 1, 1, 5, 5))
    broken = project.add("b.png")
    broken.write_text("{")
    problems = Problems(keep_going=True)
    assert read_boxes(project, problems) == (Box("cat", 1, 1, 6, 6),)
    assert problems.to_lines() == [
        f"skipped: {bad}: object 1 has class 'catt', which meta.json does not list; it lists: cat",
        f"skipped: {broken}: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ]


def test_tags_decide_the_split_before_dataset_names(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", dataset="train", tags=["VAL"])
    project.add("b.png", dataset="train", tags=[{"name": "dusk"}])
    project.add("c.png", dataset="Validation")
    splits = {image.name: image.split for image in supervisely.read(tmp_path, Problems()).images}
    assert splits == {"a.png": "val", "b.png": "train", "c.png": "val"}


@pytest.mark.parametrize(
    ("tags", "split"),
    [
        (["dusk", {"name": "Train"}], "train"),
        ([{"name": "split", "value": "VAL"}], "val"),
        ({"test": None}, "test"),
        (["train", "test"], "test"),
        ([7, {"value": None}], None),
    ],
)
def test_tags_of_any_kind_name_the_split(tmp_path: Path, tags: Any, split: str | None) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", tags=tags)
    problems = Problems()
    assert [image.split for image in supervisely.read(tmp_path, problems).images] == [split]
    assert messages(problems).get("split_contradicts", []) == ([str(path)] if tags == ["train", "test"] else [])


def test_boxes_that_fit_only_the_declared_larger_size_are_scaled_and_counted(tmp_path: Path) -> None:
    project = Project(tmp_path)
    whole = rectangle("cat", 0, 0, 79, 59)
    path = project.add("a.png", whole)
    path.write_text(json.dumps({"size": {"width": 80, "height": 60}, "objects": [whole]}))
    problems = Problems()
    assert read_boxes(project, problems) == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems) == {"size_rescaled": [str(path)]}


def test_the_same_image_name_in_two_datasets_loses_no_image(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("a.png", dataset="one")
    project.add("A.png", dataset="two/datasets/deep")
    project.add("b.png", dataset="one")
    names = {image.name for image in supervisely.read(tmp_path, Problems()).images}
    assert names == {"one_a.png", "two_deep_A.png", "b.png"}


def test_a_link_out_of_the_dataset_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    project = Project(tmp_path / "project")
    project.add("a.png")
    image = tmp_path / "project" / "ds" / "img" / "a.png"
    image.rename(secret)
    image.symlink_to(secret)
    error = refusal(project)
    assert str(error) == f"{image} is a link to {secret}, outside the dataset {tmp_path / 'project'}"
    assert error.hint == "copy the files into the dataset folder"
