"""Judge one operator at a time: does the Edge TPU take it, and if not, because of which tensor.

The words of the compiler (`status`) stand beside ours (`why`), and what to do about it in the terms of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.preflight import operators as known
from pipeline.preflight.limits import find_limit, outer_dimensions
from pipeline.preflight.tflite_file import Model, Operator, Tensor

EIGHT_BIT = ("UINT8", "INT8")
TRAIN_QUANTIZED = (
    "train a quantized preset and export it: make train MODEL=ssd_mobilenet_v2_quantized (make models lists the others)"
)
UINT8_INPUT = "convert it with a uint8 input (inference_input_type); make export does"
FIXED_SIZE = "give every size a number before converting (input_shapes=[1, height, width, 3]); make export does that"
BATCH_ONE = "convert it for one image at a time: a batch of 1"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One operator that stays on the CPU, or because of which the whole file is refused (`fatal`)."""

    operator: Operator
    status: str
    why: str
    tensor: Tensor | None
    remedy: str
    expected: bool = False
    fatal: str | None = None  # what the compiler says when it ends

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.operator.index,
            "operator": self.operator.name,
            "custom": self.operator.custom or None,
            "version": self.operator.version,
            "status": self.status,
            "why": self.why,
            "tensor": self.tensor.to_json() if self.tensor else None,
            "remedy": self.remedy,
            "expected": self.expected,
            "compiler_ends_with": self.fatal,
        }


def find_refusal(model: Model, operator: Operator) -> Refusal | None:
    """Say why an operator is not taken; None when it is, as far as the file can tell."""
    fatal = _find_fatal(model, operator)
    if fatal:
        return fatal
    if operator.custom == known.POST_PROCESS:
        output = next((model.tensors[place] for place in operator.outputs if place >= 0), None)
        return Refusal(
            operator,
            known.DATA_TYPE,
            "the post-processing of detections (boxes, non-maximum suppression) gives float32",
            output,
            "nothing: it runs on the CPU in every Coral detector",
            expected=True,
        )
    if operator.name == "DEQUANTIZE" and _feeds_post_processing(model, operator):
        return Refusal(
            operator,
            known.DATA_TYPE,
            "it turns numbers back into float32 for the post-processing, which runs on the CPU",
            _output(model, operator),
            "nothing: int8 models have it there",
            expected=True,
        )
    numbers = _find_numbers(model, operator)
    for tensor in numbers:
        outer = outer_dimensions(tensor.shape)
        if any(size > 1 for size in outer):
            return Refusal(
                operator,
                known.RANK,
                f"more than its three innermost dimensions are larger than 1: {list(outer)} comes before them",
                tensor,
                BATCH_ONE,
            )
    for tensor in numbers:
        refusal = _find_wrong_type(operator, tensor, model)
        if refusal:
            return refusal
    if operator.name not in known.SUPPORTED:
        name = f"custom operator {operator.custom}" if operator.custom else operator.name
        return Refusal(
            operator, known.NOT_SUPPORTED, f"the Edge TPU has no {name}", _output(model, operator), _replace(operator)
        )
    refusal = _find_computed_weights(model, operator)
    if refusal:
        return refusal
    limit = find_limit(model, operator)
    return Refusal(operator, known.LIMITATION, limit.why, limit.tensor, limit.remedy) if limit else None


def _feeds_post_processing(model: Model, operator: Operator) -> bool:
    """Tell whether an operator's output goes to the post-processing of detections, and nowhere else."""
    readers = [one for one in model.operators if set(operator.outputs) & set(one.inputs)]
    return bool(readers) and all(one.custom == known.POST_PROCESS for one in readers)


def _find_fatal(model: Model, operator: Operator) -> Refusal | None:
    """Say what the compiler, which loads the whole file before all else, cannot load of this operator."""
    newest = known.newest_version(operator.name)
    if operator.version > newest:
        known_of_it = f"knows versions up to {newest}" if newest else "does not know it"
        return Refusal(
            operator,
            known.VERSION,
            f"it is {operator.name} version {operator.version}; compiler {known.COMPILER}, the last, {known_of_it}",
            _output(model, operator),
            "convert it with TensorFlow 1.15, which writes version 1 of all: make export does",
            fatal=f"Didn't find op for builtin opcode '{operator.name}' version '{operator.version}'",
        )
    if operator.name == "CUSTOM" and operator.custom not in known.KNOWN_CUSTOM:
        return Refusal(
            operator,
            known.NOT_SUPPORTED,
            f"the compiler cannot load the custom operator {operator.custom or 'without a name'}",
            _output(model, operator),
            "convert it without custom and TensorFlow operators (allow_custom_ops, SELECT_TF_OPS)",
            fatal=f"Encountered unresolved custom op: {operator.custom}.",
        )
    found = _find_dynamic(model, operator)
    return found and Refusal(operator, known.DYNAMIC, found[0], found[1], FIXED_SIZE, fatal=known.STATIC_ONLY)


