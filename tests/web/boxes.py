"""Whether two lists of detections are the same, as `odpipe detect` writes them: in detection.json's form."""

from __future__ import annotations

from typing import Any

Detection = dict[str, Any]
"""{"category_id": 1, "score": 0.93, "bbox": [x, y, width, height]}, in pixels."""


def to_detections(image: dict[str, Any]) -> list[Detection]:
    """Turn a line of an evaluation, whose boxes are shares of the image, into detections in pixels."""
    width, height = image["width"], image["height"]
    return [
        {
            "category_id": class_id,
            "score": score,
            "bbox": [xmin * width, ymin * height, (xmax - xmin) * width, (ymax - ymin) * height],
        }
        for class_id, score, ymin, xmin, ymax, xmax in image["detections"]
    ]


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union of [x, y, width, height]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def unmatched(
    found: list[Detection], others: list[Detection], *, least: float, iou: float = 0.9, score: float = 0.02
) -> list[Detection]:
    """Return the detections above a score that the other list does not have: same class, place and score."""
    return [
        one
        for one in found
        if one["score"] >= least
        and not any(
            other["category_id"] == one["category_id"]
            and overlap(other["bbox"], one["bbox"]) >= iou
            and abs(other["score"] - one["score"]) <= score
            for other in others
        )
    ]
