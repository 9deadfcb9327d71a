"""tf.Example out of bytes, without TensorFlow or protobuf.

    Example   { features: Features = 1 }
    Features  { feature: map<string, Feature> = 1 }
    Feature   { oneof: bytes_list = 1, float_list = 2, int64_list = 3 }, each list { value = 1, packed where
    numeric }

Source: tensorflow/core/example/example.proto, feature.proto and https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pipeline.errors import DataError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK64 = 2**64 - 1


def decode_example(data: bytes) -> dict[str, list[bytes] | list[float] | list[int]]:
    """Decode a tf.Example written by anyone: packed or not, keys in any order, unknown fields left out.

    A feature without a kind is an empty list. Raises DataError where the bytes are no tf.Example.
    """
    result: dict[str, list[bytes] | list[float] | list[int]] = {}
    try:
        for number, features in _fields(memoryview(data)):
            if number != 1:
                continue
            for entry_number, entry in _fields(_as_bytes(features)):
                if entry_number != 1:
                    continue
                key, value = b"", memoryview(b"")
                for part, content in _fields(_as_bytes(entry)):
                    if part == 1:
                        key = bytes(_as_bytes(content))
                    elif part == 2:
                        value = _as_bytes(content)
                result[key.decode()] = _decode_feature(value)
    except (ValueError, struct.error) as error:
        raise DataError(f"not a tf.Example: {error}") from error
    return result


def _decode_feature(data: memoryview) -> list[bytes] | list[float] | list[int]:
    result: list[bytes] | list[float] | list[int] = []
    for kind, content in _fields(data):
        values = list(_fields(_as_bytes(content)))
        if kind == 1:
            result = [bytes(_as_bytes(value)) for number, value in values if number == 1]
        elif kind == 2:
            result = [item for number, value in values if number == 1 for item in _floats(value)]
        elif kind == 3:
            result = [item for number, value in values if number == 1 for item in _ints(value)]
    return result


def _floats(value: int | memoryview) -> list[float]:
    packed = value if isinstance(value, memoryview) else struct.pack("<I", value)
    return [item for (item,) in struct.iter_unpack("<f", packed)]


def _ints(value: int | memoryview) -> list[int]:
    if isinstance(value, int):
        return [_signed(value)]
    result, position = [], 0
    while position < len(value):
        item, position = _read_varint(value, position)
        result.append(_signed(item))
    return result


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _as_bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value): a view for length-delimited fields, the unsigned number for all others."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _read_varint(data, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, position = _read_varint(data, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field of wire type {kind}")
        if position + length > len(data):
            raise ValueError("a field longer than the rest of the message")
        content = data[position : position + length]
        position += length
        yield tag >> 3, content if kind == _BYTES else int.from_bytes(content, "little")


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & _MASK64, position
        shift += 7
    raise ValueError("a number that does not end")
