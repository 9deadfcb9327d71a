"""Small .tflite files, written operator by operator with the schema's own generated code."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from pipeline.preflight.report import Preflight, preflight
from pipeline.preflight.tflite_file import parse_model

Places = Sequence[int]


class Builder:
    """A model in the making: `tensor` and `operator` return or take places, `pack` gives the file's bytes."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "made by a test"
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, shape: Places, kind: str = "UINT8", *, content: bytes | None = None, scale: bool | None = None,
        signature: Places | None = None, name: str | None = None, zero_point: int = 0,
    ) -> int:  # fmt: skip
        tensor = schema.TensorT()
        tensor.shape, tensor.type = list(shape), getattr(schema.TensorType, kind)
        tensor.name = name or f"tensor_{len(self.graph.tensors)}"
        if signature is not None:
            tensor.shapeSignature = list(signature)
        if content is not None:
            buffer = schema.BufferT()
            buffer.data = list(content)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale if scale is not None else kind in ("UINT8", "INT8"):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5], [zero_point]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def given(self, shape: Places, kind: str = "UINT8", **more: Any) -> int:
        place = self.tensor(shape, kind, **more)
        self.graph.inputs.append(place)
        return place

    def numbers(self, *values: int) -> int:
        return self.tensor([len(values)], "INT32", content=struct.pack(f"<{len(values)}i", *values))

    def operator(
        self, name: str, inputs: Places, outputs: Places, *, version: int = 1, custom: str | None = None, **options: Any
    ) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version, code.customCode = min(code.builtinCode, 127), version, custom
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options:
            kind = options.pop("kind")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, kind + "T")()
            for field, value in options.items():
                assert hasattr(operator.builtinOptions, field), field
                setattr(operator.builtinOptions, field, value)
        self.graph.operators.append(operator)

    def convolution(self, source: int, channels: int = 8, *, kind: str = "UINT8", **options: Any) -> int:
        """Add a 3x3 convolution with its weights and bias; return its output."""
        shape = list(self.graph.tensors[source].shape)
        wide = {"FLOAT32": 4, "FLOAT16": 2}.get(kind, 1)
        size = channels * 9 * shape[-1]
        weights = self.tensor([channels, 3, 3, shape[-1]], kind, content=bytes(size * wide), name="weights")
        bias = self.tensor([channels], "FLOAT32" if wide > 1 else "INT32", content=bytes(4 * channels), name="bias")
        output = self.tensor([*shape[:-1], channels], self.kind(source), name=f"conv_{len(self.graph.operators)}")
        version = options.pop("version", 1)
        self.operator(
            "CONV_2D", [source, weights, bias], [output], version=version, kind="Conv2DOptions",
            **{"strideW": 1, "strideH": 1, **options},
        )  # fmt: skip
        return output

    def kind(self, place: int) -> str:
        kinds = vars(schema.TensorType).items()
        return next(name for name, value in kinds if value == self.graph.tensors[place].type)

    def pack(self) -> bytes:
        if not len(self.graph.outputs):
            self.graph.outputs = [operator.outputs[0] for operator in self.graph.operators[-1:]]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def judge(self) -> Preflight:
        data = self.pack()
        return preflight(parse_model(data, name="test.tflite"), file="test.tflite", size_bytes=len(data))

    def write(self, path: Path) -> Path:
        path.write_bytes(self.pack())
        return path


def unpack(path: Path) -> Builder:
    """Return a builder that holds a file's model, to be changed."""
    builder = Builder()
    builder.model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    builder.graph = builder.model.subgraphs[0]
    return builder


def detector(*, activation: str = "UINT8") -> Builder:
    """A detector of three operators: convolution, reshape, post-processing."""
    builder = Builder()
    kind = activation
    features = builder.convolution(builder.given([1, 8, 8, 3], kind, name="image"), 4, kind=kind)
    boxes = builder.tensor([1, 64, 4], kind, name="boxes")
    builder.operator("RESHAPE", [features, builder.numbers(1, 64, 4)], [boxes])
    outputs = [builder.tensor([], "FLOAT32", name="TFLite_Detection_PostProcess" + more) for more in ("", ":1")]
    builder.operator("CUSTOM", [boxes], outputs, custom="TFLite_Detection_PostProcess")
    return builder
