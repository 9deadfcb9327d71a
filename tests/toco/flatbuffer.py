"""Read the operators of a .tflite file, without a library that might hide a version.

Source: tensorflow/lite/schema/schema.fbs and the FlatBuffers internals page. Field numbers:
Model.{operator_codes 1, subgraphs 2}, SubGraph.operators 3, Operator.opcode_index 0,
OperatorCode.{deprecated_builtin_code 0, custom_code 1, version 2, builtin_code 3}.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

QUANTIZE = 114
CUSTOM = 32
FAKE_QUANT = 80


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the graph: its number in BuiltinOperator, its custom name ('' for a builtin), its version."""

    builtin: int
    custom: str
    version: int


def read_operators(path: Path) -> list[Operator]:
    """Return the operators of the first subgraph, in order."""
    data = path.read_bytes()

    def number(form: str, at: int) -> int:
        return int(struct.unpack_from("<" + form, data, at)[0])

    def field(table: int, index: int) -> int | None:
        vtable = table - number("i", table)
        slot = 4 + 2 * index
        offset = number("H", vtable + slot) if slot < number("H", vtable) else 0
        return table + offset if offset else None

    def scalar(table: int, index: int, form: str, default: int) -> int:
        at = field(table, index)
        return default if at is None else number(form, at)

    def tables(table: int, index: int) -> list[int]:
        at = field(table, index)
        assert at is not None
        vector = at + number("I", at)
        places = (vector + 4 + 4 * item for item in range(number("I", vector)))
        return [place + number("I", place) for place in places]

    def text(table: int, index: int) -> str:
        at = field(table, index)
        if at is None:
            return ""
        start = at + number("I", at)
        return data[start + 4 : start + 4 + number("I", start)].decode()

    model = number("I", 0)
    codes = [
        Operator(
            builtin=max(scalar(code, 0, "b", 0), scalar(code, 3, "i", 0)),
            custom=text(code, 1),
            version=scalar(code, 2, "i", 1),
        )
        for code in tables(model, 1)
    ]
    return [codes[scalar(operator, 0, "I", 0)] for operator in tables(tables(model, 2)[0], 3)]