def _find_dynamic(model: Model, operator: Operator) -> tuple[str, Tensor] | None:
    """Find the tensor because of which sizes are only known when the model runs.

    A batch that the converter left open while giving it the size 1 stays 1, unless something computes with it.
    """
    for place in (*operator.inputs, *operator.outputs):
        tensor = model.tensors[place] if place >= 0 else None
        if tensor is None or tensor.constant:
            continue
        if any(size < 1 for size in tensor.shape):
            return "its shape has a size that is not known", tensor
        open_sizes = [
            at for at in tensor.signature_dynamic if at > 0 or at < len(tensor.shape) and tensor.shape[at] != 1
        ]
        if open_sizes:
            return f"its shape may change when the model runs, in dimension {open_sizes[0]}", tensor
    for at in known.PARAMETERS.get(operator.name, ()):
        place = operator.inputs[at] if at < len(operator.inputs) else -1
        if place >= 0 and not model.tensors[place].constant:
            return "it is computed when the model runs, and the size of the output with it", model.tensors[place]
    return None


def _find_numbers(model: Model, operator: Operator) -> list[Tensor]:
    """Find the tensors that an operator works on: inputs that are computed, then outputs."""
    parameters = known.PARAMETERS.get(operator.name, ())
    inputs = [place for at, place in enumerate(operator.inputs) if place >= 0 and at not in parameters]
    tensors = [model.tensors[place] for place in (*inputs, *operator.outputs) if place >= 0]
    return [tensor for tensor in tensors if not tensor.constant]


def _find_wrong_type(operator: Operator, tensor: Tensor, model: Model) -> Refusal | None:
    if tensor.type in EIGHT_BIT and tensor.quantized:
        return None
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" and tensor.variable:
        return None
    found = f"its {tensor.type.lower()} numbers have no scale" if tensor.type in EIGHT_BIT else tensor.type.lower()
    if operator.name in ("QUANTIZE", "DEQUANTIZE"):
        status = known.LIMITATION if operator.name == "QUANTIZE" else known.DATA_TYPE
        return Refusal(operator, status, f"it turns {found} into quantized numbers or back", tensor, UINT8_INPUT)
    remedy = TRAIN_QUANTIZED if "FLOAT" in tensor.type else "compute it on the CPU, or leave it out of the model"
    return Refusal(operator, known.DATA_TYPE, f"it works on {found}; wanted int8 or uint8", tensor, remedy)


def _find_computed_weights(model: Model, operator: Operator) -> Refusal | None:
    for at in (known.WEIGHTS.get(operator.name), known.BIAS.get(operator.name)):
        place = operator.inputs[at] if at is not None and at < len(operator.inputs) else -1
        if place < 0:
            continue
        tensor = model.tensors[place]
        if not tensor.constant:
            why = "weights or bias are computed; wanted them fixed in the file"
            return Refusal(operator, known.NOT_CONSTANT, why, tensor, "freeze the graph first: make export does")
        if "FLOAT" in tensor.type:
            why = f"its weights are {tensor.type.lower()}; wanted int8 or uint8"
            return Refusal(operator, known.DATA_TYPE, why, tensor, TRAIN_QUANTIZED)
    return None


def _output(model: Model, operator: Operator) -> Tensor | None:
    return next((model.tensors[place] for place in operator.outputs if place >= 0), None)


def _replace(operator: Operator) -> str:
    instead = {
        "HARD_SWISH": "use RELU6 instead: the ssdlite_mobiledet_edgetpu and ssd_mobilenet_*_quantized presets do",
        "LEAKY_RELU": "use PRELU or RELU instead",
        "PADV2": "use PAD instead",
        "SPLIT_V": "use SPLIT, with parts of one size, instead",
        "IF": "convert it without control flow",
        "WHILE": "convert it without control flow: the SSD graph that make export cuts before the post-processing",
    }
    return instead.get(operator.name, "use a preset that exports to the Edge TPU: make models lists them")
