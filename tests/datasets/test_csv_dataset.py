"""tf_csv as a dataset: columns of several tools, splits, label maps, and lines that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.tables import csv_dataset
from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages, voc_object, write_voc
from tests.project import shared_data

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def write(root: Path, text: str, name: str = "boxes.csv") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_text(root: Path, text: str) -> tuple[dict[str, tuple[Box, ...]], Problems]:
    draw_picture(root / "images" / "a.png")
    write(root, text)
    problems = Problems(keep_going=True)
    return {image.name: image.boxes for image in csv_dataset.read(root, problems).images}, problems


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "a.png,40,30,cat,1,2,3.5,4\n",
        HEADER + "C:\\photos\\a.png,40,30,cat,1,2,3.5,4\n",
        "\ufeffclass;ymax;xmax;ymin;xmin;filename;more\r\ncat;4;3,5;2;1;a.png;x\r\n",
        '"image","xmin","ymin","xmax","ymax","label"\n"a.png",1,2,3.5,4,"cat"\n',
        "Image_Path,X1,Y1,X2,Y2,Class_Name\nimages/a.png,1.0,2,3.5,4,cat\n",
        "images/a.png,1,2,3.5,4,cat\n",
    ],
)
def test_the_same_box_in_the_columns_of_several_tools(tmp_path: Path, text: str) -> None:
    boxes, problems = read_text(tmp_path, text)
    assert csv_dataset.mismatch(tmp_path) is None
    assert boxes == {"a.png": (Box("cat", 1, 2, 3.5, 4),)}
    assert messages(problems) == {}


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ("a.png,40,30,cat,1,2,3", "object_unreadable", ": 7 cells, not 8"),
        (",40,30,cat,1,2,3,4", "object_unreadable", ": no filename"),
        ("a.png,40,x,cat,1,2,3,4", "object_unreadable", ": the size is '40' x 'x', not two whole numbers of pixels"),
        ("a.png,41,30,cat,1,2,3,4", "object_unreadable", ": a.png is 41x30 here, but 40x30 in a line before"),
        ("a.png,40,30,,1,2,3,4", "object_unreadable", ": a box without a class"),
        ("a.png,40,30,cat,1,2,wide,4", "object_unreadable", ": xmax is 'wide', not a number"),
        (
            "a.png,40,30,cat,9,2,3,4",
            "box_inverted",
            " (cat): box (9, 2, 3, 4) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        ("a.png,40,30,cat,1,2,50,4", "box_outside", " (cat): box (1, 2, 50, 4) is outside its image of 40x30"),
    ],
)
def test_a_bad_line_is_refused_alone(tmp_path: Path, row: str, kind: str, message: str) -> None:
    boxes, problems = read_text(tmp_path, f"{HEADER}a.png,40,30,dog,0,0,40,30\n\n{row}\n")
    assert boxes == {"a.png": (Box("dog", 0, 0, 40, 30),)}
    assert messages(problems) == {kind: [f"{tmp_path / 'boxes.csv'}:4{message}"]}
    assert (problems.lost_boxes, problems.lost_images) == (1, 0)


def test_what_we_write_is_read_as_it_was(tmp_path: Path) -> None:
    for place, name in enumerate(("a", "b")):
        write_voc(tmp_path / "voc", f"{name}.png", voc_object('été, "x"', 1, 1, 20 + place, 30), size=(40, 30))
    dataset = voc.read(tmp_path / "voc", Problems())
    write_tf_csv(tmp_path / "tf_csv", Split(dataset.images[:1], dataset.images[1:], ""), dataset.labels)
    problems = Problems()
    read = csv_dataset.read(tmp_path / "tf_csv", problems)
    assert {image.name: (image.split, image.boxes) for image in read.images} == {
        "a.png": ("train", dataset.images[0].boxes),
        "b.png": ("test", dataset.images[1].boxes),
    }
    assert (read.labels, messages(problems)) == (dataset.labels, {})


def test_images_are_missing_or_not_named(tmp_path: Path) -> None:
    draw_picture(tmp_path / "images" / "unlisted.png")
    rows = "lost.png,40,30,cat,1,2,3,4\n../../etc/passwd,40,30,cat,1,2,3,4\nlost.png,40,30,cat,1,2,3,5\n"
    boxes, problems = read_text(tmp_path, HEADER + rows + "a.png,0,0,,,,,\n")
    assert boxes == {"a.png": ()}
    path = tmp_path / "boxes.csv"
    assert messages(problems) == {
        "image_missing": [f"{path}:2: no image 'lost.png' for it in {tmp_path}"],
        "image_unsafe_path": [
            f"{path}:3: its image '../../etc/passwd' leads out of {tmp_path}, and no image in it is called 'passwd'"
        ],
        "image_unannotated": [str(tmp_path / "images" / "unlisted.png")],
    }
    assert (problems.lost_images, problems.lost_boxes) == (2, 3)


def test_a_name_in_two_folders_is_told_with_both(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one" / "a.png")
    draw_picture(tmp_path / "two" / "a.png")
    path = write(tmp_path, HEADER + "a.png,40,30,cat,1,2,3,4\n")
    problems = Problems(keep_going=True)
    assert csv_dataset.read(tmp_path, problems).images == ()
    one, two = tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"
    assert messages(problems)["image_missing"] == [f"{path}:2: its image 'a.png' could be {one} or {two}"]
    assert (problems.lost_images, problems.lost_boxes) == (1, 1)


def test_names_with_folders_are_not_one_image(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one" / "a.png")
    path = write(tmp_path, HEADER + "two/a.png,40,30,cat,1,2,3,4\none/a.png,40,30,dog,1,2,3,4\n")
    problems = Problems(keep_going=True)
    (image,) = csv_dataset.read(tmp_path, problems).images
    assert [box.label for box in image.boxes] == ["dog"]
    assert messages(problems)["image_missing"] == [f"{path}:2: no image 'two/a.png' for it in {tmp_path}"]


def test_an_image_in_train_and_test_is_held_out_and_has_the_boxes_once(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    row, other = "a.png,40,30,cat,1,2,3,4\n", "a.png,40,30,cat,5,6,7,8\n"
    write(tmp_path, HEADER + row + other, "all.csv")
    write(tmp_path, HEADER + row, "train_labels.csv")
    write(tmp_path, HEADER + other, "test_labels.csv")
    problems = Problems()
    (image,) = csv_dataset.read(tmp_path, problems).images
    assert (image.split, image.boxes) == ("test", (Box("cat", 1, 2, 3, 4), Box("cat", 5, 6, 7, 8)))
    told = [str(tmp_path / "a.png")]
    assert messages(problems) == {"image_listed_twice": told, "split_contradicts": told}


def test_the_label_map_orders_the_classes_and_knows_them_all(tmp_path: Path) -> None:
    (tmp_path / "label_map.pbtxt").write_text(format_label_map(("dog", "cat", "horse")))
    rows = "a.png,40,30,cat,1,2,3,4\na.png,40,30,dog,1,2,3,4\na.png,40,30,catt,1,2,3,4\n"
    draw_picture(tmp_path / "a.png")
    path = write(tmp_path, HEADER + rows)
    problems = Problems(keep_going=True)
    assert csv_dataset.read(tmp_path, problems).labels == ("dog", "cat")
    assert messages(problems) == {
        "label_unknown": [f"{path}:4: class 'catt' is not in the label map; it lists: dog, cat, horse"],
        "label_unused": ["horse"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "item { id: 0 name: 'dog' } item { id: 1 name: 'cat' }",
            "{}: item 1 ('dog') has id 0; ids start at 1, 0 is the background",
        ),
        ("item { id: 1 name: 'dog' } item { id: 1 name: 'cat' }", "{}: two items have id 1"),
        (
            "item { id: 3 name: 'dog' } item { id: 5 name: 'cat' }",
            "{}: label ids must be 1, 2, 3, ... without a gap; found: 3, 5",
        ),
    ],
)
def test_a_broken_label_map_is_told_and_ignored(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text, "label_map.pbtxt")
    draw_picture(tmp_path / "a.png")
    write(tmp_path, HEADER + "a.png,40,30,dog,1,2,3,4\na.png,40,30,cat,1,2,3,4\n")
    problems = Problems()
    assert csv_dataset.read(tmp_path, problems).labels == ("cat", "dog")
    assert messages(problems) == {"label_map_broken": [message.format(path)]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode() + b"a.png,40,30,d\xe9j\xe0,1,2,3,4\n", "not UTF-8 text (byte 61)"),
        (HEADER.encode() + b'a.png,40,30,"cat,1,2,3,4\n', "not a csv file: unexpected end of data"),
        (HEADER.encode() + b"a," * 2**20, "a row of more than 1048576 characters, which no table has"),
        (HEADER.encode() + b'"\n",' * 2**19, "a row of more than 1048576 characters, which no table has"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    draw_picture(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        csv_dataset.read(tmp_path, Problems())
    assert str(caught.value) == f"{tmp_path / 'boxes.csv'}: {message}"


def test_other_tables_are_none_and_are_told(tmp_path: Path) -> None:
    assert csv_dataset.mismatch(tmp_path) == "no .csv file in it"
    path = write(tmp_path, "ImageID,LabelName,XMin,XMax,YMin,YMax\n", "a.csv")
    assert csv_dataset.mismatch(tmp_path) == (
        f"{path} has no column filename, class; wanted filename,width,height,class,xmin,ymin,xmax,ymax"
    )
    empty = write(tmp_path, "", "empty.csv")
    _, problems = read_text(tmp_path, HEADER + "a.png,40,30,cat,1,2,3,4\n")
    assert messages(problems) == {"annotation_file_ignored": [str(path)], "annotation_empty_file": [str(empty)]}


def test_raccoon_s_three_tables_are_one_dataset_with_a_split() -> None:
    images = csv_dataset.read(shared_data() / "raccoon", Problems()).images
    boxes = {split: sum(len(image.boxes) for image in images if image.split == split) for split in ("train", "test")}
    assert (len(images), boxes) == (200, {"train": 173, "test": 44})
