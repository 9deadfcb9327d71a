"""COCO: which image an entry means, splits, and images that are listed twice, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.datasets.formats.coco import dataset as coco
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages
from tests.datasets.test_coco import BOX, IMAGE, read_one, refusal, write


@pytest.mark.parametrize(
    ("file_name", "stored"),
    [
        ("a.png", "a.png"),
        ("images/a.png", "images/a.png"),
        (".\\images\\a.png", "images/a.png"),
        ("a.png", "train2017/a.png"),
        ("../images/a.png", "images/a.png"),
        ("C:\\Users\\me\\a.png", "images/a.png"),
        ("/home/me/a.png", "images/a.png"),
        ("../../label-studio/media/upload/4/a.png", "images/a.png"),
        ("/data/local-files/?d=set%2Fa.png", "images/a.png"),
        ("https://host/x/a.png?token=1/2", "images/a.png"),
        ("a%20b.png", "images/a b.png"),
        ("a b.png", "images/a%20b.png"),
        ("A.PNG", "images/a.png"),
        ("a", "images/a.png"),
        ("a.jpg", "images/a.png"),
    ],
)
def test_an_image_is_found_by_any_way_of_writing_its_name(tmp_path: Path, file_name: str, stored: str) -> None:
    draw_picture(tmp_path / stored)
    write(tmp_path, BOX, name="annotations/coco.json", images=[{**IMAGE, "file_name": file_name}])
    image = read_one(tmp_path)
    assert (image.path, image.boxes) == (tmp_path / stored, (Box("cat", 1, 2, 11, 17),))


def test_an_image_that_is_missing_takes_its_boxes_with_it(tmp_path: Path) -> None:
    draw_picture(tmp_path / "b.png")
    path = write(tmp_path, BOX, BOX, images=[IMAGE])
    error = refusal(tmp_path)
    assert str(error) == f"{path}: no image 'a.png' for it in {tmp_path}"
    assert error.hint == "put the image there, or take it off the lists"
    problems = Problems(keep_going=True)
    assert coco.read(tmp_path, problems).images == ()
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)
    assert messages(problems)["image_unannotated"] == [str(tmp_path / "b.png")]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "C:\\secret.png"])
def test_a_name_that_leads_out_of_the_dataset_is_refused(tmp_path: Path, name: str) -> None:
    draw_picture(tmp_path / "secret.png")
    draw_picture(tmp_path / "data" / "b.png")
    path = write(tmp_path / "data", BOX, images=[{**IMAGE, "file_name": name}])
    problems = Problems(keep_going=True)
    coco.read(tmp_path / "data", problems)
    assert messages(problems)["image_unsafe_path"] == [
        f"{path}: file_name {name!r} leads out of {tmp_path / 'data'}, and no image in it is called 'secret.png'"
    ]


def test_an_image_that_could_be_several_is_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        draw_picture(tmp_path / folder / "a.png")
    path = write(tmp_path, BOX)
    error = refusal(tmp_path)
    one, two = tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"
    assert str(error) == f"{path}: its image 'a.png' could be {one} or {two}"
    assert error.hint == "give file_name with its folder, as it is seen from the dataset"


def test_of_images_with_one_name_the_one_in_the_split_s_folder_is_meant(tmp_path: Path) -> None:
    for folder in ("train", "val"):
        draw_picture(tmp_path / "images" / folder / "a.png")
        write(tmp_path, BOX, name=f"annotations/instances_{folder}2017.json")
    found = {(image.split, image.path) for image in coco.read(tmp_path, Problems()).images}
    assert found == {(split, tmp_path / "images" / split / "a.png") for split in ("train", "val")}


def test_an_image_that_another_file_has_at_its_own_path_is_not_taken_by_name(tmp_path: Path) -> None:
    draw_picture(tmp_path / "val" / "a.png")
    write(tmp_path, BOX, name="val/_annotations.coco.json")
    path = write(tmp_path, BOX, BOX, name="train/_annotations.coco.json")
    problems = Problems(keep_going=True)
    assert len(read_one(tmp_path, problems).boxes) == 1
    assert messages(problems) == {"image_missing": [f"{path}: no image 'a.png' for it in {tmp_path}"]}
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_an_image_in_two_files_has_the_boxes_of_both_and_is_held_out(tmp_path: Path) -> None:
    path = write(tmp_path, BOX, name="test.json")
    write(tmp_path, {**BOX, "bbox": [3, 3, 5, 5]}, name="train.json")
    problems = Problems()
    image = read_one(tmp_path, problems)
    assert (image.split, image.boxes) == ("test", (Box("cat", 1, 2, 11, 17), Box("cat", 3, 3, 8, 8)))
    assert messages(problems) == {
        "image_listed_twice": [str(tmp_path / "a.png")],
        "split_contradicts": [f"{path}: image 1 (a.png)"],
    }


def test_an_image_listed_twice_with_one_id_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, BOX, images=[IMAGE, IMAGE])
    problems = Problems()
    assert len(read_one(tmp_path, problems).boxes) == 1
    assert messages(problems) == {"image_listed_twice": [f"{path}: image 2 (a.png)"]}


def test_two_images_with_one_id_are_both_refused(tmp_path: Path) -> None:
    path = write(tmp_path, BOX, images=[IMAGE, {**IMAGE, "file_name": "b.png"}])
    draw_picture(tmp_path / "b.png")
    problems = Problems(keep_going=True)
    assert coco.read(tmp_path, problems).images == ()
    assert messages(problems)["image_unusable"] == [
        f"{path}: image 1 has id 3, which image 2 has too",
        f"{path}: image 2 has id 3, which image 1 has too",
    ]
    assert (problems.lost_images, problems.lost_boxes) == (2, 1)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "image 1 is 7, wanted an object"),
        ({"id": 3}, "image 1 has file_name nothing, wanted a text"),
        ({"id": 3, "file_name": " "}, "image 1 has no file_name"),
        ({"file_name": "a.png"}, "image 1 has id nothing, wanted a number or a text"),
    ],
)
def test_a_bad_image_is_named(tmp_path: Path, entry: object, message: str) -> None:
    path = write(tmp_path, images=[entry])
    assert str(refusal(tmp_path)) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017.json", "train"),
        ("annotations/instances_Validation.json", "val"),
        ("test/_annotations.coco.json", "test"),
        ("train_and_val.json", None),
        ("annotations/instances_default.json", None),
    ],
)
def test_splits_come_from_the_names_of_files_and_folders(tmp_path: Path, name: str, split: str | None) -> None:
    write(tmp_path, BOX, name=name)
    assert read_one(tmp_path).split == split


def test_files_that_are_not_about_objects_are_ignored_and_named(tmp_path: Path) -> None:
    write(tmp_path, BOX, name="instances.json")
    captions = write(tmp_path, {"id": 1, "image_id": 3, "caption": "A cat."}, name="captions.json")
    infos = tmp_path / "image_info_test.json"
    infos.write_text(json.dumps({"images": [{**IMAGE, "file_name": "z.png"}], "categories": []}))
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "nothing.json").touch()
    problems = Problems()
    assert len(read_one(tmp_path, problems).boxes) == 1
    assert messages(problems) == {
        "annotation_file_ignored": [
            f"{captions} (it has captions)",
            f'{infos} (it has no "annotations")',
            str(tmp_path / "other.json"),
        ],
        "annotation_empty_file": [str(tmp_path / "nothing.json")],
    }


def test_a_broken_image_takes_its_boxes_with_it(tmp_path: Path) -> None:
    write(tmp_path, BOX, BOX)
    (tmp_path / "a.png").write_bytes(b"no image")
    problems = Problems(keep_going=True)
    assert coco.read(tmp_path, problems).images == ()
    assert messages(problems) == {
        "image_unreadable": [f"{tmp_path / 'a.png'}: not a readable image: its content is of no known image format"],
        "label_unused": ["cat"],
    }
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)
    with pytest.raises(DataError):
        coco.read(tmp_path, Problems())
