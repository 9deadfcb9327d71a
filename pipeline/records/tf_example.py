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
    lists: dict[str, tuple[int, Sequence[Any]]] = {
        key: (kind, values) for kind, features in kinds for key, values in features.items()
    }
    # image/encoded makes this long: its bytes are copied once, not once a level.
    parts: list[bytes] = [b""]
    for key, (kind, values) in sorted(lists.items()):
        pieces = _list_pieces(kind, values)
        content = sum(map(len, pieces))
        head = _prefix(kind, content)
        feature_head = _prefix(2, len(head) + content)
        key_field = _key_field(key)
        parts.append(_prefix(1, len(key_field) + len(feature_head) + len(head) + content))
        parts += (key_field, feature_head, head, *pieces)
    parts[0] = _prefix(1, sum(map(len, parts)))
    return b"".join(parts)


def _list_pieces(kind: int, values: Sequence[Any]) -> list[bytes]:
    if kind == 1:
        return [piece for value in values for piece in (_prefix(1, len(value)), value)]
    if not values:
        return []
    packed = struct.pack(f"<{len(values)}f", *values) if kind == 2 else b"".join(map(_varint, values))
    return [_prefix(1, len(packed)), packed]


@functools.lru_cache(maxsize=256)
def _key_field(key: str) -> bytes:
    name = key.encode()
    return _prefix(1, len(name)) + name


def _prefix(number: int, length: int) -> bytes:
    if length < 0x80:
        return bytes((number << 3 | _BYTES, length))
    return bytes((number << 3 | _BYTES,)) + _varint(length)


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
