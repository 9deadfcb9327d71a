"""Files that are no models, broken ones, and ones that were made to hurt: one clear error each, and soon."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import flatbuffers
import pytest

from pipeline.errors import DataError
from pipeline.preflight.report import preflight_file
from tests.preflight.models import Builder, detector

FEW = 10.0  # seconds


def refuse(path: Path) -> DataError:
    began = time.monotonic()
    with pytest.raises(DataError) as refused:
        preflight_file(path)
    assert time.monotonic() - began < FEW
    assert refused.value.exit_code == 3
    assert "\n" not in str(refused.value)
    return refused.value


def write(folder: Path, content: bytes) -> Path:
    path = folder / "odd.tflite"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"TFL3", "is not a TFLite model: bytes 4 to 7 are b''; a file of this kind has b'TFL3' there"),
        (
            b"PK\3\4\0\0\0\0\0\0",
            r"is not a TFLite model: bytes 4 to 7 are b'\x00\x00\x00\x00'; a file of this kind has",
        ),
        (b"\x08\0\0\0TFL3", "is not a TFLite model: it points at byte 8, and has 8"),
        (b"\xff\xff\xff\xffTFL3" + bytes(60), "is not a TFLite model: it points at byte 4294967295, and has 68"),
        (b"\0\0\0\0TFL3" + bytes(60), "is not a TFLite model: the offset at byte 0 leads to itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS, not the model itself"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path, content)
    assert str(refuse(path)).startswith(f"{path} {message}")


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    assert str(refuse(tmp_path)) == f"there is no TFLite model at {tmp_path}"
    assert str(refuse(tmp_path / "a")) == f"there is no TFLite model at {tmp_path / 'a'}"


def test_a_compiled_model_is_told_to_be_one(tmp_path: Path) -> None:
    builder = Builder()
    builder.operator("CUSTOM", [builder.given([1, 8, 8, 3])], [builder.tensor([1, 5])], custom="edgetpu-custom-op")
    error = refuse(builder.write(tmp_path / "cats_edgetpu.tflite"))
    assert "cats_edgetpu.tflite is compiled for the Edge TPU already: it holds edgetpu-custom-op" in str(error)
    assert error.hint == "check the .tflite that it was compiled from, without _edgetpu in its name"


def change(builder: Builder, **fields: object) -> Builder:
    operator = builder.graph.operators[0]
    for name, value in fields.items():
        setattr(operator, name, value)
    return builder


def loop() -> Builder:
    builder = Builder()
    one, two = builder.tensor([1, 4]), builder.tensor([1, 4])
    builder.operator("RELU", [one], [two])
    builder.operator("RELU", [two], [one])
    return builder


def nothing() -> Builder:
    builder = Builder()
    builder.given([1, 4])
    return builder


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (change(detector(), inputs=[900]), "operator 0 names tensor 900 of 8"),
        (change(detector(), outputs=[-2]), "operator 0 names tensor -2 of 8"),
        (change(detector(), opcodeIndex=40), "operator 0 has code 40 of 3"),
        (change(detector(), inputs=[4, 1, 2]), "operator 0 (CONV_2D) reads what depends on itself"),
        (loop(), "operator 0 (RELU) reads what depends on itself"),
        (nothing(), "its graph holds no operator"),
    ],
)
def test_a_graph_that_cannot_be_is_named(tmp_path: Path, builder: Builder, message: str) -> None:
    assert str(refuse(builder.write(tmp_path / "odd.tflite"))).endswith(message)


def test_an_operator_that_reads_what_nothing_makes_is_named(tmp_path: Path) -> None:
    builder = Builder()
    builder.operator("RELU", [builder.tensor([1, 4], name="lost")], [builder.tensor([1, 4])])
    error = refuse(builder.write(tmp_path / "odd.tflite"))
    assert str(error).endswith("operator 0 (RELU) reads tensor 0 (lost), which nothing makes")


def test_a_file_cut_anywhere_or_with_any_byte_changed_gives_a_result_or_one_error(tmp_path: Path) -> None:
    whole = detector().pack()
    random.seed(5)
    spoilt = [whole[:length] for length in range(0, len(whole), 16)]
    for place in range(0, len(whole), 2):
        for value in (0xFF, random.randrange(256)):
            spoilt.append(whole[:place] + bytes([value]) + whole[place + 1 :])
    errors = 0
    for content in spoilt:
        try:
            preflight_file(write(tmp_path, content)).to_json()
        except DataError as error:
            errors += 1
            assert str(error)
    assert 100 < errors < len(spoilt)


def shared_table(count: int) -> bytes:
    """Return a model whose list of tensors names one tensor many times, whose shape has many sizes."""
    builder = flatbuffers.Builder(1 << 20)
    builder.StartVector(4, 1_000_000, 4)
    for _ in range(1_000_000):
        builder.PrependInt32(1)
    shape = builder.EndVector()
    builder.StartObject(10)
    builder.PrependUOffsetTRelativeSlot(0, shape, 0)
    tensor = builder.EndObject()
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, tensors, 0)
    graph = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(2, graphs, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_one_table_named_a_hundred_thousand_times_is_not_read_as_often(tmp_path: Path) -> None:
    refuse(write(tmp_path, shared_table(100_000)))


def test_a_list_that_is_longer_than_the_file_is_not_begun(tmp_path: Path) -> None:
    whole = bytearray(detector().pack())
    # The list of graphs: its length, found by way of the root table's third field
    root = struct.unpack_from("<I", whole, 0)[0]
    vtable = root - struct.unpack_from("<i", whole, root)[0]
    field = root + struct.unpack_from("<H", whole, vtable + 4 + 2 * 2)[0]
    place = field + struct.unpack_from("<I", whole, field)[0]
    whole[place : place + 4] = b"\xff\xff\xff\x7f"
    error = refuse(write(tmp_path, bytes(whole)))
    assert f"the list at byte {place} has 2147483647 entries, and the file ends at {len(whole)}" in str(error)


def test_thousands_of_operators_from_the_last_to_the_first_take_no_minutes(tmp_path: Path) -> None:
    builder = Builder()
    count = 5_000
    tensors = [builder.given([1, 4]), *(builder.tensor([1, 4]) for _ in range(count))]
    for place in reversed(range(count)):
        builder.operator("RELU", [tensors[place]], [tensors[place + 1]])
    path = builder.write(tmp_path / "long.tflite")
    began = time.monotonic()
    assert preflight_file(path).on_tpu == count
    assert time.monotonic() - began < FEW


def test_a_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    builder = Builder()
    builder.convolution(builder.given([2, 8, 8, 3], name="\x1b[31mred\nline\u202e"))
    (refusal,) = preflight_file(builder.write(tmp_path / "a.tflite")).refusals
    assert refusal.tensor and refusal.tensor.name == "\ufffd[31mred\ufffdline\ufffd"
