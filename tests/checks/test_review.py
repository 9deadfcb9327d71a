"""What is odd in a dataset without looking into its images."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.checks.review import file_key, leave_out, review
from pipeline.datasets.model import Box, Dataset, Embedded, Image
from pipeline.datasets.problems import Problems
from tests.datasets.drawing import messages

ROOT = Path("data")


def image(path: str, *boxes: Box, size: tuple[int, int] = (200, 100), embedded: Embedded | None = None) -> Image:
    return Image(ROOT / path, path.replace("/", "_"), *size, boxes, embedded=embedded)


def box(label: str = "cat", *edges: float) -> Box:
    return Box(label, *(edges or (1, 2, 30, 40)))


def dataset(*images: Image, labels: tuple[str, ...] = ("cat",)) -> Dataset:
    return Dataset("voc", ROOT, labels, images)


def found(*images: Image, labels: tuple[str, ...] = ("cat",), rare: bool = False) -> dict[str, list[str]]:
    problems = Problems()
    review(dataset(*images, labels=labels), problems)
    return {kind: words for kind, words in messages(problems).items() if rare or kind != "label_rare"}


def test_a_box_that_is_there_twice_is_used_once() -> None:
    problems = Problems()
    twice = image("a.jpg", box(), box("dog"), box(), box("cat", 1, 2, 30, 41), box())
    reviewed = review(dataset(twice, labels=("cat", "dog")), problems)
    assert reviewed.images[0].boxes == (box(), box("dog"), box("cat", 1, 2, 30, 41))
    assert messages(problems)["box_duplicate"] == [
        "data/a.jpg: box 3 (cat) (1, 2, 30, 40) is box 1 again",
        "data/a.jpg: box 5 (cat) (1, 2, 30, 40) is box 1 again",
    ]
    assert (problems.lost_images, problems.lost_boxes) == (0, 2)


@pytest.mark.parametrize(
    ("size", "edges", "is_whole"),
    [
        ((200, 100), (0, 0, 200, 100), True),
        ((200, 100), (1, 0.5, 199, 100), True),
        ((200, 100), (2, 0, 200, 100), False),
        ((20, 10), (0, 0, 20, 10), True),
        ((20, 10), (1, 0, 20, 10), False),
    ],
)
def test_a_box_of_the_whole_image(size: tuple[int, int], edges: tuple[float, ...], is_whole: bool) -> None:
    words = found(image("a.jpg", box("cat", *edges), size=size))
    assert ("box_whole_image" in words) == is_whole


def test_its_number_and_edges_are_told() -> None:
    words = found(image("a.jpg", box(), box("cat", 0, 0, 200, 100)))
    assert words["box_whole_image"] == ["data/a.jpg: box 2 (cat) (0, 0, 200, 100)"]


def test_an_image_without_boxes_and_an_embedded_one() -> None:
    words = found(image("a.jpg", box()), image("b.jpg"), image("c.json", embedded=Embedded(7, 9)))
    assert words == {"image_empty": ["data/b.jpg", "data/c.json (c.json)"]}


def test_names_of_several_folders_and_stems_of_one() -> None:
    names = (
        "x/a.jpg",
        "y/A.jpg",
        "x/a.png",
        "y/b.jpg",
        "z/b.png",
        "x/c.jpg",
        "p/1.jpg",
        "q/1.jpg",
        "r/1.jpg",
        "s/1.jpg",
    )
    assert found(*(image(name, box()) for name in names)) == {
        "image_name_repeated": ["data/x/a.jpg, data/y/A.jpg", "data/p/1.jpg, data/q/1.jpg, data/r/1.jpg and 1 more"],
        "image_stem_repeated": ["data/x/a.jpg, data/x/a.png"],
    }


def test_rare_and_similar_labels() -> None:
    boxes = [box("cat", 1, 2, 30, 40 + number) for number in range(10)]
    words = found(image("a.jpg", *boxes, box("Cat")), labels=("cat", "Cat"), rare=True)
    assert words == {"label_rare": ["'Cat' (1 box)"], "label_similar": ["'cat' (10) and 'Cat' (1)"]}


def test_nothing_is_found_in_a_dataset_that_is_in_order_and_it_is_the_same() -> None:
    given = dataset(image("a.jpg", *(box("cat", 1, 2, 30, 40 + number) for number in range(10))))
    problems = Problems()
    assert review(given, problems) == given
    assert not problems.counts


def test_leaving_out_takes_classes_that_were_only_there() -> None:
    given = dataset(image("a.jpg", box()), image("x/b.jpg", box("dog")), labels=("cat", "dog"))
    problems = Problems()
    left = leave_out(given, {"x/b.jpg"}, problems)
    assert (left.images, left.labels) == (given.images[:1], ("cat",))
    assert messages(problems) == {"label_unused": ["dog (its images cannot be used)"]}
    assert leave_out(given, set(), problems) is given


def test_a_key_is_relative_with_slashes_and_an_offset() -> None:
    assert file_key(image("x/a.jpg"), ROOT) == "x/a.jpg"
    assert file_key(image("a.json", embedded=Embedded(70, 9)), ROOT) == "a.json#70"
    assert file_key(Image(Path("/elsewhere/a.jpg"), "a", 1, 1, ()), ROOT) == "/elsewhere/a.jpg"
