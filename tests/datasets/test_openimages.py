"""OpenImages tables: codes and names, groups, decimal commas, and lines that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.tables import openimages
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages

HEADER = "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n"


def write(root: Path, text: str, name: str = "boxes.csv", header: str = HEADER) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + text, encoding="utf-8")
    return path


def read_lines(root: Path, text: str) -> tuple[dict[str, tuple[Box, ...]], Problems]:
    draw_picture(root / "a.png")
    write(root, text)
    problems = Problems(keep_going=True)
    return {image.name: image.boxes for image in openimages.read(root, problems).images}, problems


@pytest.mark.parametrize(
    "row", ["a,cat,0.25,0.5,0.1,0.9,0", 'A.PNG,cat,"0,25","0,5","0,1","0,9",', " a , cat ,.25,.5,.1,.9,-1"]
)
def test_the_same_box_in_several_spellings(tmp_path: Path, row: str) -> None:
    boxes, problems = read_lines(tmp_path, row)
    assert boxes == {"a.png": (Box("cat", 10, 3, 20, 27),)}
    assert messages(problems) == {}


def test_columns_in_any_order_and_semicolons(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    write(tmp_path, "0,9;0,1;cat;0,5;0,25;more;a\n", header="YMax;YMin;LabelName;XMax;XMin;Source;ImageID\n")
    assert openimages.mismatch(tmp_path) is None
    assert openimages.read(tmp_path, Problems()).images[0].boxes == (Box("cat", 10, 3, 20, 27),)


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ("a,cat,0.25,0.5,0.1", "object_unreadable", ": 5 cells, not 7"),
        (",cat,0.25,0.5,0.1,0.9,0", "object_unreadable", ": no ImageID"),
        ("a,,0.25,0.5,0.1,0.9,0", "object_unreadable", ": a box without a class"),
        ("a,cat,0.25,wide,0.1,0.9,0", "object_unreadable", ": XMax is 'wide', not a number"),
        (
            "a,cat,0.5,0.25,0.1,0.9,0",
            "box_inverted",
            " (cat): box (20, 3, 10, 27) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        (
            "a,cat,10,20,3,27,0",
            "box_outside",
            " (cat): box (10, 3, 20, 27) is not in shares of the image; wanted numbers from 0 to 1",
        ),
    ],
)
def test_a_bad_line_is_refused_alone(tmp_path: Path, row: str, kind: str, message: str) -> None:
    boxes, problems = read_lines(tmp_path, f"a,dog,0,1,0,1,0\n{row}\n")
    assert boxes == {"a.png": (Box("dog", 0, 0, 40, 30),)}
    assert messages(problems) == {kind: [f"{tmp_path / 'boxes.csv'}:3{message}"]}
    assert (problems.lost_boxes, problems.lost_images) == (1, 0)


def test_groups_are_kept_out_and_counted(tmp_path: Path) -> None:
    boxes, problems = read_lines(tmp_path, "a,cat,0,1,0,1,1\n")
    assert boxes == {"a.png": ()}
    assert messages(problems) == {"object_crowd": [f"{tmp_path / 'boxes.csv'}:2"]}


def test_codes_are_named_by_the_descriptions_with_a_header_or_without(tmp_path: Path) -> None:
    write(tmp_path, "/m/01,Cat \n/g/2,Été\n", "train/metadata/classes.csv", header="")
    write(tmp_path, "/m/03,Dog\n", "class-descriptions.csv", header="LabelName,DisplayName\n")
    rows = "a,/m/01,0,1,0,1,0\na,/g/2,0,1,0,0.5,0\na,/m/03,0,0.5,0,1,0\na,/m/04,0,1,0,1,0\na,Fox,0,.5,0,.5,0\n"
    boxes, problems = read_lines(tmp_path, rows)
    assert [box.label for box in boxes["a.png"]] == ["Cat", "Été", "Dog", "Fox"]
    assert messages(problems) == {
        "label_unknown": [f"{tmp_path / 'boxes.csv'}:5: class '/m/04' is not in the class descriptions, which list 3"]
    }


def test_codes_without_descriptions_are_the_names(tmp_path: Path) -> None:
    boxes, problems = read_lines(tmp_path, "a,/m/01,0,1,0,1,0\n")
    assert boxes == {"a.png": (Box("/m/01", 0, 0, 40, 30),)}
    assert messages(problems) == {}


def test_a_file_for_each_split_and_missing_images(tmp_path: Path) -> None:
    for place, name in enumerate(("train/a", "validation/b", "test/c", "d", "unlisted")):
        draw_picture(tmp_path / f"{name}.png", shade=place)
    row = ",cat,0.25,0.5,0.1,0.9,0\n"
    train = write(tmp_path, f"a{row}lost{row}lost{row}", "oidv6-train-annotations-bbox.csv")
    write(tmp_path, f"b{row}", "validation-annotations-bbox.csv")
    write(tmp_path, f"c{row}", "test/labels/detections.csv")
    write(tmp_path, f"d{row}", "my-boxes.csv")
    problems = Problems(keep_going=True)
    images = openimages.read(tmp_path, problems).images
    assert {image.name: image.split for image in images} == {
        "a.png": "train",
        "b.png": "val",
        "c.png": "test",
        "d.png": None,
    }
    assert messages(problems) == {
        "image_missing": [f"{train}:3: no image 'lost' for it in {tmp_path}"],
        "image_unannotated": [str(tmp_path / "unlisted.png")],
    }
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)


def test_a_table_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    path = write(tmp_path, "a,cat,0,1,0,1,0\n")
    path.write_bytes(path.read_bytes() + b'a,"cat')
    problems = Problems(keep_going=True)
    assert len(openimages.read(tmp_path, problems).images[0].boxes) == 1
    assert messages(problems) == {"annotation_unreadable": [f"{path}: not a csv file: unexpected end of data"]}
    with pytest.raises(DataError):
        openimages.read(tmp_path, Problems())


def test_descriptions_that_are_no_utf_8_are_refused(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    write(tmp_path, "a,cat,0,1,0,1,0\n")
    (tmp_path / "classes.csv").write_bytes("/m/01,Été\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        openimages.read(tmp_path, Problems())
    assert str(caught.value) == f"{tmp_path / 'classes.csv'}: not UTF-8 text (byte 6)"
    assert caught.value.hint == "save it as CSV UTF-8 in the spreadsheet"


def test_other_tables_are_none(tmp_path: Path) -> None:
    assert openimages.mismatch(tmp_path) == "no .csv file in it"
    path = write(tmp_path, "", header="filename,class,xmin,ymin,xmax,ymax\n")
    assert openimages.mismatch(tmp_path) == (
        f"{path} begins with 'filename,class,xmin,ymin,xmax,ymax'; "
        "wanted the columns ImageID,LabelName,XMin,YMin,XMax,YMax"
    )
