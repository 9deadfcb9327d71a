"""One small model for each reason why the Edge TPU takes an operator or does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.preflight import operators as known
from pipeline.preflight.memory import ON_CHIP, Memory
from tests.preflight.models import Builder, detector

OPTIONS = "Operation is otherwise supported, but not mapped due to some unspecified limitation"


def statuses(builder: Builder) -> list[str]:
    return list(builder.judge().statuses)


def test_a_detector_works_although_its_post_processing_runs_on_the_cpu() -> None:
    found = detector().judge()
    assert (found.works, found.on_tpu, found.statuses) == (
        True,
        2,
        (known.MAPPED, known.MAPPED, "Operation is working on an unsupported data type"),
    )
    assert found.cuts == []


def test_a_classification_model_runs_there_whole() -> None:
    builder = Builder()
    features = builder.convolution(builder.given([1, 8, 8, 3]), 8)
    mean, scores, shares = (builder.tensor(shape) for shape in ([1, 8], [1, 5], [1, 5]))
    builder.operator("MEAN", [features, builder.numbers(1, 2)], [mean], kind="ReducerOptions")
    weights = builder.tensor([5, 8], content=bytes(40))
    bias = builder.tensor([5], "INT32", content=bytes(20))
    builder.operator("FULLY_CONNECTED", [mean, weights, bias], [scores], kind="FullyConnectedOptions")
    builder.operator("SOFTMAX", [scores], [shares], kind="SoftmaxOptions", beta=1.0)
    found = builder.judge()
    assert (found.works, found.on_tpu, found.refusals) == (True, 4, ())
    assert found.memory.parameters == 8 * 27 + 32 + 40 + 20


def test_an_operator_it_has_not_cuts_the_graph_and_strands_what_depends_on_it() -> None:
    builder = Builder()
    image = builder.given([1, 8, 8, 3])
    first = builder.convolution(image)
    leaky = builder.tensor([1, 8, 8, 8])
    builder.operator("LEAKY_RELU", [first], [leaky], kind="LeakyReluOptions")
    second = builder.convolution(leaky)
    beside = builder.convolution(first)  # does not wait for the CPU, though it stands after it
    joined = builder.tensor([1, 8, 8, 16])
    builder.operator("CONCATENATION", [second, beside], [joined], kind="ConcatenationOptions", axis=3)
    found = builder.judge()
    assert found.statuses == (
        known.MAPPED,
        "Operation not supported",
        "More than one subgraph is not supported",
        known.MAPPED,
        "More than one subgraph is not supported",
    )
    assert [(operator.name, after) for operator, after in found.cuts] == [("LEAKY_RELU", 2)]
    assert found.refusals[0].remedy == "use PRELU or RELU instead"
    assert found.works is False


def test_what_the_cpu_does_before_the_first_part_cuts_nothing() -> None:
    builder = Builder()
    pixels = builder.tensor([1, 8, 8, 3])
    builder.operator("QUANTIZE", [builder.given([1, 8, 8, 3], "FLOAT32", name="image")], [pixels])
    features = builder.convolution(pixels)
    scores = builder.tensor([1, 8, 8, 8], "FLOAT32", name="scores")
    builder.operator("DEQUANTIZE", [features], [scores])
    found = builder.judge()
    assert found.statuses == (OPTIONS, known.MAPPED, "Operation is working on an unsupported data type")
    assert found.cuts == []
    assert {refusal.tensor.name for refusal in found.refusals if refusal.tensor} == {"image", "scores"}
    assert "uint8 input" in found.refusals[0].remedy


def test_a_batch_of_two_is_refused_by_its_tensor() -> None:
    builder = Builder()
    builder.convolution(builder.given([2, 8, 8, 3], name="images"))
    (refusal,) = builder.judge().refusals
    assert refusal.status == "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"
    assert refusal.tensor and (refusal.tensor.name, refusal.tensor.shape) == ("images", (2, 8, 8, 3))


def test_eight_bit_numbers_without_a_scale_are_no_quantized_ones() -> None:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3], scale=False))
    assert statuses(builder) == ["Operation is working on an unsupported data type"]


def test_weights_alone_in_eight_bits_are_not_enough() -> None:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3], "FLOAT32"), kind="INT8")
    assert statuses(builder) == ["Operation is working on an unsupported data type"]
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3], "INT8"), kind="FLOAT16")
    assert statuses(builder) == ["Operation is working on an unsupported data type"]


def test_computed_weights_are_refused() -> None:
    builder = Builder()
    image, weights = builder.given([1, 8, 8, 3]), builder.given([4, 3, 3, 3], name="weights")
    output = builder.tensor([1, 8, 8, 4])
    builder.operator("CONV_2D", [image, weights], [output], kind="Conv2DOptions")
    builder.graph.tensors[weights].shape = [1, 3, 3, 4]
    assert statuses(builder) == ["Filter, bias, or other param is not constant at compile-time"]


@pytest.mark.parametrize(
    ("name", "version", "refused"),
    [("CONV_2D", 5, False), ("CONV_2D", 6, True), ("QUANTIZE", 3, True), ("GELU", 1, True), ("ADD", 3, False)],
)
def test_versions_after_the_compilers_refuse_the_whole_file(name: str, version: int, refused: bool) -> None:
    builder = Builder()
    features = builder.convolution(builder.given([1, 8, 8, 3]), version=version if name == "CONV_2D" else 1)
    if name != "CONV_2D":
        output = builder.tensor([1, 8, 8, 8])
        builder.operator(name, [features] * (2 if name == "ADD" else 1), [output], version=version)
    found = builder.judge()
    assert found.works is not refused
    fatal = [refusal for refusal in found.refusals if refusal.fatal]
    assert bool(fatal) is refused
    if fatal:
        assert found.on_tpu == 0
        assert fatal[0].status == "Operation version not supported"
        assert fatal[0].fatal == f"Didn't find op for builtin opcode '{name}' version '{version}'"
        assert "make export" in fatal[0].remedy


def dynamic_height() -> Builder:
    builder = Builder()
    builder.convolution(builder.given([1, 1, 1, 3], signature=[1, -1, -1, 3], name="image"))
    return builder


def unknown_size() -> Builder:
    builder = Builder()
    builder.convolution(builder.given([1, -1, 8, 3], name="image"))
    return builder


def computed_shape() -> Builder:
    builder = Builder()
    features = builder.convolution(builder.given([1, 8, 8, 3]))
    shape = builder.tensor([4], "INT32", name="image")
    builder.operator("SHAPE", [features], [shape], kind="ShapeOptions")
    builder.operator("RESHAPE", [features, shape], [builder.tensor([1, 8, 8, 8])])
    return builder


@pytest.mark.parametrize("build", [dynamic_height, unknown_size, computed_shape])
def test_dynamic_shapes_refuse_the_whole_file_and_name_the_tensor(build: Callable[[], Builder]) -> None:
    found = build().judge()
    assert (found.works, found.on_tpu) == (False, 0)
    refusal = next(refusal for refusal in found.refusals if refusal.fatal)
    assert refusal.fatal and refusal.fatal.startswith("Attempting to use a delegate that only supports static-sized")
    assert refusal.tensor and refusal.tensor.name == "image"
    assert "input_shapes" in refusal.remedy


def test_a_batch_left_open_that_nothing_computes_with_is_taken_as_one() -> None:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3], signature=[-1, 8, 8, 3]))
    assert builder.judge().works is True


def test_a_custom_operator_that_the_compiler_cannot_load_refuses_the_file() -> None:
    builder = Builder()
    features = builder.convolution(builder.given([1, 8, 8, 3]))
    builder.operator("CUSTOM", [features], [builder.tensor([1, 8, 8, 8])], custom="FlexErf")
    found = builder.judge()
    assert found.on_tpu == 0
    assert found.refusals[0].fatal == "Encountered unresolved custom op: FlexErf."
    assert found.statuses == ("Compilation failed", "Operation not supported")


def test_loops_and_branches_need_attention() -> None:
    builder = detector()
    builder.model.subgraphs.append(builder.graph)
    found = builder.judge()
    assert found.works is False
    assert found.notes == ["the file holds 2 graphs (loops or branches); the compiler takes the first alone"]


def with_one(name: str, *parameters: Callable[[Builder], int], output: list[int], first: bool = True, **options):
    """Return a model of one operator on an image of 8x8x6, and what the preflight says of it."""
    builder = Builder()
    image = builder.given([1, 8, 8, 6], name="image")
    extra = [parameter(builder) for parameter in parameters]
    inputs = [image, *extra] if first else [*extra, image]
    builder.operator(name, inputs, [builder.tensor(output)], **options)
    return builder.judge()


def numbers(*values: int) -> Callable[[Builder], int]:
    return lambda builder: builder.numbers(*values)


def constant(shape: list[int], content: bytes, zero_point: int = 0) -> Callable[[Builder], int]:
    return lambda builder: builder.tensor(shape, content=content, zero_point=zero_point)


POOL = {"kind": "Pool2DOptions", "strideW": 1, "strideH": 1, "filterWidth": 2, "filterHeight": 2}
SAME = [1, 8, 8, 6]
LIMITS: list[tuple[str, list[Callable[[Builder], int]], dict, str | None]] = [
    ("AVERAGE_POOL_2D", [], {"output": SAME, **POOL}, None),
    ("AVERAGE_POOL_2D", [], {"output": SAME, **POOL, "fusedActivationFunction": 3}, "the activation RELU6 fused"),
    ("MAX_POOL_2D", [], {"output": SAME, **POOL, "fusedActivationFunction": 1}, "the activation RELU fused"),
    ("CONCATENATION", [constant([1, 8, 8, 2], bytes(128))], {"output": [1, 8, 8, 8]}, None),
    ("CONCATENATION", [constant([1, 8, 8, 2], b"\x80" * 128, 128)], {"output": [1, 8, 8, 8]}, None),
    ("CONCATENATION", [constant([1, 8, 8, 2], b"\1" * 128)], {"output": [1, 8, 8, 8]}, "fixed in the file"),
    ("MEAN", [numbers(1, 2)], {"output": [1, 6]}, None),
    ("MEAN", [numbers(0)], {"output": [8, 8, 6]}, "it reduces the batch"),
    ("MEAN", [numbers(-1)], {"output": [1, 8, 8]}, "it averages over 6 channels; wanted a multiple of 4"),
    ("REDUCE_MAX", [numbers(3)], {"output": [1, 8, 8]}, None),
    ("SUM", [numbers(-4)], {"output": [8, 8, 6]}, "it reduces the batch"),
    ("PACK", [], {"output": [1, 1, 8, 8, 6], "kind": "PackOptions", "axis": 0}, "it packs along the batch"),
    ("PAD", [numbers(0, 0, 1, 1, 1, 1, 0, 0)], {"output": [1, 10, 10, 6]}, None),
    ("PAD", [numbers(0, 0, 0, 0, 0, 0, 0, 2)], {"output": [1, 8, 8, 8]}, None),
    ("PRELU", [constant([1, 1, 6], bytes(6))], {"output": SAME}, None),
    ("PRELU", [constant([8, 8, 6], bytes(384))], {"output": SAME}, "its alpha is 8x8x6; wanted one a channel"),
    ("SOFTMAX", [], {"output": SAME}, "its input is 1x8x8x6; wanted one dimension of at most 16,000"),
    ("STRIDED_SLICE", [numbers(0) , numbers(1), numbers(1, 1, 1, 1)], {"output": SAME}, None),
    ("STRIDED_SLICE", [numbers(0), numbers(1), numbers(1, 2, 2, 1)], {"output": SAME}, "its strides are [1, 2, 2, 1]"),
    (
        "STRIDED_SLICE", [numbers(0), numbers(1), numbers(1, 1, 1, 1)],
        {"output": SAME, "kind": "StridedSliceOptions", "newAxisMask": 1}, "its new_axis_mask is 1; wanted 0",
    ),
    ("SPLIT", [numbers(3)], {"output": SAME, "first": False}, None),
    ("SPLIT", [numbers(0)], {"output": SAME, "first": False}, "it splits the batch"),
    ("FULLY_CONNECTED", [constant([6, 6], bytes(36))], {"output": [64, 6]}, "its output is 64x6; wanted one dimension"),
    (
        "FULLY_CONNECTED", [constant([6, 6], bytes(36))],
        {"output": [1, 6], "kind": "FullyConnectedOptions", "weightsFormat": 1}, "its weights are shuffled",
    ),
    ("RESIZE_BILINEAR", [numbers(16, 16)], {"output": [1, 16, 16, 6]}, None),
    ("TRANSPOSE", [numbers(0, 2, 1, 3)], {"output": SAME}, None),
    ("SQUEEZE", [], {"output": [8, 8, 6]}, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "options", "why"), LIMITS)
def test_each_limitation_of_corals_table_is_told(
    name: str, parameters: list[Callable[[Builder], int]], options: dict, why: str | None
) -> None:
    found = with_one(name, *parameters, **options)
    if why is None:
        assert (found.statuses, found.refusals) == ((known.MAPPED,), ())
        return
    (refusal,) = found.refusals
    assert refusal.status == OPTIONS
    assert why in refusal.why
    assert refusal.tensor is not None
    assert refusal.remedy


def test_dilation_has_to_be_the_same_in_both_directions() -> None:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3]), dilationWFactor=2, dilationHFactor=1)
    (refusal,) = builder.judge().refusals
    assert refusal.why == "its dilation is 2 in x and 1 in y; wanted the same"


@pytest.mark.parametrize(("size", "verdict"), [(3 << 20, "fits"), (7 << 20, "close"), (ON_CHIP + 5, "streams")])
def test_parameters_are_held_against_eight_megabytes(size: int, verdict: str) -> None:
    told = Memory(size).to_json()
    assert (told["verdict"], told["streamed_bytes"]) == (verdict, max(0, size - ON_CHIP))
