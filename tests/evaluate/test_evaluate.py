from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from pipeline.datasets.label_map import format_label_map
from pipeline.detections.detections_file import Detection, DetectionsWriter, Header, ImageDetections
from pipeline.errors import DataError
from pipeline.jobs import evaluate
from pipeline.records.tf_example import encode_example
from pipeline.report.artefact_table import format_size, render_artefact_table
from pipeline.tfrecord.framing import to_frame

BOX = (0.25, 0.5, 0.75, 1.0)
"""xmin, ymin, xmax, ymax."""


@pytest.fixture
def records_dir(tmp_path: Path) -> Path:
    """Write two test images of 80x40, each with a cat in the same place; nobody has labelled a dog."""
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "label_map.pbtxt").write_text(format_label_map(("cat", "dog")))
    content = io.BytesIO()
    Image.new("RGB", (80, 40)).save(content, "JPEG")
    with (folder / "test.record-00000-of-00001").open("wb") as file:
        for name in (b"a.jpg", b"b.jpg"):
            file.writelines(to_frame(encode_example(
                byte_lists={
                    "image/encoded": [content.getvalue()], "image/format": [b"jpeg"], "image/filename": [name],
                    "image/source_id": [name], "image/object/class/text": [b"cat"],
                },
                float_lists={
                    f"image/object/bbox/{side}": [edge]
                    for side, edge in zip(("xmin", "ymin", "xmax", "ymax"), BOX, strict=True)
                },
                int_lists={"image/height": [40], "image/width": [80], "image/object/class/label": [1]},
            )))  # fmt: skip
    return folder


def write_detections(folder: Path, artefact: str, *, found: list[Detection], names: tuple[str, ...]) -> Path:
    folder.mkdir(exist_ok=True)
    with DetectionsWriter(str(folder / f"{artefact}.jsonl"), Header(artefact, "some runtime 1.0", 4_700_000)) as writer:
        for number, name in enumerate(names, 1):
            writer.write(ImageDetections(name, name, 80, 40, 10.0 * number, found))
    return folder


RIGHT = Detection(1, 0.9, 0.5, 0.25, 1.0, 0.75)
OVERHANGING = Detection(1, 0.9, 0.5, 0.25, 1.5, 0.75)
WRONG = Detection(2, 0.9, 0.5, 0.25, 1.0, 0.75)


def run(records_dir: Path, *folders: Path) -> list[dict[str, object]]:
    metrics_file = records_dir.parent / "new" / "metrics.json"
    flags = [word for folder in folders for word in ("--detections-dir", str(folder))]
    evaluate.main(["--records-dir", str(records_dir), *flags, "--metrics-file", str(metrics_file)])
    metrics: list[dict[str, object]] = json.loads(metrics_file.read_text(encoding="utf-8"))
    return metrics


def test_metrics_json_has_an_entry_for_every_artefact_in_the_order_of_making(
    records_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_detections(tmp_path / "js", "tfjs", found=[WRONG], names=("a.jpg", "b.jpg"))
    write_detections(tmp_path / "tf", "frozen_graph", found=[OVERHANGING], names=("a.jpg", "b.jpg"))
    write_detections(tmp_path / "tf", "checkpoint", found=[RIGHT], names=("b.jpg", "a.jpg"))
    metrics = run(records_dir, tmp_path / "js", tmp_path / "tf")
    assert metrics[0] == {
        "artefact": "checkpoint",
        "runtime": "some runtime 1.0",
        "map": pytest.approx(1),
        "map50": pytest.approx(1),
        "ar100": pytest.approx(1),
        "ms_median": 15.0,
        "ms_p95": 19.5,
        "size_bytes": 4700000,
        "per_class": {"cat": pytest.approx(1), "dog": None},
    }
    assert [(entry["artefact"], pytest.approx(entry["map"])) for entry in metrics] == [
        ("checkpoint", 1.0), ("frozen_graph", 1.0), ("tfjs", 0.0),
    ]  # fmt: skip
    assert "tfjs" in capsys.readouterr().err


def test_detections_of_other_images_are_refused(records_dir: Path, tmp_path: Path) -> None:
    folder = write_detections(tmp_path / "d", "tflite", found=[RIGHT], names=("a.jpg", "c.jpg"))
    with pytest.raises(DataError) as error:
        run(records_dir, folder)
    assert str(error.value) == f"{folder}/tflite.jsonl: 'c.jpg' is none of the test images, or comes twice"


def test_a_missing_image_is_named(records_dir: Path, tmp_path: Path) -> None:
    folder = write_detections(tmp_path / "d", "tflite", found=[RIGHT], names=("a.jpg",))
    with pytest.raises(DataError) as error:
        run(records_dir, folder)
    assert str(error.value) == f"{folder}/tflite.jsonl has detections of 1 of the 2 test images; missing: b.jpg"


def test_no_detections_files_is_an_error(records_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        run(records_dir, tmp_path / "none")
    assert str(error.value) == f"there are no detections (*.jsonl) in {tmp_path / 'none'}"


def test_no_test_records_is_an_error(tmp_path: Path) -> None:
    folder = write_detections(tmp_path / "d", "tflite", found=[RIGHT], names=("a.jpg",))
    with pytest.raises(DataError) as error:
        run(tmp_path, folder)
    assert str(error.value) == f"there are no test records (test.record-*) in {tmp_path}"


def test_the_table_compares_with_the_checkpoint() -> None:
    figures = {"runtime": "tensorflow 1", "map": 0.5, "map50": 0.8, "ar100": 0.6, "ms_median": 12.34, "ms_p95": 20.0}
    table = render_artefact_table(
        [
            {"artefact": "checkpoint", "size_bytes": 5_160_241, **figures},
            {"artefact": "tflite", "size_bytes": 496_000, **figures, "map": 0.4799, "runtime": "ai-edge-litert 2.3.0"},
        ]
    )
    title, _, checkpoint, tflite = (" ".join(line.split()) for line in table.splitlines())
    assert title == "artefact runtime size mAP@.5 mAP AR@100 ms p95"
    assert checkpoint == "checkpoint tensorflow 1 5.2 MB 0.800 0.500 0.600 12.3 20.0"
    assert tflite == "tflite ai-edge-litert 2.3.0 496 kB 0.800 (=) 0.480 (-0.020) 0.600 (=) 12.3 20.0"


def test_sizes_are_said_as_people_say_them() -> None:
    assert [format_size(size) for size in (12, 496_000, 4_725_336)] == ["1 kB", "496 kB", "4.7 MB"]
