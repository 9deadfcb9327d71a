"""tf.Example as bytes, without TensorFlow or protobuf; `pipeline.tfrecord.example` is the way back.

    Example   { features: Features = 1 }
    Features  { feature: map<string, Feature> = 1 }
    Feature   { oneof: bytes_list = 1, float_list = 2, int64_list = 3 }, each list { value = 1, packed where
    numeric }

Source: tensorflow/core/example/example.proto, feature.proto and
https://protobuf.dev/programming-guides/encoding. Keys are written sorted, so equal features are equal
bytes, which protobuf's own map does not promise.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from typing import Any

Feature = Sequence[bytes] | Sequence[float] | Sequence[int]
_BYTES = 2
_MASK64 = 2**64 - 1


def encode_example(
    *,
    byte_lists: Mapping[str, Sequence[bytes]],
    float_lists: Mapping[str, Sequence[float]],
    int_lists: Mapping[str, Sequence[int]],
) -> bytes:
    """Encode features by kind. Floats become 32-bit, ints must fit in 64 bits, signed."""
    kinds: tuple[tuple[int, Mapping[str, Sequence[Any]]], ...] = ((1, byte_lists), (2, float_lists), (3, int_lists))
    lists = [(key, kind, values) for kind, features in kinds for key, values in features.items()]
    # image/encoded makes this long: its bytes are copied once, not once a level.
    parts: list[bytes] = [b""]
    for key, kind, values in sorted(lists, key=_key_of):
        pieces = _list_pieces(kind, values)
        parts.append(_entry_head(key, kind, sum(map(len, pieces))))
        parts += pieces
    parts[0] = _prefix(1, sum(map(len, parts)))
    return b"".join(parts)


def _key_of(entry: tuple[str, int, Sequence[Any]]) -> str:
    return entry[0]


def _list_pieces(kind: int, values: Sequence[Any]) -> list[bytes]:
    if not values:
        return []
    if kind == 1:
        return [piece for value in values for piece in (_prefix(1, len(value)), value)]
    if kind == 2:
        packed = struct.pack(f"<{len(values)}f", *values)
    elif min(values) >= 0 and max(values) < 0x80:
        packed = bytes(values)
    else:
        packed = b"".join(map(_varint, values))
    return [_prefix(1, len(packed)), packed]


@functools.lru_cache(maxsize=4096)
def _entry_head(key: str, kind: int, length: int) -> bytes:
    """Return what stands before the list of a feature of so many bytes: the key, and the lengths of all levels."""
    name = key.encode()
    key_field = _prefix(1, len(name)) + name
    head = _prefix(kind, length)
    feature_head = _prefix(2, len(head) + length)
    return _prefix(1, len(key_field) + len(feature_head) + len(head) + length) + key_field + feature_head + head


_SHORT = [[bytes((number << 3 | _BYTES, length)) for length in range(0x80)] for number in range(4)]
"""The prefixes of all short fields."""


def _prefix(number: int, length: int) -> bytes:
    return _SHORT[number][length] if length < 0x80 else bytes((number << 3 | _BYTES,)) + _varint(length)


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= _MASK64
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)
