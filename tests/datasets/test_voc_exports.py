"""Pascal VOC as tools really write it: encodings, lists, label maps, and what goes lost with an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems
from tests.datasets.drawing import draw_picture, messages, voc_object, write_voc
from tests.datasets.test_voc import read_one


def write_list(root: Path, name: str, *lines: str, folder: str = "ImageSets/Main") -> Path:
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(lines), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ("", "utf-8-sig"),
        ('<?xml version="1.0" encoding="utf-8"?>\n', "utf-8"),
        ('\n <?xml version="1.0"?>', "utf-8"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16"),
        ('<?xml version="1.0" encoding="gb2312"?>', "gb2312"),
        ("<?xml version='1.0' encoding='Shift_JIS'?>", "shift_jis"),
    ],
)
def test_a_name_is_intact_in_any_encoding(tmp_path: Path, declaration: str, encoding: str) -> None:
    path = write_voc(tmp_path, "a.png", voc_object("中 &lt;x&gt; &#xE9;", 1, 1, 40, 30))
    path.write_bytes((declaration + path.read_text(encoding="utf-8")).encode(encoding))
    assert read_one(tmp_path).boxes == (Box("中 <x> é", 0, 0, 40, 30),)


def test_an_ampersand_that_vott_did_not_escape_is_one(tmp_path: Path) -> None:
    write_voc(tmp_path, "a & b.png", voc_object("salt & pepper &amp; oil", 1, 1, 40, 30))
    assert read_one(tmp_path).boxes[0].label == "salt & pepper & oil"


def test_entities_in_another_encoding_are_refused_too(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png")
    path.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><annotation/>', encoding="utf-16")
    problems = Problems(keep_going=True)
    voc.read(tmp_path, problems)
    message = f"{path}: declares XML entities, which annotations have no need of"
    assert messages(problems)["annotation_unreadable"] == [message]


def test_an_object_with_several_bndboxes_is_several_boxes(tmp_path: Path) -> None:
    box = voc_object("cat", 1, 1, 5, 5).replace("</object>", voc_object("x", 7, 7, 9, 9).partition("</name>")[2])
    write_voc(tmp_path, "a.png", box)
    assert read_one(tmp_path).boxes == (Box("cat", 0, 0, 5, 5), Box("cat", 6, 6, 9, 9))


@pytest.mark.parametrize(
    "lines",
    [("a",), ("a.png",), ("a.PNG 1", "a 1"), ("a.png -1", "a.png 1"), ("a\t1",), ("/home/me/JPEGImages/a.png  1",)],
)
def test_lists_name_images_with_suffix_flag_or_folder_or_without(tmp_path: Path, lines: tuple[str, ...]) -> None:
    write_voc(tmp_path, "a.png")
    write_list(tmp_path, "cat_val.txt", *lines)
    problems = Problems()
    assert read_one(tmp_path, problems).split == "val"
    assert messages(problems) == {}


@pytest.mark.parametrize("name", ["photo 1.png", "x%20y.png", "x y.png", "a.b.png"])
def test_names_with_blanks_numbers_and_dots_are_not_taken_for_flags(tmp_path: Path, name: str) -> None:
    write_voc(tmp_path, name)
    write_list(tmp_path, "train.txt", name.removesuffix(".png"))
    assert read_one(tmp_path).split == "train"


def test_images_that_a_list_names_and_that_are_not_there_are_counted(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png")
    path = write_list(tmp_path, "train.txt", "a", "b", "", "b")
    problems = Problems()
    assert read_one(tmp_path, problems).split == "train"
    assert messages(problems) == {"split_unknown_image": [f"{path}: line 2: b"]}


@pytest.mark.parametrize(
    ("folder", "split"), [("ImageSets/Main", "test"), ("imagesets/main", "test"), ("ImageSets", "test"), ("x", None)]
)
def test_lists_may_lie_in_image_sets_itself(tmp_path: Path, folder: str, split: str | None) -> None:
    write_voc(tmp_path, "a.png")
    write_list(tmp_path, "Test.TXT", "a", folder=folder)
    assert read_one(tmp_path).split == split


def test_without_lists_the_folders_of_a_split_name_it(tmp_path: Path) -> None:
    write_voc(tmp_path / "valid", "a.png")
    draw_picture(tmp_path / "images" / "train" / "b.png")
    (tmp_path / "b.xml").write_text("<annotation><filename>b.png</filename></annotation>")
    splits = {image.name: image.split for image in voc.read(tmp_path, Problems()).images}
    assert splits == {"a.png": "val", "b.png": "train"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item { id: 0 name: 'dog' }", ": item 1 ('dog') has id 0; ids start at 1, 0 is the background"),
        (
            "item { id: 1 name: 'dog' } item { id: 3 name: 'cat' }",
            ": label ids must be 1, 2, 3, ... without a gap; found: 1, 3",
        ),
        ("item { id: 1 name: 'dog' } item { id: 1 name: 'cat' }", ": two items have id 1"),
        ("item {\n id: 1\n name: 'it's'\n}", ":3: a quote that does not end"),
        ("", ": no item in it; wanted item { id: 1 name: '...' }"),
    ],
)
def test_a_label_map_that_cannot_be_used_is_told_and_classes_are_sorted(
    tmp_path: Path, text: str, message: str
) -> None:
    write_voc(tmp_path, "a.png", voc_object("dog", 1, 1, 5, 5), voc_object("cat", 1, 1, 5, 5))
    path = tmp_path / "pascal_label_map.pbtxt"
    path.write_text(text)
    problems = Problems()
    assert voc.read(tmp_path, problems).labels == ("cat", "dog")
    assert messages(problems) == {"label_map_broken": [f"{path}{message}"]}


def test_a_label_map_orders_the_classes_and_those_without_a_box_are_told(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png", *(voc_object(label, 1, 1, 5, 5) for label in ("ant", "cat", "dog")))
    text = "".join(f"item {{ id: {number} name: '{name}' }}" for number, name in enumerate(("dog", "emu", "cat"), 1))
    (tmp_path / "pascal_label_map.pbtxt").write_text(text)
    problems = Problems()
    assert voc.read(tmp_path, problems).labels == ("dog", "cat", "ant")
    assert messages(problems) == {"label_unused": ["emu"]}


def test_an_image_that_is_lost_takes_its_boxes_with_it(tmp_path: Path) -> None:
    missing = write_voc(tmp_path, "a.png", voc_object("cat", 1, 1, 5, 5), voc_object("cat", 1, 1, 6, 6))
    write_voc(tmp_path, "b.png", voc_object("cat", 1, 1, 5, 5))
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").write_bytes(b"")
    problems = Problems(keep_going=True)
    assert voc.read(tmp_path, problems).images == ()
    assert (problems.lost_images, problems.lost_boxes) == (2, 3)
    assert messages(problems) == {
        "image_missing": [f"{missing}: no image 'a.png' for it"],
        "image_unreadable": [f"{tmp_path / 'b.png'}: not a readable image: the file is empty"],
    }


def test_whole_coordinates_on_a_larger_declared_size_are_scaled_from_their_edges(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png", voc_object("cat", 1, 1, 80, 60), declared=(80, 60))
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems) == {"size_rescaled": [str(path)]}


def test_a_large_xml_of_another_format_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_voc(tmp_path, "a.png").with_name("annotations.xml")
    path.write_text(f"<annotations>{'<image/>' * 200_000}</annotations>")
    problems = Problems()
    read_whole: list[Path] = []
    real = voc.parse_xml
    monkeypatch.setattr(voc, "parse_xml", lambda content, file: read_whole.append(file) or real(content, file))
    assert len(voc.read(tmp_path, problems).images) == 1
    assert read_whole == [path.with_name("a.xml")]
    assert messages(problems) == {"annotation_file_ignored": [str(path)]}
