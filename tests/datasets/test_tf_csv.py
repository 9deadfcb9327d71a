"""tf_csv: readable, lossless, and strict about other people's files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.datasets.model import Box, Embedded, Image
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import read_csv, write_csv, write_tf_csv
from pipeline.errors import DataError, StageError
from tests.datasets.drawing import draw_picture
from tests.project import shared_data

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax"


def read_text(folder: Path, text: str) -> list[Image]:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return read_csv(folder / "a.csv", folder)


def test_a_folder_is_as_people_expect_it(tmp_path: Path) -> None:
    source = draw_picture(tmp_path / "source" / "any.png")
    boxes = (Box("cat", 0, 0, 40, 30), Box('dog, "big"', 1.5, 2.0, 3, 29.999999999))
    train = (Image(source, "a.png", 40, 30, boxes), Image(source, "b.png", 40, 30, ()))
    folder = tmp_path / "tf_csv"
    write_tf_csv(
        folder, Split(train, (Image(source, "c.png", 40, 30, boxes[:1]),), "by content"), ("cat", 'dog, "big"')
    )
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == [
        "images/test/c.png",
        "images/train/a.png",
        "images/train/b.png",
        "label_map.pbtxt",
        "test.csv",
        "train.csv",
    ]
    assert (folder / "train.csv").read_text().splitlines() == [
        HEADER,
        "a.png,40,30,cat,0,0,40,30",
        'a.png,40,30,"dog, ""big""",1.5,2,3,29.999999999',
        "b.png,40,30,,,,,",
    ]
    assert (folder / "images" / "train" / "b.png").read_bytes() == source.read_bytes()


def fail_with(number: int, *, after: int = 0) -> Callable[..., int]:
    """Copy a few bytes and then fail, as a file system does that cannot copy by itself."""
    copy, calls = os.copy_file_range, []

    def copy_file_range(source: int, target: int, count: int) -> int:
        calls.append(count)
        if len(calls) <= after:
            return copy(source, target, 10)
        if number:
            raise OSError(number, os.strerror(number))
        return 0

    return copy_file_range


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EINVAL, 0])
@pytest.mark.parametrize("after", [0, 1])
def test_images_are_copied_whole_where_the_kernel_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: int
) -> None:
    source = draw_picture(tmp_path / "a.png")
    image = Image(source, "a.png", 40, 30, ())
    monkeypatch.setattr(os, "copy_file_range", fail_with(number, after=after))
    write_tf_csv(tmp_path / "tf_csv", Split((image,), (), ""), ("cat",))
    assert (tmp_path / "tf_csv" / "images" / "train" / "a.png").read_bytes() == source.read_bytes()


def test_a_full_disk_while_copying_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(draw_picture(tmp_path / "a.png"), "a.png", 40, 30, ())
    monkeypatch.setattr(os, "copy_file_range", fail_with(errno.ENOSPC))
    with pytest.raises(StageError) as caught:
        write_tf_csv(tmp_path / "tf_csv", Split((image,), (), ""), ("cat",))
    assert str(caught.value).startswith(f"no space left while writing {tmp_path / 'tf_csv'}: ")


def test_an_embedded_image_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    content = draw_picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "all.bin").write_bytes(b"before" + content + b"after")
    image = Image(tmp_path / "all.bin", "a.png", 40, 30, (), None, Embedded(6, len(content)))
    write_tf_csv(tmp_path / "tf_csv", Split((image,), (), ""), ("cat",))
    assert (tmp_path / "tf_csv" / "images" / "train" / "a.png").read_bytes() == content


def test_other_people_s_csv_is_read_as_it_stands() -> None:
    folder = shared_data() / "raccoon"
    images = read_csv(folder / "data" / "test_labels.csv", folder / "images")
    assert (len(images), sum(len(image.boxes) for image in images)) == (40, 44)
    assert images[0] == Image(
        folder / "images" / "raccoon-146.jpg", "raccoon-146.jpg", 275, 183, (Box("raccoon", 4, 4, 271, 180),)
    )


def test_columns_in_any_order_and_lines_in_any_order(tmp_path: Path) -> None:
    text = "\ufeffclass,filename,xmin,ymin,xmax,ymax,width,height,more\nc,a,1,2,3,4,9,9,x\nc,b,1,2,3,4,9,9,x\n"
    text += "c,a,5,6,7,8.5,9,9,x\n"
    images = read_text(tmp_path, text)
    assert [(image.name, image.boxes) for image in images] == [
        ("a", (Box("c", 1, 2, 3, 4), Box("c", 5, 6, 7, 8.5))),
        ("b", (Box("c", 1, 2, 3, 4),)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": no column " + HEADER.replace(",", ", ") + f"; found an empty file, wanted {HEADER}"),
        (
            "filename,width\n",
            f": no column height, class, xmin, ymin, xmax, ymax; found filename,width, wanted {HEADER}",
        ),
        (f"{HEADER}\na,9,9,c,1,2,3\n", ":2: 7 cells, not 8"),
        (f"{HEADER}\n,9,9,c,1,2,3,4\n", ":2: no filename"),
        (f"{HEADER}\na,9,x,c,1,2,3,4\n", ":2: the size is '9' x 'x', not two whole numbers of pixels"),
        (f"{HEADER}\na,9,9,c,1,2,wide,4\n", ":2: xmax is 'wide', not a number"),
        (f"{HEADER}\na,9,9,,1,2,3,4\n", ":2: a box without a class"),
        (f"{HEADER}\na,9,9,c,1,2,3,4\na,9,8,c,1,2,3,4\n", ":3: a is 9x8 here, but 9x9 in a line before"),
    ],
)
def test_a_bad_csv_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'a.csv'}{message}"


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "b/../../a.jpg", "..\\a.jpg", "C:\\a.jpg", "link"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.jpg").touch()
    (tmp_path / "inner" / "link").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(DataError) as caught:
        read_text(tmp_path / "inner", f"{HEADER}\n{name},9,9,c,1,2,3,4\n")
    assert str(caught.value) == f"{tmp_path / 'inner' / 'a.csv'}: {name!r} leads out of {tmp_path / 'inner'}"


def test_no_csv_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(tmp_path / "a.csv", tmp_path)
    assert str(caught.value) == f"no csv file at {tmp_path / 'a.csv'}"


def test_names_with_commas_quotes_and_line_breaks_survive(tmp_path: Path) -> None:
    image = Image(tmp_path / 'a,"b".png', 'a,"b".png', 9, 9, (Box("c\nd", 1, 2, 3, 4),))
    write_csv(tmp_path / "a.csv", [image])
    assert read_csv(tmp_path / "a.csv", tmp_path) == [image]
