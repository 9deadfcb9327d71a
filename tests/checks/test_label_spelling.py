"""Labels that may be one: what is suggested, and what is not."""

from __future__ import annotations

import pytest

from pipeline.checks.label_spelling import find_similar_labels


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("Car", "car"), ("car ", "car"), ("car\u00a0", "car"), ("cat", "catt"), ("stop sign", "stop_sign"),
        ("Traffic-Light", "trafficlight"), ("traffic light", "trafic light"), ("person", "persno"), ("person", "peson"),
        ("bicycle", "bycicle"), ("bird", "brid"), ("dog", "dogs"), ("helicopter", "helikopter"), ("Ａuto", "auto"),
        ("ÉTÉ", "été"), ("yellow cone left", "yelow cone left"),
    ],
)  # fmt: skip
def test_one_class_written_twice_is_suggested(label: str, other: str) -> None:
    assert find_similar_labels(["tree", label, other]) == [(label, other)]


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "car", "cap", "cut", "bat"], ["class1", "class2", "class12"], ["class 1", "class 2"], ["a", "A", "b"],
        ["type_a", "type_b"], ["classa", "classb", "classc"], ["1_2", "12"], ["bear", "beard", "pear", "pearl"],
        ["horse", "house", "mouse", "moose"], ["man", "woman", "men"], ["light", "right"], ["plane", "planet"],
        ["coop", "cop"], ["motorcycle", "motorbike"], ["红色交通信号灯", "红色交通信号红"],
        ["m3", "m33"], ["cattle", "castle"],
        ["x" * 100, "x" * 101], [],
    ],
)  # fmt: skip
def test_different_classes_are_not(labels: list[str]) -> None:
    assert find_similar_labels(labels) == []


def test_three_ways_of_writing_are_two_pairs() -> None:
    labels = ["person", "Person", "PERSON", "peson"]
    assert find_similar_labels(labels) == [("person", "Person"), ("person", "PERSON"), ("person", "peson")]
