"""Which of a model's detections are shown: by score, overall or class by class, by overlap, and how many.

selection = Selection(threshold=0.5, by_class={2: 0.3}, most=100)
shown = selection.choose(detections)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.detecting.tiles import intersect
from pipeline.detections.detections_file import MAX_DETECTIONS, Detection
from pipeline.errors import ConfigError
from pipeline.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Selection:
    """`by_class` holds the thresholds of class ids that have one of their own.

    Where `nms_iou` is given, of two boxes of a class that overlap by more the better one stays. A model suppresses
    by itself already, most at 0.6: only a lower number takes away more.
    """

    threshold: float = 0.5
    by_class: Mapping[int, float] = field(default_factory=dict)
    nms_iou: float | None = None
    most: int = MAX_DETECTIONS

    @property
    def least_score(self) -> float:
        """No detection below this score is shown, of whatever class."""
        return min([self.threshold, *self.by_class.values()])

    def choose(self, detections: Sequence[Detection]) -> list[Detection]:
        """Return the detections that are shown, best first."""
        found = [one for one in detections if one.score >= self.by_class.get(one.class_id, self.threshold)]
        found.sort(key=lambda one: -one.score)
        if self.nms_iou is not None:
            found = suppress(found, self.nms_iou)
        return found[: self.most]


def suppress(detections: Sequence[Detection], iou: float) -> list[Detection]:
    """Keep of two boxes of a class that overlap by more than `iou` the better one; best come first, in and out."""
    kept: list[Detection] = []
    for found in detections:
        rivals = np.array([other[2:] for other in kept if other.class_id == found.class_id], np.float64).reshape(-1, 4)
        box = np.array(found[2:], np.float64)
        shared = intersect(box, rivals)
        union = (box[2:] - box[:2]).prod() + (rivals[:, 2:] - rivals[:, :2]).prod(axis=1) - shared
        if not (shared > iou * union).any():
            kept.append(found)
    return kept


def parse_thresholds(given: Sequence[str], class_names: Mapping[int, str]) -> dict[int, float]:
    """Read "dog=0.3" or "dog=0.3,cat=0.6" into {class id: threshold}; raises ConfigError for what is no such thing."""
    ids = {name: number for number, name in class_names.items()}
    found = {}
    for word in (word.strip() for text in given for word in text.split(",") if word.strip()):
        name, _, text = word.rpartition("=")
        try:
            score = float(text)
        except ValueError:
            score = -1.0
        if not name or not 0 <= score <= 1:
            raise ConfigError(f"class threshold {word!r}; wanted a class and a score from 0 to 1, as in dog=0.3")
        if name not in ids:
            known = ", ".join(ids)
            raise ConfigError(f"no class is called {name!r}; the classes: {known}", hint=did_you_mean(name, list(ids)))
        found[ids[name]] = score
    return found
