"""CVAT's XML: shapes, names, splits, and files that are large, broken or about something else."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pipeline.datasets.files.xml_file import read_children, read_root_tag
from pipeline.datasets.formats.cvat import dataset as cvat
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages

META = "<meta><job><labels><label><name>cat</name></label><label><name>dog</name></label></labels></job></meta>"
WHOLE = '<box label="cat" xtl="0" ytl="0" xbr="40" ybr="30"/>'


def write_xml(root: Path, *elements: str, name: str = "annotations.xml") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'\n<?xml version="1.0" encoding="utf-8"?>\n<annotations>{META}{"".join(elements)}</annotations>')
    return path


def image(name: str, *shapes: str, size: tuple[int, int] = (40, 30), more: str = "") -> str:
    return f'<image id="0" name="{name}" width="{size[0]}" height="{size[1]}" {more}>{"".join(shapes)}</image>'


def read_boxes(root: Path, *shapes: str, size: tuple[int, int] = (40, 30)) -> tuple[tuple[Box, ...], Problems]:
    draw_picture(root / "a.png")
    write_xml(root, image("a.png", *shapes, size=size))
    problems = Problems(keep_going=True)
    (read,) = cvat.read(root, problems).images
    return read.boxes, problems


@pytest.mark.parametrize(
    ("shape", "edges"),
    [
        ('<box label="cat" xtl="1.5" ytl="2" xbr="30" ybr="29.25" occluded="0" z_order="0"/>', (1.5, 2, 30, 29.25)),
        ('<box label="cat" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90.00"/>', (13, 7, 17, 17)),
        ('<box label="cat" xtl="10" ytl="10" xbr="20" ybr="20" rotation="360"/>', (10, 10, 20, 20)),
        ('<box label="cat" xtl="0" ytl="10" xbr="40" ybr="20" rotation="90"/>', (15, 0, 25, 30)),
        ('<polygon label="cat" points="3,4;13,4.5;8,24"/>', (3, 4, 13, 24)),
        ('<mask label="cat" rle="1, 2" left="4" top="5" width="3" height="2"/>', (4, 5, 7, 7)),
        ('<ellipse label="cat" cx="20" cy="15" rx="5" ry="2"/>', (15, 13, 25, 17)),
        ('<ellipse label="cat" cx="20" cy="15" rx="5" ry="2" rotation="90"/>', (18, 10, 22, 20)),
    ],
)
def test_the_box_around_each_shape(tmp_path: Path, shape: str, edges: tuple[float, ...]) -> None:
    boxes, problems = read_boxes(tmp_path, shape)
    assert boxes == (Box("cat", *edges),)
    assert problems.refused == 0


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ('<box xtl="1" ytl="1" xbr="2" ybr="2"/>', "object_unreadable", ": a <box> without a label"),
        ('<box label="cat" xtl="1"/>', "object_unreadable", " (cat): a <box> without ytl"),
        (
            '<box label="cat" xtl="1" ytl="1" xbr="wide" ybr="2"/>',
            "object_unreadable",
            " (cat): xbr is 'wide', not a number",
        ),
        ('<polygon label="cat" points="1,2;3"/>', "object_unreadable", " (cat): a point that is '3', not x,y"),
        (
            '<polygon label="cat" points="1,2;3,4"/>',
            "object_unreadable",
            " (cat): a polygon with 2 points, not 3 or more",
        ),
        (
            '<box label="catt" xtl="1" ytl="1" xbr="2" ybr="2"/>',
            "label_unknown",
            ": label 'catt' is not in <meta>; it lists: cat, dog",
        ),
        (
            '<box label="cat" xtl="30" ytl="1" xbr="60" ybr="2"/>',
            "box_outside",
            " (cat): box (30, 1, 60, 2) is outside its image of 40x30",
        ),
        (
            '<box label="cat" xtl="9" ytl="1" xbr="6" ybr="2" rotation="45"/>',
            "box_inverted",
            " (cat): box (9, 1, 6, 2) has no area; wanted xmin < xmax and ymin < ymax",
        ),
        (
            '<mask label="cat" rle="" left="4" top="5" width="0" height="2"/>',
            "box_no_area",
            " (cat): box (4, 5, 4, 7) has no area; wanted xmin < xmax and ymin < ymax",
        ),
    ],
)
def test_a_bad_shape_is_refused_alone(tmp_path: Path, shape: str, kind: str, message: str) -> None:
    boxes, problems = read_boxes(tmp_path, WHOLE, '<points label="cat" points="1,1"/>', shape)
    assert boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems)[kind] == [f"{tmp_path / 'annotations.xml'}: image 'a.png': object 3{message}"]
    assert (problems.refused, problems.lost_boxes, problems.lost_images) == (1, 1, 0)
    assert messages(problems)["object_skipped"] == [f"{tmp_path / 'annotations.xml'}: image 'a.png': object 2 (points)"]


def test_splits_are_tags_or_subsets_or_folders(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "val/d", "e"):
        draw_picture(tmp_path / "images" / f"{name}.png")
    write_xml(
        tmp_path,
        image("a.png", '<tag label="TRAIN"/>'),
        image("b.png", more='subset="Test"'),
        image("c.png", '<tag label="night"/>', more='subset="default"'),
        image("val/d.png"),
        image("e.png", WHOLE),
    )
    images = cvat.read(tmp_path, Problems()).images
    assert {one.name: one.split for one in images} == {
        "a.png": "train",
        "b.png": "test",
        "c.png": None,
        "d.png": "val",
        "e.png": None,
    }


def test_images_that_are_missing_or_cannot_be_used_cost_their_boxes(tmp_path: Path) -> None:
    path = write_xml(
        tmp_path,
        image("lost.png", WHOLE, WHOLE),
        image("../out.png", WHOLE),
        image("broken.png", WHOLE),
        image("small.png", WHOLE, size=(50, 40)),
        "<image id='7' width='40' height='30'><box label='cat' xtl='1' ytl='1' xbr='9' ybr='9'/></image>",
        image("good.png"),
    )
    (tmp_path / "broken.png").write_bytes(b"")
    draw_picture(tmp_path / "small.png", size=(30, 20))
    draw_picture(tmp_path / "good.png")
    problems = Problems(keep_going=True)
    assert [one.name for one in cvat.read(tmp_path, problems).images] == ["good.png"]
    assert messages(problems) == {
        "image_missing": [f"{path}: no image 'lost.png' for it in {tmp_path}"],
        "image_unsafe_path": [
            f"{path}: its image '../out.png' leads out of {tmp_path}, and no image in it is called 'out.png'"
        ],
        "image_unreadable": [f"{tmp_path / 'broken.png'}: not a readable image: the file is empty"],
        "size_contradicts": [
            f"{path}: image 'small.png': declares 50x40 pixels, but {tmp_path / 'small.png'} has 30x20, "
            "another shape, into which its boxes do not fit"
        ],
        "annotation_unreadable": [f"{path}: an <image> without a name (id '7')"],
        "label_unused": ["cat", "dog"],
    }
    assert (problems.lost_images, problems.lost_boxes) == (5, 6)


def test_an_image_in_two_files_is_one_with_the_boxes_of_both(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    other = '<box label="dog" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    write_xml(tmp_path, image("a.png", WHOLE, more='subset="train"'), name="job_1.xml")
    write_xml(tmp_path, image("a.png", WHOLE, other, more='subset="val"'), name="job_2.xml")
    problems = Problems()
    (read,) = cvat.read(tmp_path, problems).images
    assert (read.boxes, read.split) == ((Box("cat", 0, 0, 40, 30), Box("dog", 1, 1, 9, 9)), "val")
    told = [str(tmp_path / "a.png")]
    assert messages(problems) == {"image_listed_twice": told, "split_contradicts": told}


@pytest.mark.parametrize("names", [("b/x.png", "a/x.png"), ("a/x.png", "b/x.png")])
def test_an_image_is_not_given_to_another_that_only_has_its_name(tmp_path: Path, names: tuple[str, str]) -> None:
    draw_picture(tmp_path / "a" / "x.png")
    path = write_xml(tmp_path, *(image(name, WHOLE) for name in names))
    problems = Problems(keep_going=True)
    (read,) = cvat.read(tmp_path, problems).images
    assert read.boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems)["image_missing"] == [f"{path}: no image 'b/x.png' for it in {tmp_path}"]
    assert (problems.lost_images, problems.lost_boxes) == (1, 1)


def test_cvat_for_video_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_xml(tmp_path, '<track id="0" label="cat"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2"/></track>')
    with pytest.raises(DataError) as caught:
        cvat.read(tmp_path, Problems())
    assert str(caught.value) == f"{path}: CVAT for video: its frames are no images of a dataset"
    assert caught.value.hint == 'export the task from CVAT as "CVAT for images 1.1", with its images'


def test_a_file_that_was_cut_keeps_what_came_before(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    path = write_xml(tmp_path, image("a.png", WHOLE), image("b.png"))
    text = path.read_text()
    path.write_text(text[: text.index("b.png")])
    problems = Problems(keep_going=True)
    assert [one.name for one in cvat.read(tmp_path, problems).images] == ["a.png"]
    assert messages(problems)["annotation_unreadable"] == [f"{path}: not XML: unclosed token: line 2, column 227"]


def test_other_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.xml").touch()
    (tmp_path / "voc.xml").write_text("<annotation/>")
    assert cvat.mismatch(tmp_path) == f"{tmp_path / 'voc.xml'} is an XML <annotation>, not <annotations>"
    draw_picture(tmp_path / "a.png")
    draw_picture(tmp_path / "unlabelled.png")
    write_xml(tmp_path, image("a.png", WHOLE))
    assert cvat.mismatch(tmp_path) is None
    problems = Problems()
    cvat.read(tmp_path, problems)
    assert messages(problems) == {
        "annotation_empty_file": [str(tmp_path / "empty.xml")],
        "annotation_file_ignored": [str(tmp_path / "voc.xml")],
        "image_unannotated": [str(tmp_path / "unlabelled.png")],
        "label_unused": ["dog"],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    declared = '<!DOCTYPE a [<!ENTITY x "y">]>'
    path = tmp_path / "a.xml"
    path.write_bytes(
        f'<?xml version="1.0" encoding="{encoding}"?>{declared}<annotations>&x;</annotations>'.encode(encoding)
    )
    for read in (read_root_tag, lambda path: list(read_children(path))):
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: declares XML entities, which annotations have no need of"
        assert caught.value.hint == "remove <!ENTITY ...>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not XML: no element found: line 1, column 0"),
        (b"cat", "not XML: syntax error: line 1, column 0"),
        (b"<!--" + b"-x" * 2**20, "not XML: no element in its first 1048576 bytes"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not XML: unknown encoding: klingon"),
    ],
)
def test_what_is_no_xml(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_root_tag(tmp_path / "a.xml")
    assert str(caught.value) == f"{tmp_path / 'a.xml'}: {message}"


def test_a_large_file_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = write_xml(tmp_path, *(image(f"{number}.png", *[WHOLE] * 10) for number in range(5000)))
    assert path.stat().st_size > 2_500_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_children(path)) == 5001
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
