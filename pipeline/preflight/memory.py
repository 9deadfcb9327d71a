"""How much of the Edge TPU's 8 MB the model's parameters take.

The compiler keeps the parameters of the mapped operators in the chip's memory, and streams those that do not fit for
every image, which is slower. What it prints for a compiled model, used and remaining together, lay between 7.0 and
8.0 MiB for small images in logs that people published; its own padding made parameters up to a tenth larger than in
the file (google-coral/edgetpu#60, #356; tensorflow/models#9033). Only the compiler knows exactly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pipeline.preflight.operators import PARAMETERS
from pipeline.preflight.tflite_file import Model

ON_CHIP = 8 << 20
USABLE = 7 << 20
PADDING = 1.1
BASIS = (
    "weights and biases of the operators that are mapped, as large as in the file; the compiler's padding may add a "
    "tenth, and it keeps up to 1 MiB of the 8 for itself"
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the mapped operators' parameters take in the file, in bytes."""

    parameters: int

    @property
    def verdict(self) -> str:
        """fits, close or streams."""
        if self.parameters * PADDING <= USABLE:
            return "fits"
        return "close" if self.parameters <= ON_CHIP else "streams"

    def to_json(self) -> dict[str, Any]:
        return {
            "on_chip_bytes": ON_CHIP,
            "parameter_bytes": self.parameters,
            "streamed_bytes": max(0, self.parameters - ON_CHIP),
            "verdict": self.verdict,
            "basis": BASIS,
        }


def estimate_memory(model: Model, mapped: Collection[int]) -> Memory:
    """Add up the parameters of the mapped operators; one that several operators share counts once."""
    sizes: dict[int, int] = {}
    for index in mapped:
        operator = model.operators[index]
        for place, tensor in enumerate(operator.inputs):
            content = model.tensors[tensor].content if tensor >= 0 else None
            if content is not None and place not in PARAMETERS.get(operator.name, ()):
                sizes[tensor] = len(content)
    return Memory(sum(sizes.values()))
