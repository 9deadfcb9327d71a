"""The split: honoured where the dataset has one, else by content."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from pipeline.datasets.formats.registry import read_dataset
from pipeline.datasets.model import Box, Embedded, Image
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import split_images
from pipeline.datasets.splitting.split_names import parse_split
from pipeline.errors import ConfigError, DataError
from tests.project import shared_data


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


def real_images(name: str) -> list[Image]:
    dataset = read_dataset(shared_data() / name, format_name="auto", problems=Problems(keep_going=True))
    return [with_split(image, None) for image in dataset.images]


@pytest.mark.parametrize("name", ["raccoon", "aerial_power"])
def test_adding_a_third_to_a_real_dataset_moves_none(name: str) -> None:
    images = real_images(name)
    assert len(images) == 200
    for seed in range(10):
        before, after = split_images(images[:150], seed=seed), split_images(images, seed=seed)
        assert names(before.test) <= names(after.test)
        assert names(before.train) <= names(after.train)


def test_every_class_has_about_its_share_in_test_with_any_seed(tmp_path: Path) -> None:
    counts = {"cat": 300, "dog": 100, "fox": 30, "owl": 10, "": 20}
    images: list[Image] = []
    for label, count in counts.items():
        images += make_images(tmp_path, count, labels=(label,) if label else (), start=len(images))
    for seed in range(100):
        split = split_images(images, seed=seed)
        for label, count in counts.items():
            tested = sum(
                (label in {box.label for box in image.boxes}) or not (label or image.boxes) for image in split.test
            )
            assert 0.1 <= tested / count <= 0.4, (seed, label)
        assert 0.15 < len(split.test) / len(images) < 0.25


def test_mending_one_class_harms_no_other(tmp_path: Path) -> None:
    chance = random.Random(0)
    labels = [f"class {number}" for number in range(12)]
    images = []
    for number in range(150):
        chosen = [label for place, label in enumerate(labels) if chance.random() < 0.6 / (place + 1)]
        images += make_images(tmp_path, 1, labels=tuple(chosen), start=number)
    counted = Counter(label for image in images for label in {box.label for box in image.boxes})
    for seed in range(50):
        tested = Counter(
            label for image in split_images(images, seed=seed).test for label in {b.label for b in image.boxes}
        )
        for label, count in counted.items():
            if count > 1:
                assert 0 < tested[label] < count, (seed, label)
            if count >= 10:
                assert 0.1 <= tested[label] / count <= 0.4, (seed, label)


class TestGroups:
    """Frames of one video, or of one folder, lie on one side."""

    @staticmethod
    def make(root: Path, videos: int = 12, frames: int = 10) -> list[Image]:
        images = []
        for video in range(videos):
            for frame in range(frames):
                path = root / f"v{video:02d}" / f"{frame:03d}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"%d %d" % (video, frame))
                images.append(Image(path, f"v{video:02d}_{frame:03d}.jpg", 10, 10, (Box("cat", 0, 0, 5, 5),)))
        return images

    @pytest.mark.parametrize("group_by", ["folder", r"v\d+", r"(v\d+)/(\d+)"])
    def test_a_group_is_never_divided(self, tmp_path: Path, group_by: str) -> None:
        images = self.make(tmp_path)
        for seed in range(20):
            split = split_images(images, seed=seed, group_by=group_by, root=tmp_path)
            videos = [{image.path.parent for image in part} for part in (split.train, split.test)]
            assert not videos[0] & videos[1]
            assert 1 <= len(videos[1]) <= 4
        assert split.how == ("by folder" if group_by == "folder" else f"by groups of {group_by!r}")

    def test_other_folders_and_more_frames_move_none(self, tmp_path: Path) -> None:
        images = self.make(tmp_path)
        before = split_images(images[:80], group_by="folder", root=tmp_path)
        after = split_images(images, group_by="folder", root=tmp_path)
        assert names(before.test) <= names(after.test)
        assert names(before.train) <= names(after.train)

    def test_the_path_is_that_below_the_dataset(self, tmp_path: Path) -> None:
        parts = []
        for place in ("here", "there"):
            images = self.make(tmp_path / place)
            parts.append(names(split_images(images, group_by="folder", root=tmp_path / place).test))
        assert parts[0] == parts[1]

    def test_an_embedded_image_is_found_by_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.record").write_bytes(bytes(range(40)))
        images = [
            Image(tmp_path / "a.record", f"v{number // 10}_{number}.jpg", 9, 9, (), None, Embedded(number, 1))
            for number in range(40)
        ]
        split = split_images(images, group_by="(v[0-9])_", root=tmp_path)
        assert {name[:2] for name in names(split.test)}.isdisjoint({name[:2] for name in names(split.train)})

    def test_images_that_do_not_match_are_groups_of_their_own(self, tmp_path: Path) -> None:
        images = make_images(tmp_path, 200)
        assert split_images(images, group_by="(video.)", root=tmp_path).test == split_images(images).test
        assert split_images(images, group_by="(video.)?", root=tmp_path).test == split_images(images).test

    def test_what_the_dataset_says_of_a_group_holds_for_all_of_it(self, tmp_path: Path) -> None:
        images = self.make(tmp_path, videos=20)
        said = [
            with_split(image, ("train", "test")[number // 10 % 2] if number % 10 == 0 else None)
            for number, image in enumerate(images)
        ]
        split = split_images(said, group_by="folder", root=tmp_path)
        assert {image.path.parent.name for image in split.test} == {f"v{video:02d}" for video in range(1, 20, 2)}
        assert len(split.test) == 100
        assert split.how == "as the dataset says; the 180 images of which it says nothing by folder"

    def test_a_single_group_cannot_be_split(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            split_images(self.make(tmp_path, videos=1), group_by="folder", root=tmp_path)
        assert str(caught.value) == (
            "no test split possible: 10 images, which 'folder' puts into one group; "
            "wanted at least 2 groups, one to train on and one to test with"
        )
        assert caught.value.hint == "leave group_by out, or set it to what tells the scenes apart"

    def test_a_bad_expression_is_a_setting_s_fault(self) -> None:
        with pytest.raises(ConfigError) as caught:
            split_images([], group_by="(video")
        assert str(caught.value) == (
            "group_by is '(video': not a regular expression: missing ), unterminated subpattern at position 0"
        )
        assert caught.value.hint == "'folder', or an expression whose first group names the scene: '(video[0-9]+)_'"


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
