"""The split: honoured where the dataset has one, else by content."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.datasets.model import Box, Image
from pipeline.datasets.split import parse_split, split_images
from pipeline.errors import ConfigError, DataError


def make_images(folder: Path, count: int, *, labels: tuple[str, ...] = ("cat",), start: int = 0) -> list[Image]:
    images = []
    for number in range(start, start + count):
        path = folder / f"{number}.bin"
        path.write_bytes(b"image %d" % number)
        images.append(Image(path, f"{number}.jpg", 10, 10, tuple(Box(label, 0, 0, 5, 5) for label in labels)))
    return images


def with_split(image: Image, split: str | None) -> Image:
    return Image(image.path, image.name, image.width, image.height, image.boxes, split)


def names(images: tuple[Image, ...]) -> set[str]:
    return {image.name for image in images}


def test_one_image_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        split_images(make_images(tmp_path, 1))
    assert str(caught.value) == (
        "no test split possible: 1 image; wanted at least 2 different images, one to train on and one to test with"
    )
    assert caught.value.hint == "add labelled images"


def test_copies_of_one_image_cannot_be_split(tmp_path: Path) -> None:
    first, second = make_images(tmp_path, 2)
    second.path.write_bytes(first.path.read_bytes())
    with pytest.raises(DataError) as caught:
        split_images([first, second])
    assert str(caught.value) == (
        "no test split possible: 2 copies of 1 image; "
        "wanted at least 2 different images, one to train on and one to test with"
    )


@pytest.mark.parametrize("fraction", [0, 1, -1, 2])
def test_a_fraction_must_leave_both_parts(fraction: float) -> None:
    with pytest.raises(ConfigError) as caught:
        split_images([], test_fraction=fraction)
    assert str(caught.value) == f"the test fraction is {fraction}; wanted more than 0 and less than 1"


@pytest.mark.parametrize("seed", range(20))
def test_two_images_give_one_each(tmp_path: Path, seed: int) -> None:
    split = split_images(make_images(tmp_path, 2), seed=seed)
    assert (len(split.train), len(split.test)) == (1, 1)


def test_the_same_images_in_any_order_are_split_alike_near_the_fraction(tmp_path: Path) -> None:
    images = make_images(tmp_path, 1000)
    split = split_images(images)
    assert split.how == "by content"
    assert 160 < len(split.test) < 240
    random.Random(1).shuffle(images)
    assert split_images(images) == split
    assert split_images(images, seed=1) != split


def test_adding_images_moves_none(tmp_path: Path) -> None:
    before = split_images(make_images(tmp_path, 100))
    after = split_images(make_images(tmp_path, 150))
    assert names(before.test) <= names(after.test)
    assert names(before.train) <= names(after.train)


def test_every_class_is_tested_where_it_has_two_images(tmp_path: Path) -> None:
    rare = [f"rare {number}" for number in range(10)]
    images = make_images(tmp_path, 100)
    for number, label in enumerate(rare):
        images += make_images(tmp_path, 2, labels=(label,), start=100 + 2 * number)
    images += make_images(tmp_path, 1, labels=("single",), start=200)
    split = split_images(images)
    for label in [*rare, "cat"]:
        for part in (split.train, split.test):
            assert any(box.label == label for image in part for box in image.boxes), label
    assert "200.jpg" in names(split.train)


def test_copies_of_an_image_never_lie_on_both_sides(tmp_path: Path) -> None:
    images = make_images(tmp_path, 20)
    copies = [Image(image.path, f"copy-{image.name}", 10, 10, image.boxes) for image in images]
    split = split_images(images + copies)
    assert {f"copy-{name}" for name in names(split.test) if not name.startswith("copy")} <= names(split.test)
    assert not names(split.test) & names(split.train)
    assert len(split.test) % 2 == 0


def test_an_explicit_split_is_honoured_and_nothing_held_out_is_trained_on(tmp_path: Path) -> None:
    words = ["train", "val", "test", "train"]
    images = [with_split(image, word) for image, word in zip(make_images(tmp_path, 4), words, strict=True)]
    split = split_images(images)
    assert split.how == "as the dataset says"
    assert names(split.train) == {"0.jpg", "3.jpg"}
    assert names(split.test) == {"1.jpg", "2.jpg"}


def test_images_of_which_nothing_is_said_are_split_by_content(tmp_path: Path) -> None:
    images = make_images(tmp_path, 60)
    words = ["train", "test"] + [None] * 58
    split = split_images([with_split(image, word) for image, word in zip(images, words, strict=True)])
    assert split.how == "as the dataset says; the 58 images of which it says nothing by content"
    assert "0.jpg" in names(split.train)
    assert "1.jpg" in names(split.test)
    assert 4 < len(split.test) < 24


def test_a_split_without_a_train_or_a_test_part_is_none(tmp_path: Path) -> None:
    split = split_images([with_split(image, "test") for image in make_images(tmp_path, 10)])
    assert split.how == "by content (the dataset has only test images, so that cannot be its split)"
    assert split.train
    assert split.test


@pytest.mark.parametrize(
    ("word", "split"),
    [("Train", "train"), ("VAL", "val"), ("valid", "val"), ("testing", "test"), ("trainval", None), ("ds1", None)],
)
def test_the_usual_words_for_splits(word: str, split: str | None) -> None:
    assert parse_split(word) == split
