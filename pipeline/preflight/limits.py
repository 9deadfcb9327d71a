"""In which forms the Edge TPU takes an operator that it has: the "known limitations" of Coral's table, one by one.

https://coral.ai/docs/edgetpu/models-intro/#supported-operations, at runtime version 14. Only the three innermost
dimensions of a tensor are worked on, y, x and z; what lies outside of them is the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.preflight.operators import BIAS, PARAMETERS
from pipeline.preflight.tflite_file import Model, Operator, Tensor

INNER = 3
MOST_SOFTMAX = 16_000
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


@dataclass(frozen=True, slots=True)
class Limit:
    """Why an operator is not taken in its form: found and wanted in one sentence, the tensor, and what to do."""

    why: str
    tensor: Tensor | None
    remedy: str


def find_limit(model: Model, operator: Operator) -> Limit | None:
    """Say which limitation of Coral's table an operator breaks; None when it breaks none."""
    check = _CHECKS.get(operator.name)
    return check(_Form(model, operator)) if check else None


def outer_dimensions(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes outside of the three innermost dimensions."""
    return shape[:-INNER] if len(shape) > INNER else ()


@dataclass(frozen=True, slots=True)
class _Form:
    """One operator with its tensors at hand."""

    model: Model
    operator: Operator

    def input(self, place: int) -> Tensor | None:
        places = self.operator.inputs
        return self.model.tensors[places[place]] if place < len(places) and places[place] >= 0 else None

    @property
    def worked_on(self) -> list[Tensor]:
        skipped = {*PARAMETERS.get(self.operator.name, ()), BIAS.get(self.operator.name)}
        places = enumerate(self.operator.inputs)
        return [self.model.tensors[index] for place, index in places if index >= 0 and place not in skipped]

    @property
    def first(self) -> Tensor | None:
        return next((tensor for tensor in self.worked_on if not tensor.constant), None)

    @property
    def output(self) -> Tensor | None:
        return next((self.model.tensors[index] for index in self.operator.outputs if index >= 0), None)

    def option(self, number: int, kind: str = "i", *, default: int = 0) -> int:
        options = self.operator.options
        return default if options is None else options.scalar(number, kind, default=default)

    def numbers(self, place: int) -> tuple[int, ...]:
        """The numbers of a constant parameter; none where they are not in the file."""
        tensor = self.input(place)
        return (tensor.integers or ()) if tensor else ()


def _axis(axis: int, rank: int) -> int:
    return axis + rank if axis < 0 else axis


def _no_activation(number: int) -> Callable[[_Form], Limit | None]:
    def check(form: _Form) -> Limit | None:
        kind = form.option(number, "b")
        if kind == 0:
            return None
        name = ACTIVATIONS[kind] if 0 < kind < len(ACTIVATIONS) else str(kind)
        return Limit(
            f"it has the activation {name} fused into it; wanted none",
            form.output,
            "make the activation an operator of its own, or move it before this one",
        )

    return check


def _concatenation(form: _Form) -> Limit | None:
    fixed = [tensor for tensor in form.worked_on if tensor.constant]
    if fixed and (len(form.operator.inputs) != 2 or not fixed[0].zeros):
        return Limit(
            "it joins a tensor that is fixed in the file; wanted computed ones, or one and a single all-zero one",
            fixed[0],
            "pad with zeros instead, or join the fixed part on the CPU",
        )
    return _no_activation(1)(form)


def _same_dilation(number: int) -> Callable[[_Form], Limit | None]:
    def check(form: _Form) -> Limit | None:
        x, y = form.option(number, default=1), form.option(number + 1, default=1)
        if x == y:
            return None
        return Limit(f"its dilation is {x} in x and {y} in y; wanted the same", form.output, "use one dilation")

    return check


def _fully_connected(form: _Form) -> Limit | None:
    if form.option(1, "b"):
        return Limit("its weights are shuffled; wanted the default format", form.input(1), "convert it without")
    output = form.output
    if output and any(size != 1 for size in output.shape[:-1]):
        return Limit(
            f"its output is {_shape(output)}; wanted one dimension",
            output,
            "flatten before it, or use a 1x1 convolution, which is the same",
        )
    return None


def _reduction(form: _Form) -> Limit | None:
    tensor = form.first
    if tensor is None:
        return None
    rank = len(tensor.shape)
    axes = {_axis(axis, rank) for axis in form.numbers(1)}
    if any(axis < rank - INNER for axis in axes):
        return Limit("it reduces the batch", tensor, "reduce height, width or channels only")
    if form.operator.name == "MEAN" and rank - 1 in axes and rank and tensor.shape[-1] % 4:
        return Limit(
            f"it averages over {tensor.shape[-1]} channels; wanted a multiple of 4", tensor, "use 4, 8, 12... channels"
        )
    return None


def _pack(form: _Form) -> Limit | None:
    output = form.output
    if output and _axis(form.option(1), len(output.shape)) < len(output.shape) - INNER:
        return Limit("it packs along the batch", output, "pack along another axis")
    return None


def _pad(form: _Form) -> Limit | None:
    tensor = form.first
    if tensor and any(form.numbers(1)[: 2 * len(outer_dimensions(tensor.shape))]):
        return Limit("it pads the batch", tensor, "pad height, width or channels only")
    return None


def _prelu(form: _Form) -> Limit | None:
    alpha = form.input(1)
    if alpha and any(size != 1 for size in alpha.shape[:-1]):
        return Limit(
            f"its alpha is {_shape(alpha)}; wanted one a channel", alpha, "share it over the image: shared_axes=[1, 2]"
        )
    return None


def _softmax(form: _Form) -> Limit | None:
    tensor = form.first
    if tensor is None:
        return None
    wide = any(size != 1 for size in tensor.shape[:-1])
    if not wide and (not tensor.shape or tensor.shape[-1] <= MOST_SOFTMAX):
        return None
    return Limit(
        f"its input is {_shape(tensor)}; wanted one dimension of at most {MOST_SOFTMAX:,}",
        tensor,
        "score with a sigmoid, as the quantized presets do (score_converter: SIGMOID)",
    )


def _split(form: _Form) -> Limit | None:
    tensor = form.input(1)
    axes = form.numbers(0)
    if tensor and axes and _axis(axes[0], len(tensor.shape)) < len(tensor.shape) - INNER:
        return Limit("it splits the batch", tensor, "split along another axis")
    return None


def _strided_slice(form: _Form) -> Limit | None:
    strides = form.numbers(3)
    if any(stride != 1 for stride in strides):
        return Limit(f"its strides are {list(strides)}; wanted 1 everywhere", form.first, "slice without steps")
    for number, name in ((2, "ellipsis_mask"), (3, "new_axis_mask")):
        if form.option(number):
            return Limit(f"its {name} is {form.option(number)}; wanted 0", form.first, "give every axis of the slice")
    return None


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


_CHECKS: dict[str, Callable[[_Form], Limit | None]] = {
    "AVERAGE_POOL_2D": _no_activation(5),
    "CONCATENATION": _concatenation,
    "CONV_2D": _same_dilation(4),
    "DEPTHWISE_CONV_2D": _same_dilation(5),
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _no_activation(5),
    "MEAN": _reduction,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduction,
}
