"""Box by box: which of the checkpoint's detections an artefact finds again."""

from __future__ import annotations

import pytest

from pipeline.detections.detections_file import Detection, ImageDetections
from pipeline.fidelity.agreement import count_pairs, iou, share_found_again, to_boxes

WHOLE = (0.0, 0.0, 100.0, 100.0)


def boxes(*found: Detection) -> list[tuple[int, float, tuple[float, float, float, float]]]:
    return to_boxes(ImageDetections("a", "a.jpg", 100, 100, 1.0, list(found)))


def at(score: float, *, class_id: int = 1, shift: float = 0.0) -> Detection:
    return Detection(class_id, score, 0.0, shift, 1.0, 1.0)


def test_iou() -> None:
    assert iou(WHOLE, WHOLE) == 1
    assert iou(WHOLE, (50, 0, 150, 100)) == pytest.approx(1 / 3)
    assert iou(WHOLE, (100, 0, 200, 100)) == 0
    assert iou((5, 5, 5, 5), (5, 5, 5, 5)) == 0


@pytest.mark.parametrize(
    ("found", "share"),
    [
        (at(0.5), 1.0), (at(0.55), 1.0), (at(0.45), 1.0), (at(0.56), 0.0), (at(0.44), 0.0),
        (at(0.5, class_id=2), 0.0), (at(0.5, shift=0.1), 1.0), (at(0.5, shift=0.11), 0.0),
    ],
)  # fmt: skip
def test_the_same_class_score_and_place_is_found_again(found: Detection, share: float) -> None:
    assert share_found_again({"a": boxes(at(0.5))}, {"a": boxes(found)}) == share


def test_only_what_the_checkpoint_is_sure_of_is_looked_for() -> None:
    reference = {"a": boxes(at(0.3), at(0.29)), "b": boxes(at(0.1))}
    assert share_found_again(reference, {"a": boxes(at(0.26)), "b": []}) == 1
    assert share_found_again(reference, {"a": []}) == 0
    assert share_found_again({"a": boxes(at(0.2))}, {"a": boxes(at(0.2))}) is None


def test_pairs_are_one_to_one_and_as_many_as_there_can_be() -> None:
    assert share_found_again({"a": boxes(at(0.5), at(0.51))}, {"a": boxes(at(0.5))}) == 0.5
    # The first fits both, the second only the one that the first would take
    assert count_pairs(boxes(at(0.54), at(0.59)), boxes(at(0.55), at(0.5))) == 2
