"""Whether a .tflite sees the image that the checkpoint sees: normalization, order of the channels, resizing.

    check_input([(found, reference), ...])     # each [1, height, width, 3], as real numbers

`found` is what the file takes its input's numbers for, `reference` what the checkpoint's graph makes of the same
image. One line a channel is fitted through the pairs: where it is not "reference = found", the normalization is
another; where what remains is large, the pixels themselves are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

OFF_SLOPE = 0.03
OFF_SHIFT = 0.03
OFF_PIXELS = 0.1
"""What remains after the fit, as a share of the signal. Rounding to 8 bits leaves 0.01."""


@dataclass(frozen=True, slots=True)
class InputCheck:
    """reference = slope * found + shift; `remains` is the share of the signal that this leaves unexplained.

    `verdict` is "agrees", "normalization", "channels" (red and blue are swapped) or "pixels" (resized or decoded
    otherwise). `mean` and `std` are those that the file has, real = (pixel - mean) / std, and `wanted_*` those of the
    graph; None where the input is no pixel.
    """

    verdict: str
    slope: float
    shift: float
    remains: float
    remains_swapped: float
    mean: float | None = None
    std: float | None = None
    wanted_mean: float | None = None
    wanted_std: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check_input(pairs: Sequence[tuple[Floats, Floats]], *, step: float = 0, zero_point: int = 0) -> InputCheck:
    """Compare the inputs of some images; `step` and `zero_point` are those of the file's input, 0 for floats."""
    found, reference = (
        np.concatenate([pair[side].reshape(-1, pair[side].shape[-1]) for pair in pairs]).astype(np.float64)
        for side in (0, 1)
    )
    slope, shift, remains = _fit(found, reference)
    swapped = _fit(found[:, ::-1], reference)[2]
    verdict = "agrees"
    if remains > OFF_PIXELS and swapped < remains / 2:
        verdict = "channels"
    elif remains > OFF_PIXELS:
        verdict = "pixels"
    elif abs(slope - 1) > OFF_SLOPE or abs(shift) > OFF_SHIFT * float(np.abs(reference).max()):
        verdict = "normalization"
    if not step or slope <= 0:
        return InputCheck(verdict, slope, shift, remains, swapped)
    # found = (pixel - zero_point) * step, and reference = slope * found + shift
    wanted_std = 1 / (slope * step)
    return InputCheck(
        verdict, slope, shift, remains, swapped, mean=float(zero_point), std=1 / step,
        wanted_mean=zero_point - shift * wanted_std, wanted_std=wanted_std,
    )  # fmt: skip


def _fit(found: Floats, reference: Floats) -> tuple[float, float, float]:
    """Fit reference = slope * found + shift over all channels; return both and the share that remains."""
    x, y = found.ravel(), reference.ravel()
    spread = float(((x - x.mean()) ** 2).mean())
    slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread else 0.0
    shift = float(y.mean()) - slope * float(x.mean())
    size = float(np.sqrt((y**2).mean()))
    remains = float(np.sqrt(((y - slope * x - shift) ** 2).mean()))
    return slope, shift, remains / size if size else 0.0
