"""TFRecord framing and tf.Example bytes, against known bytes and against themselves."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames, to_frame

KEYS = st.text(max_size=8)
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=32)


def write_frames(path: Path, *records: bytes) -> bytes:
    content = b"".join(b"".join(to_frame(record)) for record in records)
    path.write_bytes(content)
    return content


def test_known_bytes_of_a_record() -> None:
    # What tf.io.TFRecordWriter of TensorFlow 1.15.5 writes for b"abc".
    assert b"".join(to_frame(b"abc")).hex() == "0300000000000000" + "b099490e" + "616263" + "6e57f121"


def test_known_bytes_of_an_example() -> None:
    # What tf.train.Example of TensorFlow 1.15.5 serializes.
    data = encode_example(byte_lists={}, float_lists={}, int_lists={"a": [1, -1]})
    assert data.hex() == "0a160a140a0161120f1a0d0a0b01ffffffffffffffffff01"


@given(st.lists(st.binary(max_size=50)))
def test_records_survive(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("records") / "a.record"
    write_frames(path, *records)
    assert list(read_frames(path)) == records


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (5, "ends within the header of the record at byte 0"),
        (14, "ends within the record at byte 0"),
        (25, "ends within the header of the record at byte 19"),
    ],
)
def test_a_record_file_cut_short_says_where(tmp_path: Path, cut: int, message: str) -> None:
    path = tmp_path / "a.record"
    path.write_bytes(write_frames(path, b"abc", b"defg")[:cut])
    with pytest.raises(DataError) as caught:
        list(read_frames(path))
    assert str(caught.value) == f"{path}: {message}"
    assert caught.value.hint == "write the records again"


@pytest.mark.parametrize(
    ("position", "message"),
    [(0, "the record at byte 0 has a damaged length"), (13, "the record at byte 0 is damaged (checksum)")],
)
def test_a_damaged_record_says_where(tmp_path: Path, position: int, message: str) -> None:
    path = tmp_path / "a.record"
    content = bytearray(write_frames(path, b"abc", b"defg"))
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_frames(path))
    assert str(caught.value) == f"{path}: {message}"


@given(
    byte_lists=st.dictionaries(KEYS.map("b".__add__), st.lists(st.binary())),
    float_lists=st.dictionaries(KEYS.map("f".__add__), st.lists(FLOATS)),
    int_lists=st.dictionaries(KEYS.map("i".__add__), st.lists(INTS)),
)
def test_features_survive(
    byte_lists: dict[str, list[bytes]], float_lists: dict[str, list[float]], int_lists: dict[str, list[int]]
) -> None:
    decoded = decode_example(encode_example(byte_lists=byte_lists, float_lists=float_lists, int_lists=int_lists))
    assert decoded.keys() == byte_lists.keys() | float_lists.keys() | int_lists.keys()
    assert {key: decoded[key] for key in byte_lists} == byte_lists
    assert {key: decoded[key] for key in int_lists} == int_lists
    for key, values in float_lists.items():
        for value, found in zip(values, decoded[key], strict=True):
            assert isinstance(found, float)
            assert value == found or (math.isnan(value) and math.isnan(found))


def test_equal_features_are_equal_bytes_in_any_order() -> None:
    one = encode_example(byte_lists={"b": [b"x"], "a": []}, float_lists={}, int_lists={"c": [1]})
    two = encode_example(byte_lists={"a": [], "b": [b"x"]}, float_lists={}, int_lists={"c": [1]})
    assert one == two


def test_unpacked_numbers_and_unknown_fields_are_read() -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes((number << 3 | 2, len(content))) + content

    floats = b"\x0d" + struct.pack("<f", 0.5) + b"\x0d" + struct.pack("<f", 2)
    ints = b"\x08\x07" + b"\x08\x01"
    unknown = b"\x78\x01" + b"\x79" + bytes(8) + field(9, b"zz")
    entries = [
        field(1, field(1, b"f") + field(2, field(2, floats))),
        field(1, field(2, field(3, ints)) + field(1, b"i")),
    ]
    data = unknown + field(1, b"".join(entries) + unknown)
    assert decode_example(data) == {"f": [0.5, 2.0], "i": [7, 1]}


@given(st.binary(max_size=60))
def test_any_bytes_are_an_example_or_refused(data: bytes) -> None:
    try:
        decode_example(data)
    except DataError as error:
        assert str(error).startswith("not a tf.Example: ")
