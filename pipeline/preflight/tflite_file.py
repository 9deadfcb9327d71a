"""Read what a .tflite file computes: operators, tensors, and the numbers that are fixed in it.

    model = read_model(Path("detect.tflite"))
    model.operators[0].name, model.tensors[model.operators[0].outputs[0]].shape     # CONV_2D, (1, 150, 150, 32)

The field numbers are those of the schema (tensorflow/lite/schema/schema.fbs), which never change their meaning.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema  # type: ignore[import-untyped]

from pipeline.errors import DataError
from pipeline.preflight.flatbuffer import MalformedError, Table, read_root

IDENTIFIER = b"TFL3"
MOST_DIMENSIONS = 32
MOST_BYTES = (1 << 31) - 1  # a flatbuffer's offsets reach no further
COMPILED = "edgetpu-custom-op"
WANTED = "wanted the .tflite that TOCO or another converter wrote"


def _names(constants: Any) -> dict[int, str]:
    return {value: name for name, value in vars(constants).items() if isinstance(value, int)}


OPERATORS = _names(schema.BuiltinOperator)
TYPES = _names(schema.TensorType)
CUSTOM: int = schema.BuiltinOperator.CUSTOM


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `shape` holds -1 where a size is only known when the model runs; `content` is None unless it is
    fixed in the file. `signature_dynamic` are the places of the shape that the converter left open, while giving
    a size to begin with. `quantized` says whether its numbers have a scale, `zero_point` which stands for zero."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    content: memoryview | None = None
    external: bool = False  # its numbers lie after the flatbuffer
    quantized: bool = False
    zero_point: int = 0
    signature_dynamic: tuple[int, ...] = ()
    variable: bool = False

    @property
    def constant(self) -> bool:
        return self.content is not None or self.external

    @property
    def integers(self) -> tuple[int, ...] | None:
        """The numbers of a small constant int32 or int64 tensor; None of any other."""
        kind = {"INT32": "i", "INT64": "q"}.get(self.type)
        if self.content is None or kind is None or len(self.content) > 256:
            return None
        size = struct.calcsize("<" + kind)
        return struct.unpack(f"<{len(self.content) // size}{kind}", self.content[: len(self.content) // size * size])

    @property
    def zeros(self) -> bool:
        """Whether every number of a constant 8-bit tensor stands for zero."""
        content = self.content
        if content is None or content[1:] != content[:-1]:
            return False
        return content[0] in (0, self.zero_point % 256)

    def to_json(self) -> dict[str, Any]:
        return {"index": self.index, "name": self.name, "shape": list(self.shape), "type": self.type}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator, in the order of the file. `inputs` and `outputs` are places in the tensors; -1 is left out."""

    index: int
    name: str
    custom: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """The main graph of a file, and how many others (bodies of loops and branches) there are beside it."""

    description: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    graphs: int = 1


def read_model(path: Path) -> Model:
    """Read a .tflite file; raises DataError for a file that is none, is broken, or is compiled already."""
    if not path.is_file():
        raise DataError(f"there is no TFLite model at {path}", hint="make export NAME=... makes one")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{path} has {size} bytes; a TFLite model has at most {MOST_BYTES}", hint=WANTED)
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return parse_model(data, name=str(path))


def parse_model(data: bytes, *, name: str) -> Model:
    """Parse the content of a .tflite file; `name` is what messages call it. Raises DataError as `read_model` does."""
    if not data:
        raise DataError(f"{name} is empty", hint="make it again: make export NAME=...")
    if data.startswith(b"version https://git-lfs"):
        raise DataError(f"{name} is a pointer of Git LFS, not the model itself", hint="git lfs pull")
    try:
        model = _parse(read_root(data, identifier=IDENTIFIER))
    except MalformedError as error:
        raise DataError(f"{name} is not a TFLite model: {error}", hint=WANTED) from error
    if any(operator.custom == COMPILED for operator in model.operators):
        raise DataError(
            f"{name} is compiled for the Edge TPU already: it holds {COMPILED}",
            hint="check the .tflite that it was compiled from, without _edgetpu in its name",
        )
    return model


def _parse(root: Table) -> Model:
    graphs = root.tables(2)
    if not graphs:
        raise MalformedError("it holds no graph")
    graph = graphs[0]
    codes = [_parse_code(code) for code in root.tables(1)]
    buffers = root.tables(4)
    tensors = tuple(_parse_tensor(index, one, buffers) for index, one in enumerate(graph.tables(0)))
    operators = tuple(_parse_operator(index, one, codes, len(tensors)) for index, one in enumerate(graph.tables(3)))
    if not operators:
        raise MalformedError("its graph holds no operator")
    ends = [_check_places(graph.numbers(number, "i"), len(tensors), "the graph") for number in (1, 2)]
    return Model(root.text(3), tensors, operators, ends[0], ends[1], len(graphs))


def _parse_code(code: Table) -> tuple[str, str, int]:
    """Return name, name of a custom operator, and version. Files from before 2020 only have the narrow number."""
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    custom = code.text(1) if number == CUSTOM else ""
    return OPERATORS.get(number, f"OPERATOR_{number}"), custom, code.scalar(2, "i", default=1)


def _parse_tensor(index: int, table: Table, buffers: list[Table]) -> Tensor:
    place = table.scalar(2, "I")
    if place >= max(len(buffers), 1):
        raise MalformedError(f"tensor {index} has buffer {place} of {len(buffers)}")
    buffer = buffers[place] if buffers else None
    content = buffer.content(0) if buffer and place else None
    quantization = table.table(4)
    shape = tuple(-1 if size < 0 else size for size in table.numbers(0, "i"))
    if len(shape) > MOST_DIMENSIONS:
        raise MalformedError(f"tensor {index} has {len(shape)} dimensions")
    kind = table.scalar(1, "b")
    zero_points = quantization.numbers(3, "q") if quantization else ()
    return Tensor(
        index=index,
        name=table.text(3) or f"tensor {index}",
        shape=shape,
        type=TYPES.get(kind, f"TYPE_{kind}"),
        content=content if content is not None and len(content) else None,
        external=buffer is not None and place > 0 and buffer.scalar(1, "Q") > 1,
        quantized=quantization is not None and quantization.count(2, size=4) > 0,
        zero_point=zero_points[0] if zero_points else 0,
        signature_dynamic=tuple(at for at, size in enumerate(table.numbers(7, "i")) if size < 0),
        variable=bool(table.scalar(5, "B")),
    )


def _parse_operator(index: int, table: Table, codes: list[tuple[str, str, int]], tensors: int) -> Operator:
    code = table.scalar(0, "I")
    if code >= len(codes):
        raise MalformedError(f"operator {index} has code {code} of {len(codes)}")
    name, custom, version = codes[code]
    inputs, outputs = (_check_places(table.numbers(number, "i"), tensors, f"operator {index}") for number in (1, 2))
    return Operator(index, name, custom, version, inputs, outputs, table.table(4))


def _check_places(places: tuple[int, ...], tensors: int, who: str) -> tuple[int, ...]:
    for place in places:
        if not -1 <= place < tensors:
            raise MalformedError(f"{who} names tensor {place} of {tensors}")
    return places
