"""What a detection is, and what it costs: each kind constructed by hand, and all of them against another tool."""

from __future__ import annotations

import contextlib
import io

import hotcoco
import numpy as np
import pytest

from pipeline.run_report.error_costs import ErrorCosts, measure_costs
from pipeline.run_report.figures import choose_threshold, count_confusions, measure_figures
from pipeline.run_report.matches import MatchColumns, Matches, TruthOfImage
from pipeline.run_report.matching import KINDS, match_image
from tests.run_report.made_run import Corners

CAT, DOG = 1, 2
HERE: Corners = (0.1, 0.1, 0.3, 0.3)
LOWER: Corners = (0.1, 0.2, 0.3, 0.4)
"""IoU of a third with HERE."""
FAR: Corners = (0.6, 0.6, 0.8, 0.8)


def matches_of(*images: tuple[list[tuple[int, Corners]], list[tuple[int, float, Corners]]]) -> Matches:
    columns = MatchColumns()
    for number, (labels, found) in enumerate(images):
        boxes = np.array([corners for _, corners in labels], dtype=np.float64).reshape(-1, 4)
        truth = TruthOfImage(
            number, 100, 100, boxes, np.array([one for one, _ in labels], dtype=np.int32), np.zeros(len(labels), bool)
        )
        rows = np.array([(*corners, score, one) for one, score, corners in found], dtype=np.float64).reshape(-1, 6)
        columns.add(truth, rows, width=100, height=100)
    names = tuple(map(str, range(len(images))))
    return columns.to_matches("made", names, ((100, 100),) * len(names), ("cat", "dog"))


ONE_CAT = [(CAT, HERE)]


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ([(CAT, 0.9, HERE)], ["right"]),
        ([(CAT, 0.9, LOWER)], ["poor_box"]),
        ([(DOG, 0.9, HERE)], ["wrong_class"]),
        ([(CAT, 0.9, HERE), (CAT, 0.8, HERE)], ["right", "duplicate"]),
        ([(CAT, 0.8, HERE), (CAT, 0.9, HERE)], ["duplicate", "right"]),
        ([(CAT, 0.9, FAR)], ["background"]),
        ([(DOG, 0.9, LOWER)], ["both"]),
        ([], []),
    ],
)
def test_each_kind_of_detection_is_known(found: list[tuple[int, float, Corners]], kinds: list[str]):
    matches = matches_of((ONE_CAT, found))
    assert [KINDS[kind] for kind in matches.detected.kinds] == kinds


@pytest.mark.parametrize(
    ("found", "kind", "gain"),
    [
        # Alone, a mended detection makes a perfect score of nothing
        ([(CAT, 0.9, LOWER)], "poor_box", 1.0),
        ([(DOG, 0.9, HERE)], "wrong_class", 1.0),
        # Half of what is found is right: without the other half, all of it is
        ([(CAT, 0.8, HERE), (CAT, 0.9, FAR)], "background", 0.5),
        ([(CAT, 0.8, HERE), (DOG, 0.9, LOWER)], "both", 0.0),
        ([(CAT, 0.9, HERE), (CAT, 0.8, HERE)], "duplicate", 0.0),
    ],
)
def test_what_a_kind_costs_is_what_mending_it_wins(found: list[tuple[int, float, Corners]], kind: str, gain: float):
    costs = measure_costs(matches_of((ONE_CAT, found)))
    assert costs.gains[kind] == pytest.approx(gain)
    assert costs.counts[kind] == 1


def test_what_nothing_points_to_is_missed():
    costs = measure_costs(matches_of((ONE_CAT, [(CAT, 0.9, HERE)]), (ONE_CAT, [])))
    assert costs.counts == {
        "wrong_class": 0, "poor_box": 0, "duplicate": 0, "background": 0, "both": 0, "missed": 1,
    }  # fmt: skip
    assert costs.map50 == pytest.approx(51 / 101)
    assert costs.gains["missed"] == pytest.approx(50 / 101)


def test_a_difficult_box_is_neither_to_be_found_nor_wrong_to_find():
    matched = match_image(
        boxes=np.array([HERE]), class_ids=np.array([CAT], dtype=np.int32), ignored=np.array([True]),
        found_boxes=np.array([HERE, HERE]), found_classes=np.array([CAT, DOG], dtype=np.int32),
        scores=np.array([0.9, 0.8]),
    )  # fmt: skip
    assert [KINDS[kind] for kind in matched.kinds] == ["ignored", "background"]
    assert matched.found.tolist() == [-1]


