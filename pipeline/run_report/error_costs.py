"""What each kind of error costs: the mAP@.5 that would be won if only that kind were mended (TIDE's dAP).

The paper's oracles (Bolya et al. 2020, https://arxiv.org/abs/2008.08115, section 2.2): a poor box becomes a good one, a
wrong class the right one, unless the label is found anyhow, then the detection goes; a duplicate, a box over background
and what is wrong in both ways goes; a label that nothing but an own detection could find is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.run_report.matches import Matches
from pipeline.run_report.matching import BACKGROUND, BOTH, DUPLICATE, IGNORED, POOR_BOX, RIGHT, WRONG_CLASS, Numbers

RECALLS = np.linspace(0, 1, 101)
"""COCO reads precision at these."""
REMOVED = {"duplicate": DUPLICATE, "background": BACKGROUND, "both": BOTH}
MENDED = {"wrong_class": WRONG_CLASS, "poor_box": POOR_BOX}


@dataclass(frozen=True, slots=True)
class ErrorCosts:
    """mAP@.5 as it is, and what mending one kind of error would add to it, each from 0 to 1.

    The kinds: wrong_class, poor_box, both, duplicate, background, missed.
    """

    map50: float
    gains: dict[str, float]
    counts: dict[str, int]


def measure_costs(matches: Matches) -> ErrorCosts:
    """Measure what each kind of error costs, over all detections of any score."""
    detected, labels = matches.detected, matches.labels
    counted = ~labels.ignored
    positives = np.bincount(labels.class_ids[counted], minlength=len(matches.class_names) + 1)
    kept = detected.kinds != IGNORED
    classes, right = detected.class_ids.copy(), detected.kinds == RIGHT
    base = _mean_precision(classes[kept], detected.scores[kept], right[kept], positives)
    gains, counts = {}, {}
    free = counted & (labels.found < 0)
    can_be_mended = np.isin(detected.kinds, list(MENDED.values())) & free[detected.labels]
    # One detection of a free label becomes right, the best of both kinds; all others go
    bests = _best_of_label(can_be_mended, detected.labels, detected.scores)
    for name, kind in MENDED.items():
        chosen = detected.kinds == kind
        best = bests[chosen[bests]]
        mended = right.copy()
        mended[best] = True
        renamed = classes.copy()
        renamed[best] = labels.class_ids[detected.labels[best]]
        stays = kept & (~chosen | mended)
        gains[name] = _mean_precision(renamed[stays], detected.scores[stays], mended[stays], positives) - base
        counts[name] = int(chosen.sum())
    for name, kind in REMOVED.items():
        stays = kept & (detected.kinds != kind)
        gains[name] = _mean_precision(classes[stays], detected.scores[stays], right[stays], positives) - base
        counts[name] = int((detected.kinds == kind).sum())
    missed = free.copy()
    missed[detected.labels[can_be_mended]] = False
    fewer = positives - np.bincount(labels.class_ids[missed], minlength=len(positives))
    gains["missed"] = _mean_precision(classes[kept], detected.scores[kept], right[kept], fewer) - base
    counts["missed"] = int(missed.sum())
    # What is binned otherwise may cost a little: the tool of the paper calls that nothing, too
    return ErrorCosts(base, {name: max(gain, 0.0) for name, gain in gains.items()}, counts)


def _best_of_label(chosen: NDArray[np.bool_], labels: NDArray[np.int32], scores: Numbers) -> NDArray[np.intp]:
    """Return the numbers of those of the chosen that have the best score for their label."""
    numbers = np.flatnonzero(chosen)
    numbers = numbers[np.argsort(-scores[numbers], kind="stable")]
    _, first = np.unique(labels[numbers], return_index=True)
    return numbers[first]


def _mean_precision(
    classes: NDArray[np.int32], scores: Numbers, right: NDArray[np.bool_], positives: NDArray[np.int64]
) -> float:
    found = [
        average_precision(scores[classes == class_id], right[classes == class_id], int(positives[class_id]))
        for class_id in np.flatnonzero(positives)
    ]
    return float(np.mean(found)) if found else 0.0


def average_precision(scores: Numbers, right: NDArray[np.bool_], positives: int) -> float:
    """Return COCO's average precision at one IoU."""
    return float(read_precision(scores, right, positives).mean())


def read_precision(scores: Numbers, right: NDArray[np.bool_], positives: int) -> Numbers:
    """Return the precision at each of RECALLS; 0 where that recall is never reached."""
    if not positives or not len(scores):
        return np.zeros(len(RECALLS))
    ordered = right[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(ordered)
    precision = hits / np.arange(1, len(ordered) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / positives, RECALLS, side="left")
    return np.where(places < len(precision), precision[np.minimum(places, len(precision) - 1)], 0.0)
