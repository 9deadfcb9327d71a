"""Pascal VOC: pixel conventions, image names, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages, voc_object, write_voc


def refusal(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        voc.read(root, Problems())
    return caught.value


def read_one(root: Path, problems: Problems | None = None) -> Image:
    (image,) = voc.read(root, problems or Problems()).images
    return image


def test_a_box_over_the_whole_image_starts_at_zero(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png", voc_object("cat", 1, 1, 40, 30))
    assert read_one(tmp_path).boxes == (Box("cat", 0, 0, 40, 30),)


def test_one_pixel_is_a_box_of_one_pixel(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png", voc_object("cat", 7, 8, 7, 8))
    assert read_one(tmp_path).boxes == (Box("cat", 6, 7, 7, 8),)


def test_a_box_that_counts_from_zero_is_clipped_and_counted(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png", voc_object("cat", 0, 0, 40, 30))
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems) == {"box_clipped": [f"{path}: object 1"]}


def test_fractions_in_a_file_mean_edges_between_pixels(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png", voc_object("cat", 0, 0, 40, 30), voc_object("cat", "1.25", 2, 3, "30.00000000000001"))
    assert read_one(tmp_path).boxes == (Box("cat", 0, 0, 40, 30), Box("cat", 1.25, 2, 3, 30))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (voc_object("cat", 1, 1, 42, 5), " (cat): box (0, 0, 42, 5) is outside its image of 40x30"),
        (voc_object("cat", 60, 1, 70, 5), " (cat): box (59, 0, 70, 5) is outside its image of 40x30"),
        (voc_object("cat", 9, 1, 5, 5), " (cat): box (8, 0, 5, 5) has no area; wanted xmin < xmax and ymin < ymax"),
        (voc_object("cat", 1, 1, "wide", 5), " (cat): <bndbox/xmax> is 'wide', not a number"),
        (voc_object("cat", 1, 1, "nan", 5), " (cat): <bndbox/xmax> is 'nan', not a number"),
        ("<object><name>cat</name></object>", " (cat) has no <bndbox>"),
        ("<object><name>cat</name><bndbox/></object>", " (cat) has no <bndbox/xmin>"),
        ("<object><name> </name></object>", " has no <name>"),
    ],
)
def test_a_bad_object_is_an_error(tmp_path: Path, entry: str, message: str) -> None:
    path = write_voc(tmp_path, "a.png", entry)
    assert str(refusal(tmp_path)) == f"{path}: object 1{message}"


def test_an_annotation_without_its_image_is_an_error(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png")
    (tmp_path / "a.png").unlink()
    error = refusal(tmp_path)
    assert str(error) == f"{path}: no image 'a.png' for it"
    assert error.hint == f"put the image beside it, or delete {path}"


def test_two_annotations_of_one_image_are_an_error(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png")
    copy = path.with_name("b.xml")
    copy.write_bytes(path.read_bytes())
    error = refusal(tmp_path)
    assert str(error) == f"{copy}: {path} is an annotation of {tmp_path / 'a.png'} too"


def test_a_name_that_leads_out_of_the_dataset_finds_nothing_there(tmp_path: Path) -> None:
    draw_picture(tmp_path / "secret.png")
    path = write_voc(tmp_path / "data" / "deep", "a.png")
    (tmp_path / "data" / "deep" / "a.png").unlink()
    path.write_text("<annotation><filename>../../secret.png</filename></annotation>")
    with pytest.raises(DataError) as caught:
        voc.read(tmp_path / "data", Problems())
    assert str(caught.value) == (
        f"{path}: its image '../../secret.png' leads out of {tmp_path / 'data'}, "
        "and no image in it is called 'secret.png'"
    )


def test_the_nearest_of_two_images_with_one_name_is_taken(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        draw_picture(tmp_path / folder / "images" / "a.png")
        (tmp_path / folder / "labels").mkdir()
        (tmp_path / folder / "labels" / "a.xml").write_text("<annotation><filename>a.png</filename></annotation>")
    images = voc.read(tmp_path, Problems()).images
    assert {(image.name, image.path) for image in images} == {
        ("one_images_a.png", tmp_path / "one" / "images" / "a.png"),
        ("two_images_a.png", tmp_path / "two" / "images" / "a.png"),
    }


def test_equally_near_images_with_one_name_are_an_error(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        draw_picture(tmp_path / folder / "a.png")
    (tmp_path / "a.xml").write_text("<annotation><filename>a.png</filename></annotation>")
    error = refusal(tmp_path)
    one, two = tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"
    assert str(error) == f"{tmp_path / 'a.xml'}: its image 'a.png' could be {one} or {two}"
    assert error.hint == "name the file in <filename>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<annotation>", "not XML: no element found: line 1, column 12"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "declares XML entities, which annotations have no need of"),
    ],
)
def test_xml_that_is_broken_or_hostile_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    write_voc(tmp_path, "a.png")
    (tmp_path / "z.xml").write_bytes(content)
    assert str(refusal(tmp_path)) == f"{tmp_path / 'z.xml'}: {message}"


def test_a_photo_labelled_as_exif_turns_it_is_read_in_the_turned_frame(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.jpg", voc_object("cat", 1, 1, 30, 40), declared=(30, 40))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    draw_picture(tmp_path / "a.jpg", exif=exif)
    problems = Problems()
    image = read_one(tmp_path, problems)
    assert (image.width, image.height, image.boxes) == (30, 40, (Box("cat", 0, 0, 30, 40),))
    assert messages(problems) == {"exif_turned": [str(path)]}


def test_a_photo_labelled_as_stored_stays_as_it_is(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.jpg", voc_object("cat", 1, 1, 40, 30))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    draw_picture(tmp_path / "a.jpg", exif=exif)
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems) == {"exif_ignored": [str(path)]}


def test_a_declared_size_that_is_no_scale_of_the_real_one_is_counted(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "a.png", voc_object("cat", 1, 1, 40, 30), declared=(30, 40))
    problems = Problems()
    assert read_one(tmp_path, problems).boxes == (Box("cat", 0, 0, 40, 30),)
    assert messages(problems) == {"size_differs": [str(path)]}


def test_an_image_in_two_lists_is_not_trained_on(tmp_path: Path) -> None:
    write_voc(tmp_path, "a.png")
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "test.txt").write_text("a\n")
    (lists / "train.txt").write_text("a\n")
    problems = Problems()
    assert read_one(tmp_path, problems).split == "test"
    assert messages(problems) == {"split_contradicts": ["a"]}
