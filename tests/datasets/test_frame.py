"""In which frame boxes were drawn, where the declared size is not the real one, and boxes that are too small."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.images.frame import Frame, read_frame
from pipeline.datasets.model import Box
from pipeline.datasets.problems import ItemError, Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages

SMALL = Box("cat", 1, 1, 20, 20)
LARGE = Box("cat", 1, 1, 70, 50)
TALL = Box("cat", 1, 1, 20, 40)


def frame_of(tmp_path: Path, declared: tuple[int, int] | None, *boxes: Box, orientation: int = 1) -> Frame:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = draw_picture(tmp_path / "a.jpg", size=(40, 30), exif=exif)
    return read_frame(path, declared, Problems(), where="a.xml", boxes=boxes)


@pytest.mark.parametrize(
    ("declared", "boxes", "frame"),
    [
        ((40, 30), (SMALL,), Frame(40, 30)),
        ((0, 0), (SMALL,), Frame(40, 30)),
        ((80, 60), (SMALL, LARGE), Frame(40, 30, "size_rescaled", (80, 60))),
        ((20, 15), (Box("cat", 1, 1, 39, 29),), Frame(40, 30, "size_differs")),
        ((80, 60), (), Frame(40, 30, "size_differs")),
        ((41, 31), (SMALL,), Frame(40, 30, "size_differs")),
        ((30, 40), (SMALL,), Frame(40, 30, "size_differs")),
        ((100, 100), (SMALL,), Frame(40, 30, "size_differs")),
    ],
)
def test_the_boxes_say_on_which_size_they_were_drawn(
    tmp_path: Path, declared: tuple[int, int], boxes: tuple[Box, ...], frame: Frame
) -> None:
    assert frame_of(tmp_path, declared, *boxes) == frame


@pytest.mark.parametrize(
    ("declared", "boxes", "kind", "message"),
    [
        ((80, 60), (SMALL,), "size_ambiguous", "; its boxes fit both, so they may be in pixels of either"),
        ((80, 60), (Box("cat", 1, 1, 99, 20),), "size_contradicts", ", and its boxes fit neither"),
        ((20, 15), (LARGE,), "size_contradicts", ", and its boxes fit neither"),
        ((30, 40), (TALL,), "size_contradicts", ", another shape, into which its boxes do not fit"),
    ],
)
def test_a_size_that_cannot_be_made_out_is_an_error_that_names_both(
    tmp_path: Path, declared: tuple[int, int], boxes: tuple[Box, ...], kind: str, message: str
) -> None:
    with pytest.raises(ItemError) as caught:
        frame_of(tmp_path, declared, *boxes)
    assert caught.value.kind == kind
    assert str(caught.value) == (
        f"a.xml: declares {declared[0]}x{declared[1]} pixels, but {tmp_path / 'a.jpg'} has 40x30{message}"
    )


def test_without_boxes_to_look_at_another_scale_is_an_error(tmp_path: Path) -> None:
    path = draw_picture(tmp_path / "a.png", size=(40, 30))
    with pytest.raises(ItemError) as caught:
        read_frame(path, (80, 60), Problems(), where="a.txt")
    assert caught.value.kind == "size_ambiguous"
    assert str(caught.value) == f"a.txt: declares 80x60 pixels, but {path} has 40x30"


@pytest.mark.parametrize(
    ("declared", "boxes", "frame"),
    [
        ((30, 40), (TALL,), Frame(30, 40, "exif_turned")),
        ((40, 30), (SMALL,), Frame(40, 30, "exif_ignored")),
        (None, (SMALL,), Frame(40, 30, "exif_ignored")),
        (None, (TALL,), Frame(30, 40, "exif_turned")),
        ((60, 80), (Box("cat", 1, 1, 50, 70),), Frame(30, 40, "size_rescaled", (60, 80))),
    ],
)
def test_a_turned_photo_is_in_the_frame_that_its_size_or_else_its_boxes_say(
    tmp_path: Path, declared: tuple[int, int] | None, boxes: tuple[Box, ...], frame: Frame
) -> None:
    assert frame_of(tmp_path, declared, *boxes, orientation=6) == frame


def test_boxes_drawn_on_another_scale_are_scaled_and_checked_there() -> None:
    frame, problems = Frame(40, 30, "size_rescaled", (80, 60)), Problems()
    assert to_checked_box(Box("cat", 0, 0, 80, 60), frame, problems, where="a") == Box("cat", 0, 0, 40, 30)
    assert to_checked_box(Box("cat", 2, 4, 81, 60), frame, problems, where="a") == Box("cat", 1, 2, 40, 30)
    assert messages(problems) == {"box_clipped": ["a"]}
    with pytest.raises(DataError) as caught:
        to_checked_box(Box("cat", 2, 4, 90, 60), frame, problems, where="a: object 1")
    assert str(caught.value) == "a: object 1 (cat): box (2, 4, 90, 60) is outside its image of 80x60"


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box("cat", 5, 5, 5.5, 9), "0.5x4"),
        (Box("cat", 5, 5, 9, 5.25), "4x0.25"),
        (Box("cat", 39.5, 5, 41, 9), "0.5x4"),
    ],
)
def test_a_box_of_less_than_a_pixel_is_an_error(box: Box, size: str) -> None:
    problems = Problems(keep_going=True)
    assert to_checked_box(box, Frame(40, 30), problems, where="a") is None
    edges = ", ".join(f"{edge:g}" for edge in (box.xmin, box.ymin, box.xmax, box.ymax))
    assert messages(problems) == {
        "box_subpixel": [f"a (cat): box ({edges}) is {size} pixels in its image; wanted 1x1 or more"]
    }
    assert problems.lost_boxes == 1


def test_a_box_of_a_pixel_but_for_rounding_is_kept() -> None:
    box = Box("cat", 5, 5, 5.99, 6)
    assert to_checked_box(box, Frame(40, 30), Problems(), where="a") == box