def _draw(seed: int) -> tuple[Matches, ErrorCosts, dict[str, float], dict[str, int]]:
    chance = np.random.default_rng(seed)
    images, annotations, rows = [], [], []
    made: list[tuple[list[tuple[int, Corners]], list[tuple[int, float, Corners]]]] = []
    for number in range(1, 41):
        labels, found = [], []
        for _ in range(chance.integers(0, 6)):
            low, side = chance.uniform(0, 0.7, 2), chance.uniform(0.2, 0.3, 2)
            labels.append((int(chance.integers(1, 3)), (*low, *(low + side))))
        for class_id, corners in labels:
            for _ in range(chance.integers(0, 4)):
                seen_as = class_id if chance.random() < 0.7 else 3 - class_id
                found.append((seen_as, chance.random(), tuple(np.array(corners) + chance.normal(0, 0.03, 4))))
        for _ in range(chance.integers(0, 3)):
            low = chance.uniform(0, 0.7, 2)
            found.append((int(chance.integers(1, 3)), chance.random(), (*low, *(low + 0.2))))
        made.append((labels, found))
        images.append({"id": number, "width": 1, "height": 1})
        for class_id, (x1, y1, x2, y2) in labels:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": class_id, "iscrowd": 0,
                                "bbox": [x1, y1, x2 - x1, y2 - y1], "area": 1.0})  # fmt: skip
        rows += [[number, x1, y1, x2 - x1, y2 - y1, score, one] for one, score, (x1, y1, x2, y2) in found]
    truth = hotcoco.COCO({
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    })  # fmt: skip
    evaluation = hotcoco.COCOeval(truth, truth.load_res(np.array(rows)), "bbox")
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        theirs = evaluation.tide_errors(pos_thr=0.5, bg_thr=0.1)
    matches = matches_of(*made)
    return matches, measure_costs(matches), {"base": theirs["ap_base"], **theirs["delta_ap"]}, theirs["counts"]


THEIR_WORDS = {
    "wrong_class": "Cls", "poor_box": "Loc", "both": "Both", "duplicate": "Dupe", "background": "Bkg", "missed": "Miss",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_costs_are_those_of_another_implementation(seed: int):
    matches, ours, theirs, counts = _draw(seed)
    assert ours.map50 == pytest.approx(theirs["base"], abs=1e-9)
    assert ours.counts == {kind: counts[word] for kind, word in THEIR_WORDS.items()}
    for kind, word in THEIR_WORDS.items():
        assert ours.gains[kind] == pytest.approx(max(theirs[word], 0), abs=1e-9), kind
    assert len(set(matches.detected.kinds.tolist())) >= 6, "the drawing holds nearly every kind"


def test_figures_go_by_the_threshold():
    matches = matches_of(
        ([(CAT, HERE), (DOG, FAR)], [(CAT, 0.9, HERE), (CAT, 0.4, FAR), (DOG, 0.2, FAR)]),
        ([(CAT, HERE)], [(CAT, 0.6, LOWER)]),
        ([(DOG, HERE)], []),
    )
    high, low = (measure_figures(matches, threshold=threshold) for threshold in (0.3, 0.1))
    cat, dog = high.classes
    assert (cat.boxes, cat.found, cat.confused, cat.poor, cat.missed) == (2, 1, 0, 1, 0)
    assert (dog.boxes, dog.found, dog.confused, dog.poor, dog.missed) == (2, 0, 1, 0, 1)
    assert (high.total.right, high.total.wrong) == (1, 2)
    assert high.total.kinds == {"poor_box": 1, "wrong_class": 1, "duplicate": 0, "background": 0, "both": 0}
    assert high.confusion.tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 0]]
    assert low.classes[1].found == 1
    assert low.confusion.tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert [(one.found, one.missed, one.wrong) for one in high.images] == [(1, 1, 1), (0, 1, 1), (0, 1, 0)]


def test_what_is_found_where_nothing_is_stands_in_the_last_row():
    matches = matches_of(([], [(DOG, 0.9, HERE), (CAT, 0.05, FAR)]), (ONE_CAT, []))
    assert count_confusions(matches, 0.5).tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_the_threshold_is_the_middle_of_the_best_ones():
    wrong = [(CAT, 0.2, FAR)]
    matches = matches_of((ONE_CAT, [(CAT, 0.8, HERE), *wrong]), (ONE_CAT, [(CAT, 0.9, HERE)]))
    assert choose_threshold(matches) == pytest.approx(0.5, abs=0.011)
    assert choose_threshold(matches_of((ONE_CAT, []))) == 0.5, "nothing is found at any"


def test_recall_is_told_by_size_in_the_photo_and_in_the_input():
    small: Corners = (0.5, 0.5, 0.6, 0.6)
    matches = matches_of(([(CAT, HERE), (CAT, small)], [(CAT, 0.9, HERE)]))
    sides = (matches.labels.widths_norm * 100, matches.labels.heights_norm * 100)
    figures = measure_figures(matches, threshold=0.5, input_sides=sides)
    assert [(one.name, one.boxes, one.found) for one in figures.photo_sizes] == [
        ("small", 2, 1), ("medium", 0, 0), ("large", 0, 0),
    ]  # fmt: skip
    assert {one.name: (one.boxes, one.found) for one in figures.input_sizes if one.boxes} == {
        "8 to 16 px": (1, 0), "16 to 32 px": (1, 1),
    }  # fmt: skip
