"""The checkpoint's own post-processing in NumPy, to be applied to the raw outputs of any artefact.

    answer = suppress(decode_boxes(encodings, anchors), scores, iou_threshold=0.6)

As the Object Detection API does it (core/post_processing.py, box_coders/faster_rcnn_box_coder.py): boxes are decoded,
each class by itself keeps its best boxes that overlap no better one, what lies outside the image is cut off, and the
best of all classes remain. What an artefact's own post-processing loses is the difference to this.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.detections.detections_file import MAX_DETECTIONS, Detection, to_detections

Floats = npt.NDArray[np.float32]
SCALES = (10.0, 10.0, 5.0, 5.0)
SMALLEST_SCORE = 1e-8


def decode_boxes(encodings: Floats, anchors: Floats, scales: tuple[float, float, float, float] = SCALES) -> Floats:
    """Turn encodings [n, (ty, tx, th, tw)] at anchors [n, (y, x, h, w)] of their centres into [n, (y0, x0, y1, x1)].

    All in shares of the image.
    """
    ty, tx, th, tw = (encodings[:, place] / scales[place] for place in range(4))
    y, x, height, width = anchors.T
    # A float32's exp overflows at 88; no box of an image is e^20 anchors long
    high, wide = np.exp(np.minimum(th, 20)) * height, np.exp(np.minimum(tw, 20)) * width
    middle_y, middle_x = ty * height + y, tx * width + x
    return np.stack([middle_y - high / 2, middle_x - wide / 2, middle_y + high / 2, middle_x + wide / 2], axis=1)


def suppress(
    boxes: Floats, scores: Floats, *, iou_threshold: float, most: int = MAX_DETECTIONS, per_class: int = MAX_DETECTIONS
) -> list[Detection]:
    """Keep the best boxes of each class. `scores` is [n, classes], without the background; class ids start at 1."""
    kept: list[tuple[int, int]] = []
    for class_number in range(scores.shape[1]):
        column = scores[:, class_number]
        candidates = np.flatnonzero(column > SMALLEST_SCORE)
        order = candidates[np.argsort(-column[candidates], kind="stable")]
        kept += [(int(anchor), class_number) for anchor in _without_overlaps(boxes, order, iou_threshold, per_class)]
    kept.sort(key=lambda found: -scores[found])
    cut = np.clip(boxes, 0, 1)
    whole = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
    best = [found for found in kept if whole[found[0]]][:most]
    anchors = [anchor for anchor, _ in best]
    return to_detections(
        cut[anchors].tolist(), [number + 1 for _, number in best], [float(scores[found]) for found in best]
    )


def _without_overlaps(boxes: Floats, order: npt.NDArray[np.intp], iou_threshold: float, most: int) -> list[int]:
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(order) and len(kept) < most:
        first, rest = order[0], order[1:]
        kept.append(int(first))
        top, left = (np.maximum(boxes[first, edge], boxes[rest, edge]) for edge in (0, 1))
        bottom, right = (np.minimum(boxes[first, edge], boxes[rest, edge]) for edge in (2, 3))
        shared = np.maximum(bottom - top, 0) * np.maximum(right - left, 0)
        order = rest[shared <= iou_threshold * (areas[first] + areas[rest] - shared)]
    return kept
