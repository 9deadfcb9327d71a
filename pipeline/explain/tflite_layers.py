"""Run a .tflite and look at every tensor in it, not only at its outputs.

    model = LayerRunner(Path("detect.tflite").read_bytes(), name="detect.tflite")
    values = model.run(image)                  # {tensor index: as stored, uint8 or float32}
    model.layers[0].name                       # "FeatureExtractor/MobilenetV2/Conv/Relu6"

TOCO calls a tensor after the last operation of the graph that it fused into the operator (convolution, folded batch
normalization, bias, activation), so that the name finds the same values in the graph.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType  # type: ignore[import-untyped]

from pipeline.detections.tflite_metadata import read_input
from pipeline.detections.tflite_runtime import fit
from pipeline.errors import DataError
from pipeline.preflight.tflite_file import Model, parse_model

WEIGHED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator's output. `inputs` and `tensor` are tensors of the file, `weights` too (None without any).

    `low` and `high` are the ends of the range that it can hold; infinite for floats. `step` is 0 for floats.
    """

    tensor: int
    name: str
    operator: str
    inputs: tuple[int, ...]
    weights: int | None
    weights_name: str | None
    shape: tuple[int, ...]
    step: float
    zero_point: int
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        # JSON has no infinity
        found["low"], found["high"] = (None if self.step == 0 else end for end in (self.low, self.high))
        return found


class LayerRunner:
    """A .tflite whose tensors are all kept. It runs without the delegate that would fuse them away, on one thread."""

    def __init__(self, content: bytes, *, name: str) -> None:
        """Load the content of a file; raises DataError for one that does not load."""
        self.model: Model = parse_model(content, name=name)
        try:
            self._interpreter = Interpreter(
                model_content=content,
                num_threads=1,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{name} is not a TFLite model that this runtime can load: {error}") from error
        self._details = {detail["index"]: detail for detail in self._interpreter.get_tensor_details()}
        self._description = read_input(content)
        self.input = int(self.model.inputs[0])
        self.layers = self._find_layers()
        self.dtype = np.dtype(self._details[self.input]["dtype"])

    def _find_layers(self) -> tuple[Layer, ...]:
        moving = set(self.model.inputs)
        layers = [self._layer(self.input, "INPUT", (), None)]
        for operator in self.model.operators:
            inputs = tuple(place for place in operator.inputs if place in moving)
            if inputs:
                moving.update(operator.outputs)
            if not inputs or operator.custom:
                continue
            weights = next((place for place in operator.inputs[1:2] if self.model.tensors[place].constant), None)
            known = weights if operator.name in WEIGHED else None
            layers += [self._layer(place, operator.name, inputs, known) for place in operator.outputs]
        return tuple(layers)

    def _layer(self, tensor: int, operator: str, inputs: tuple[int, ...], weights: int | None) -> Layer:
        detail = self._details[tensor]
        step, zero_point = detail["quantization"]
        kind = np.dtype(detail["dtype"])
        ends = (-np.inf, np.inf)
        if step and kind.kind in "iu":
            limits = np.iinfo(kind)
            ends = (float((limits.min - zero_point) * step), float((limits.max - zero_point) * step))
        return Layer(
            tensor=tensor,
            name=detail["name"],
            operator=operator,
            inputs=inputs,
            weights=weights,
            weights_name=None if weights is None else self._details[weights]["name"],
            shape=tuple(int(size) for size in detail["shape"]),
            step=float(step),
            zero_point=int(zero_point),
            low=ends[0],
            high=ends[1],
        )

    def post_process_inputs(self) -> tuple[int, int, int]:
        """Return the tensors that the post-processing reads: box encodings, scores, anchors."""
        operator = self.model.operators[-1]
        if not operator.custom or len(operator.inputs) != 3:
            raise DataError("the last operator is no post-processing of detections", hint="make tflite NAME=...")
        encodings, scores, anchors = operator.inputs
        return encodings, scores, anchors

    def describe_input(self) -> dict[str, Any]:
        """Return what artefact.json says of the input: its sides in pixels, and how an image is fitted into them."""
        _, height, width, _ = (int(size) for size in self._details[self.input]["shape"])
        return {"height": height, "width": width, "resize": self._description.resize}

    def to_input(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Turn a decoded image into the model's input as `pipeline.detections.tflite_runtime` does."""
        _, height, width, _ = (int(size) for size in self._details[self.input]["shape"])
        resized, _ = fit(image, self._description, height=height, width=width)
        if self.dtype == np.uint8:
            return np.rint(resized).astype(np.uint8)[np.newaxis]
        if self.dtype == np.int8:
            return (np.rint(resized) - 128).astype(np.int8)[np.newaxis]
        scale, offset = (np.array(one, np.float32) for one in (self._description.scale, self._description.offset))
        real: npt.NDArray[np.float32] = (resized * scale + offset)[np.newaxis]
        return real

    def run(self, image: npt.NDArray[np.uint8]) -> None:
        """Run one decoded image; `stored` and `real` then give its tensors."""
        self._interpreter.set_tensor(self._details[self.input]["index"], self.to_input(image))
        self._interpreter.invoke()

    def stored(self, tensor: int) -> npt.NDArray[Any]:
        """Return a copy of a tensor as it is stored."""
        values: npt.NDArray[Any] = self._interpreter.get_tensor(tensor)
        return values

    def real(self, tensor: int) -> npt.NDArray[np.float32]:
        """Return what a tensor's numbers stand for; weights with a scale a channel have it along their own axis."""
        values, parameters = self.stored(tensor), self._details[tensor]["quantization_parameters"]
        scales, zeros = parameters["scales"], parameters["zero_points"]
        if not len(scales) or values.dtype.kind == "f":
            return values.astype(np.float32)
        if len(scales) > 1:
            along = [1] * values.ndim
            along[parameters["quantized_dimension"]] = -1
            scales, zeros = scales.reshape(along), zeros.reshape(along)
        real: npt.NDArray[np.float32] = ((values.astype(np.float32) - zeros) * scales).astype(np.float32)
        return real
