"""Does Frigate read this model right? It takes a .tflite on trust, and what does not fit becomes wrong boxes.

Its detectors `cpu` and `edgetpu` (frigate/detectors/plugins/{cpu,edgetpu}_tfl.py) give uint8 pixels [1, height, width,
3] to the first input, and read the outputs by position: boxes, class ids, scores, count (frigate#9433, #3437).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import DataError
from pipeline.preflight.operators import POST_PROCESS
from pipeline.preflight.tflite_file import Model

UINT8 = "use detect.tflite of an export, which takes uint8, not detect_float.tflite: make export NAME=..."
OUTPUTS = ("boxes", "class ids", "scores", "count")


@dataclass(frozen=True, slots=True)
class Size:
    """What Frigate has to be told: the model's input, in pixels."""

    width: int
    height: int


def check_fit(model: Model, *, name: str) -> Size:
    """Return the size of a model's input; raises DataError, naming what does not fit, for one that Frigate misreads."""
    if len(model.inputs) != 1:
        raise DataError(f"{name}: Frigate gives a model one input, and this one has {len(model.inputs)}")
    image = model.tensors[model.inputs[0]]
    if len(image.shape) != 4 or image.shape[0] != 1 or image.shape[3] != 3 or min(image.shape) < 1:
        raise DataError(f"{name}: its input {image.name} is {list(image.shape)}; Frigate gives [1, height, width, 3]")
    if image.type != "UINT8":
        raise DataError(
            f"{name}: its input {image.name} is {image.type.lower()}; Frigate gives pixels as uint8", hint=UINT8
        )
    last = next((one for one in model.operators if one.custom == POST_PROCESS), None)
    if last is None:
        raise DataError(f"{name}: it has no {POST_PROCESS}, whose outputs Frigate reads", hint="make export NAME=...")
    if model.outputs != last.outputs or len(last.outputs) != len(OUTPUTS):
        found = ", ".join(model.tensors[place].name for place in model.outputs)
        raise DataError(
            f"{name}: its outputs are {found}; Frigate reads by position {', '.join(OUTPUTS)}",
            hint="convert it with the four outputs of the post-processing in their order: make export does",
        )
    return Size(width=image.shape[2], height=image.shape[1])
