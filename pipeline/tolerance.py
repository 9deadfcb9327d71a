"""TOLERANCE: how many mAP points an artefact may lose, for all of them or by name.

2                       2 points, for every artefact that has a limit
tflite=2,tfjs_fast=1    these two; the others keep the limits of their kind (pipeline.fidelity.limits)
1,tflite=2              both
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pipeline.suggest import did_you_mean

ARTEFACTS = (
    "frozen_graph", "saved_model", "tflite", "tflite_float", "tflite_fast_nms", "tflite_regular_nms", "edgetpu",
    "tfjs", "tfjs_fast", "tfjs_chromium",
)  # fmt: skip
"""What is compared with the checkpoint, in the order of making."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Points for every artefact (None: the limits of its kind) and for single ones."""

    everywhere: float | None = None
    by_name: dict[str, float] = field(default_factory=dict)


def parse_tolerance(text: str | None) -> Tolerance:
    """Read TOLERANCE; raises ValueError that says which word is wrong and what was wanted."""
    everywhere, by_name = None, {}
    for word in (text or "").replace(" ", "").split(","):
        if not word:
            continue
        name, is_named, number = word.rpartition("=")
        points = _parse_points(number)
        if not is_named:
            everywhere = points
            continue
        if name not in ARTEFACTS:
            guess = did_you_mean(name, ARTEFACTS)
            raise ValueError(
                f"no artefact is called {name!r}; " + (guess + " " if guess else "") + f"known: {', '.join(ARTEFACTS)}"
            )
        by_name[name] = points
    return Tolerance(everywhere, by_name)


def _parse_points(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not (math.isfinite(points) and 0 <= points <= 100):
        raise ValueError(f"{text!r} is no number of mAP points from 0 to 100; wanted 2, or tflite=2,tfjs_fast=1")
    return points
