"""Compare the detections of one image with its labels: what each detection is, and what became of each label.

Found boxes are matched as COCO does at IoU 0.5: the best score first, each takes the free label of its class that it
overlaps most. What is left is one of the kinds of TIDE (Bolya et al. 2020, https://arxiv.org/abs/2008.08115, section
2.1), looked for in the order of its tool: poor box, wrong class, duplicate, background, both.

None of it depends on a score threshold: a label that is found by a score of 0.4 is found at every threshold below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

POSITIVE_IOU = 0.5
BACKGROUND_IOU = 0.1
"""Below it a box has nothing to do with a label: both as in the paper."""

RIGHT, POOR_BOX, WRONG_CLASS, DUPLICATE, BACKGROUND, BOTH, IGNORED = range(7)
KINDS = ("right", "poor_box", "wrong_class", "duplicate", "background", "both", "ignored")
NOTHING = -1.0
"""The score of what did not happen."""


@dataclass(frozen=True, slots=True)
class ImageMatches:
    """What is known of one image. Detections and labels are in the order in which they were given.

    `kinds` holds one of KINDS a detection, `labels` the label that it took, repeats or would be if it were mended
    (-1: none). Of a label: `found` is the score that found it, `confused` the best score of a detection of another
    class upon it and `confused_with` that class, `poor` the best score of a box of its class that is not good enough.
    """

    kinds: NDArray[np.int8]
    labels: NDArray[np.int32]
    found: Numbers
    confused: Numbers
    confused_with: NDArray[np.int32]
    poor: Numbers


def match_image(
    *,
    boxes: Numbers,
    class_ids: NDArray[np.int32],
    ignored: NDArray[np.bool_],
    found_boxes: Numbers,
    found_classes: NDArray[np.int32],
    scores: Numbers,
) -> ImageMatches:
    """Match detections with labels; boxes are [n, 4] of (xmin, ymin, xmax, ymax) in any one unit.

    `ignored` labels are difficult ones: to find one is neither right nor wrong.
    """
    count, labels = len(scores), len(class_ids)
    kinds = np.full(count, BACKGROUND, dtype=np.int8)
    targets = np.full(count, -1, dtype=np.int32)
    found, confused, poor = (np.full(labels, NOTHING) for _ in range(3))
    confused_with = np.zeros(labels, dtype=np.int32)
    result = ImageMatches(kinds, targets, found, confused, confused_with, poor)
    if not count or not labels:
        return result
    overlaps = overlap(found_boxes, boxes)
    same = found_classes[:, None] == class_ids[None, :]
    of_class = np.where(same & ~ignored, overlaps, 0.0)
    of_others = np.where(~same & ~ignored, overlaps, 0.0)
    order = np.argsort(-scores, kind="stable")
    _take(order, of_class, scores, result)
    taken: NDArray[np.bool_] = kinds == RIGHT
    if ignored.any():
        kinds[~taken & _lies_in_ignored(found_boxes, boxes, same & ignored)] = IGNORED
    best, best_other = of_class.max(axis=1), of_others.max(axis=1)
    nearest, nearest_other = of_class.argmax(axis=1), of_others.argmax(axis=1)
    left = ~taken & (kinds != IGNORED)
    is_poor = left & (best >= BACKGROUND_IOU) & (best < POSITIVE_IOU)
    is_wrong = left & ~is_poor & (best_other >= POSITIVE_IOU)
    is_double = left & ~is_poor & ~is_wrong & (best >= POSITIVE_IOU)
    is_both = left & (kinds == BACKGROUND) & ~is_poor & ~is_wrong & ~is_double & (best_other >= BACKGROUND_IOU)
    for chosen, kind, target in (
        (is_poor, POOR_BOX, nearest),
        (is_wrong, WRONG_CLASS, nearest_other),
        (is_double, DUPLICATE, nearest),
        (is_both, BOTH, nearest_other),
    ):
        kinds[chosen] = kind
        targets[chosen] = target[chosen]
    # From the worst score to the best, so that the best stays
    for number in order[::-1]:
        if left[number] and best_other[number] >= POSITIVE_IOU:
            confused[nearest_other[number]] = scores[number]
            confused_with[nearest_other[number]] = found_classes[number]
        if is_poor[number]:
            poor[nearest[number]] = scores[number]
    return result


def _take(order: NDArray[np.intp], of_class: Numbers, scores: Numbers, result: ImageMatches) -> None:
    """Give each detection, the best score first, the free label that it overlaps most."""
    candidates = of_class.max(axis=1) >= POSITIVE_IOU
    free = of_class.copy()
    for number in order:
        if not candidates[number]:
            continue
        label = int(free[number].argmax())
        if free[number, label] >= POSITIVE_IOU:
            result.kinds[number] = RIGHT
            result.labels[number] = label
            result.found[label] = scores[number]
            free[:, label] = 0.0


def overlap(found: Numbers, boxes: Numbers) -> Numbers:
    """Return the IoU [found, boxes] of two lists of boxes; 0 where there is no area."""
    shared = _shared_area(found, boxes)
    whole = _area(found)[:, None] + _area(boxes)[None, :] - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def _lies_in_ignored(found: Numbers, boxes: Numbers, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which detections lie by half in an ignored box, however large that is: COCO's rule for crowds."""
    areas = _area(found)[:, None]
    shared = _shared_area(found, boxes)
    shares = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    inside: NDArray[np.bool_] = np.where(allowed, shares, 0.0).max(axis=1) >= POSITIVE_IOU
    return inside


def _shared_area(found: Numbers, boxes: Numbers) -> Numbers:
    low = np.maximum(found[:, None, :2], boxes[None, :, :2])
    high = np.minimum(found[:, None, 2:], boxes[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    area: Numbers = sides[..., 0] * sides[..., 1]
    return area


def _area(boxes: Numbers) -> Numbers:
    area: Numbers = np.maximum(boxes[:, 2] - boxes[:, 0], 0.0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    return area
