"""The weight of a class in training: the Object Detection API multiplies a box's losses by `image/object/weight`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

Balance = Literal["none", "sqrt", "inverse"]
BALANCES: tuple[str, ...] = get_args(Balance)


def weigh_classes(boxes: Mapping[str, int], *, balance: str) -> dict[str, float]:
    """Return the weight of each class's boxes from their numbers; nothing for "none", where all weigh the same.

    "inverse" lets every class weigh the same in all, "sqrt" goes half of that way. The mean over all boxes is 1, so
    that the learning rate means what it meant. A class without boxes has no weight.
    """
    if balance == "none":
        return {}
    counts = {label: count for label, count in boxes.items() if count}
    total = sum(counts.values())
    weights = {label: total / (len(counts) * count) for label, count in counts.items()}
    if balance == "sqrt":
        weights = {label: math.sqrt(weight) for label, weight in weights.items()}
    mean = sum(weights[label] * count for label, count in counts.items()) / max(total, 1)
    return {label: weight / mean for label, weight in weights.items()}
