"""What a converted detector says of itself: read with zip and flatbuffer readers that know nothing of the writer."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.detections.tflite_metadata import InputDescription, read_input
from pipeline.preflight.flatbuffer import Table, read_root
from pipeline.preflight.report import preflight
from pipeline.preflight.tflite_file import parse_model

pytestmark = pytest.mark.toco

FILES = ("detect.tflite", "detect_float.tflite")


def read_description(content: bytes) -> Table:
    """Find ModelMetadata by TFLite's own generated code."""
    model = schema.Model.GetRootAs(content, 0)
    entries = {one.Name(): one.Buffer() for one in map(model.Metadata, range(model.MetadataLength()))}
    # TOCO's own note stays
    assert set(entries) == {b"min_runtime_version", b"TFLITE_METADATA"}
    return read_root(model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes(), identifier=b"M001")


def converted(content: bytes) -> bytes:
    """Cut out what the converter wrote: a root of ours stands before it, a zip after it."""
    return content[content.index(b"TFL3", 8) - 4 : content.rindex(b"PK\3\4")]


@pytest.mark.parametrize("name", FILES)
def test_the_labels_are_a_file_within_the_model(fast_tflite_dir: Path, name: str) -> None:
    with zipfile.ZipFile(fast_tflite_dir / name) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labelmap.txt"]
        assert archive.read("labelmap.txt").decode("utf-8") == "zèbre\ndriver's cab\napple\n4\n"


@pytest.mark.parametrize(("name", "stats"), [("detect.tflite", (255.0, 0.0)), ("detect_float.tflite", (1.0, -1.0))])
def test_the_input_is_an_image_and_its_normalization(tflite_dir: Path, name: str, stats: tuple[float, float]) -> None:
    (graph,) = read_description((tflite_dir / name).read_bytes()).tables(3)
    (image,) = graph.tables(2)
    (unit,) = image.tables(4)
    content, normalization, found = image.table(3), unit.table(1), image.table(5)
    assert content is not None and normalization is not None and found is not None
    assert (image.text(0), content.scalar(0, "B")) == ("image", 2)  # ImageProperties
    assert unit.scalar(0, "B") == 1  # NormalizationOptions
    assert (normalization.numbers(0, "f"), normalization.numbers(1, "f")) == ((127.5,), (127.5,))
    assert (found.numbers(0, "f"), found.numbers(1, "f")) == ((pytest.approx(stats[0]),), (stats[1],))


@pytest.mark.parametrize("name", FILES)
def test_the_outputs_are_named_in_their_order_and_say_where_edges_are(tflite_dir: Path, name: str) -> None:
    description = read_description((tflite_dir / name).read_bytes())
    (graph,) = description.tables(3)
    outputs = graph.tables(3)
    assert [output.text(0) for output in outputs] == ["location", "category", "score", "number of detections"]
    kinds = [output.table(3) for output in outputs]
    assert [kind.scalar(0, "B") for kind in kinds if kind] == [3, 1, 1, 1]  # BoundingBoxProperties, FeatureProperties
    boxes = kinds[0].table(1) if kinds[0] else None
    assert boxes is not None
    assert (boxes.numbers(0, "I"), boxes.scalar(1, "B")) == ((1, 0, 3, 2), 1)
    (labels,) = outputs[1].tables(6)
    assert (labels.text(0), labels.scalar(2, "B")) == ("labelmap.txt", 3)  # TENSOR_VALUE_LABELS
    (group,) = graph.tables(8)
    assert group.text(0) == "detection_result"
    assert description.text(7) == "1.0.0"


@pytest.mark.parametrize("name", FILES)
def test_the_model_itself_is_what_the_converter_wrote(tflite_dir: Path, name: str) -> None:
    content = (tflite_dir / name).read_bytes()
    whole, plain = (judge(one) for one in (content, converted(content)))
    assert whole == plain


def judge(content: bytes) -> dict[str, Any]:
    return preflight(parse_model(content, name="detect.tflite"), file="detect.tflite", size_bytes=0).to_json()


def test_what_runs_a_model_reads_its_normalization_from_it(tflite_dir: Path) -> None:
    content = (tflite_dir / "detect_float.tflite").read_bytes()
    assert read_input(content) == InputDescription()
    # Of a file that says nothing, what nearly all of these models want is taken
    assert read_input(converted(content)) == InputDescription()
    assert read_input(b"no model") == InputDescription()
