from __future__ import annotations

import pytest

from pipeline.detecting.selection import Selection, parse_thresholds, suppress
from pipeline.detections.detections_file import Detection
from pipeline.errors import ConfigError

NAMES = {1: "cat", 2: "dog", 3: "polar bear"}


def box(class_id: int, score: float, left: float = 0.0) -> Detection:
    return Detection(class_id, score, 0.0, left, 0.5, left + 0.5)


def test_a_class_may_have_a_threshold_of_its_own() -> None:
    found = [box(1, 0.45), box(2, 0.45), box(1, 0.6), box(2, 0.2)]
    selection = Selection(threshold=0.5, by_class={2: 0.3})
    assert selection.choose(found) == [box(1, 0.6), box(2, 0.45)]
    assert selection.least_score == 0.3
    assert Selection(threshold=0.5, by_class={2: 0.9}).least_score == 0.5


def test_a_score_at_the_threshold_is_shown() -> None:
    assert Selection(threshold=0.5).choose([box(1, 0.5), box(1, 0.4999)]) == [box(1, 0.5)]


def test_the_best_are_shown_first_and_so_many() -> None:
    found = [box(1, 0.5), box(1, 0.9), box(2, 0.7)]
    assert Selection(threshold=0, most=2).choose(found) == [box(1, 0.9), box(2, 0.7)]


def test_of_overlapping_boxes_of_a_class_the_better_one_stays() -> None:
    # 0.1 of 0.5 apart: IoU 0.4 / 0.6
    found = [box(1, 0.9), box(1, 0.8, 0.1), box(2, 0.7, 0.1), box(1, 0.6, 0.5)]
    assert suppress(found, 0.66) == [box(1, 0.9), box(2, 0.7, 0.1), box(1, 0.6, 0.5)]
    assert suppress(found, 0.67) == found
    assert Selection(threshold=0, nms_iou=0.5).choose(found) == [box(1, 0.9), box(2, 0.7, 0.1), box(1, 0.6, 0.5)]
    assert suppress([], 0.5) == []


def test_thresholds_are_read_by_class_name() -> None:
    assert parse_thresholds(["dog=0.3", "polar bear=0.25, cat=1"], NAMES) == {2: 0.3, 3: 0.25, 1: 1.0}
    assert parse_thresholds([], NAMES) == {}


@pytest.mark.parametrize("given", ["dog", "dog=", "=0.3", "dog=high", "dog=1.5", "dog=-1", "dog=nan"])
def test_what_is_no_threshold_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="wanted a class and a score from 0 to 1, as in dog=0.3"):
        parse_thresholds([given], NAMES)


def test_an_unknown_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        parse_thresholds(["dgo=0.3"], NAMES)
    assert str(error.value) == "no class is called 'dgo'; the classes: cat, dog, polar bear"
    assert error.value.hint == "did you mean 'dog'?"
