"""The size at which a model sees an image: what its image_resizer does.

fixed_shape_resizer {height, width}                    stretched to exactly that
keep_aspect_ratio_resizer {min_dimension, max_dimension}    scaled until the shorter side is min_dimension or the
                                                       longer max_dimension, whichever comes first
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unknown:
    """What this project cannot say of a model, and why, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class InputSize:
    """A resizer. `is_padded`: what lacks to max_dimension x max_dimension is filled up at the right and below."""

    height: int
    width: int
    keeps_aspect: bool = False
    is_padded: bool = False

    def scale(self, widths: Numbers, heights: Numbers) -> tuple[Numbers, Numbers]:
        """Return the widths and heights in pixels of the model's input that images of these sizes take up there."""
        if not self.keeps_aspect:
            return np.broadcast_to(float(self.width), widths.shape), np.broadcast_to(float(self.height), heights.shape)
        shorter, longer = np.minimum(widths, heights), np.maximum(widths, heights)
        factor = np.minimum(self.height / shorter, self.width / longer)
        return np.maximum(np.rint(widths * factor), 1), np.maximum(np.rint(heights * factor), 1)

    def describe(self) -> str:
        """Say it to people."""
        if not self.keeps_aspect:
            return f"{self.width}x{self.height} pixels"
        return f"a shorter side of {self.height} and a longer one of at most {self.width} pixels"


def read_input_size(pipeline: Mapping[str, Any], *, batch: int = 1) -> InputSize | Unknown:
    """Read the resizer of a preset's `pipeline`. In batches of more than one, images of any shape are padded."""
    model = model_of(pipeline)
    if isinstance(model, Unknown):
        return model
    resizers = model.get("image_resizer") or {}
    if "fixed_shape_resizer" in resizers:
        fixed = resizers["fixed_shape_resizer"] or {}
        return InputSize(int(fixed.get("height", 300)), int(fixed.get("width", 300)))
    if "keep_aspect_ratio_resizer" in resizers:
        keep = resizers["keep_aspect_ratio_resizer"] or {}
        # height and width stand for the bounds of the shorter and of the longer side
        return InputSize(
            int(keep.get("min_dimension", 600)),
            int(keep.get("max_dimension", 1024)),
            keeps_aspect=True,
            is_padded=bool(keep.get("pad_to_max_dimension", False)) or batch > 1,
        )
    return Unknown(f"its image resizer is {next(iter(resizers), 'none')}, of which only the API knows what it does")


def model_of(pipeline: Mapping[str, Any]) -> dict[str, Any] | Unknown:
    """Return the architecture's own part: `model.ssd` or `model.faster_rcnn`."""
    models = pipeline.get("model") or {}
    for name in ("ssd", "faster_rcnn"):
        if isinstance(models.get(name), dict):
            found: dict[str, Any] = models[name]
            return found
    return Unknown(f"its architecture is {next(iter(models), 'none')}; known: ssd, faster_rcnn")
