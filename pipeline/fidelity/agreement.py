"""Box by box: how many of the checkpoint's detections an artefact finds again.

Two models may have one mAP and disagree on every third box. So each detection of the checkpoint with a score of 0.3 or
more is looked for in the artefact's of the same image: same class, IoU 0.9 or more, score within 0.05. Pairs are
one to one, as many as there can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.detections.detections_file import Detection, ImageDetections, to_pixels

LEAST_SCORE = 0.3
LEAST_IOU = 0.9
MOST_SCORE_DIFFERENCE = 0.05
ROUNDING = 2e-6
"""Files hold six digits."""

Edges = tuple[float, float, float, float]
Boxes = list[tuple[int, float, Edges]]
"""(class id, score, (xmin, ymin, xmax, ymax) in pixels) of one image."""


def to_boxes(image: ImageDetections) -> Boxes:
    """Return the detections of an image that can count, in pixels: the rest, most of a file, is left out."""
    least = LEAST_SCORE - MOST_SCORE_DIFFERENCE - 2 * ROUNDING
    kept: list[Detection] = [found for found in image.detections if found.score >= least]
    return [(found.class_id, found.score, to_pixels(found, image.width, image.height)) for found in kept]


def share_found_again(reference: Mapping[str, Boxes], artefact: Mapping[str, Boxes]) -> float | None:
    """Return the share, 0 to 1, of the reference's detections that are found again; None where it has none."""
    wanted = matched = 0
    for source_id, boxes in reference.items():
        looked_for = [box for box in boxes if box[1] >= LEAST_SCORE - ROUNDING]
        wanted += len(looked_for)
        matched += count_pairs(looked_for, artefact.get(source_id, []))
    return matched / wanted if wanted else None


def count_pairs(wanted: Sequence[tuple[int, float, Edges]], found: Sequence[tuple[int, float, Edges]]) -> int:
    """Return the size of the largest one-to-one matching (augmenting paths: Kuhn 1955)."""
    fits = [[number for number, other in enumerate(found) if is_same(box, other)] for box in wanted]
    taken_by: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for number in fits[index]:
            if number in tried:
                continue
            tried.add(number)
            if number not in taken_by or place(taken_by[number], tried):
                taken_by[number] = index
                return True
        return False

    return sum(place(index, set()) for index in range(len(wanted)))


def is_same(one: tuple[int, float, Edges], other: tuple[int, float, Edges]) -> bool:
    """Whether two detections are the same object found the same way."""
    return (
        one[0] == other[0]
        and abs(one[1] - other[1]) <= MOST_SCORE_DIFFERENCE + ROUNDING
        and iou(one[2], other[2]) >= LEAST_IOU - ROUNDING
    )


def iou(one: Edges, other: Edges) -> float:
    """Return intersection over union of two boxes; 0 where both are empty."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared
    return shared / union if union > 0 else 0.0
