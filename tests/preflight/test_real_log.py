"""The preflight against the real compiler: a model that others trained, and what edgetpu_compiler 14.1 said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.errors import DataError
from pipeline.preflight.compiler_log import CompilerLog, compare_rows, parse_compiler_log, read_compiler_log
from pipeline.preflight.report import preflight_file
from pipeline.preflight.tflite_file import OPERATORS, TYPES, read_model
from tests.preflight.models import unpack
from tests.project import shared_data

SCREEN = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 552 ms.

Input model: detect.tflite
Input size: 4.51MiB
Output model: detect_edgetpu.tflite
Output size: 5.13MiB
On-chip memory used for caching model parameters: 5.20MiB
On-chip memory remaining for caching model parameters: 2.50MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 3
Operation log: detect_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will
Number of operations that will run on Edge TPU: 2
Number of operations that will run on CPU: 1

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
Compilation child process completed within timeout period.
Compilation succeeded!
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    return shared_data() / "mobiledet_dogcat"


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return folder / "ssdlite_mobiledet_dog_vs_cat.tflite"


def test_every_row_of_the_real_compilers_log_is_foretold(folder: Path, model: Path) -> None:
    log = read_compiler_log(folder / "ssdlite_mobiledet_dog_vs_cat_edgetpu.log")
    found = preflight_file(model)
    assert log.version == "14.1.317412892"
    assert sorted(found.rows) == sorted(log.rows)
    assert compare_rows(found.rows, log.rows) == []
    assert (found.works, found.on_tpu, len(found.statuses)) == (True, 124, 125)
    (refusal,) = found.refusals
    assert (refusal.operator.custom, refusal.expected) == ("TFLite_Detection_PostProcess", True)
    assert found.memory.verdict == "fits"
    assert 3.1e6 < found.memory.parameters < model.stat().st_size


def test_the_reader_agrees_with_the_generated_one_on_every_operator_and_tensor(model: Path) -> None:
    ours, theirs = read_model(model), schema.ModelT.InitFromPackedBuf(model.read_bytes())
    graph = theirs.subgraphs[0]
    assert ours.description == theirs.description.decode()
    assert [
        (OPERATORS[theirs.operatorCodes[one.opcodeIndex].deprecatedBuiltinCode], list(one.inputs), list(one.outputs))
        for one in graph.operators
    ] == [(one.name, list(one.inputs), list(one.outputs)) for one in ours.operators]
    for tensor, wanted in zip(ours.tensors, graph.tensors, strict=True):
        data = theirs.buffers[wanted.buffer].data
        assert (tensor.name, list(tensor.shape)) == (wanted.name.decode(), [int(n) for n in wanted.shape])
        assert tensor.type == TYPES[wanted.type]
        assert (tensor.content is not None) == (data is not None)
        assert tensor.content is None or bytes(tensor.content) == data.tobytes()
        assert tensor.quantized == (wanted.quantization is not None and wanted.quantization.scale is not None)


def test_the_same_model_in_float_is_refused_whole_and_says_why(model: Path, tmp_path: Path) -> None:
    builder = unpack(model)
    for tensor in builder.graph.tensors:
        if tensor.type == schema.TensorType.UINT8:
            tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    found = preflight_file(builder.write(tmp_path / "float.tflite"))
    assert (found.works, found.on_tpu) == (False, 0)
    assert {status for _, _, status in found.rows} == {"Operation is working on an unsupported data type"}
    assert sum(count for _, count, _ in found.rows) == 125
    first = found.refusals[0].to_json()
    assert first["tensor"]["shape"] == [1, 320, 320, 3]
    assert first["why"] == "it works on float32; wanted int8 or uint8"
    assert "make train MODEL=ssd_mobilenet_v2_quantized" in first["remedy"]


def test_what_the_compiler_shows_on_the_screen_is_read_with_its_sizes() -> None:
    log = parse_compiler_log(SCREEN, name="screen")
    assert log == CompilerLog(
        "16.0.384591198",
        (
            ("CONV_2D", 1, "Mapped to Edge TPU"),
            ("RESHAPE", 1, "Mapped to Edge TPU"),
            ("CUSTOM", 1, "Operation is working on an unsupported data type"),
        ),
        cached_bytes=5452595,
        remaining_bytes=2621440,
        streamed_bytes=0,
    )


def test_a_failed_compilation_says_why() -> None:
    text = (
        "Edge TPU Compiler version 16.0.384591198\n"
        "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version might be supported.\n"
        "ERROR: Registration failed.\n\nInvalid model: a.tflite\nModel could not be parsed\n"
    )
    log = parse_compiler_log(text, name="a.log")
    assert log.rows == ()
    assert log.failures[1] == "ERROR: Registration failed."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.log is no log of edgetpu_compiler: it says no 'Edge TPU Compiler version'"),
        ("Operator Count Status\nADD 1 Mapped\n", "a.log is no log of edgetpu_compiler: it says no 'Edge TPU Compiler"),
        ("Edge TPU Compiler version 16.0\n", "a.log is no log of edgetpu_compiler: it names no operator"),
    ],
)
def test_what_is_no_log_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_compiler_log(text, name="a.log")
    assert str(refused.value).startswith(message)


def test_tables_that_differ_are_told_row_by_row() -> None:
    ours = [("CONV_2D", 66, "Mapped to Edge TPU"), ("ADD", 1, "Mapped to Edge TPU")]
    theirs = [("CONV_2D", 60, "Mapped to Edge TPU"), ("CONV_2D", 6, "More than one subgraph is not supported")]
    assert compare_rows(ours, theirs) == [
        "ADD, 'Mapped to Edge TPU': the preflight says 1, the compiler 0",
        "CONV_2D, 'Mapped to Edge TPU': the preflight says 66, the compiler 60",
        "CONV_2D, 'More than one subgraph is not supported': the preflight says 0, the compiler 6",
    ]
