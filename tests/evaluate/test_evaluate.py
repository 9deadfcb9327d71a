from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.datasets.label_map import format_label_map
from pipeline.detections.detections_file import Detection, DetectionsWriter, Header, ImageDetections
from pipeline.errors import DataError
from pipeline.fidelity.limits import describe_notes
from pipeline.jobs import metrics
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


def run(records_dir: Path, *folders: Path, flags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    metrics_file, model_file = records_dir.parent / "new" / "metrics.json", records_dir.parent / "model.json"
    model_file.write_text('{"quantized": true}')
    flags += ("--model-file", str(model_file))
    words = [word for folder in folders for word in ("--detections-dir", str(folder))]
    metrics.main(["--records-dir", str(records_dir), *words, "--metrics-file", str(metrics_file), *flags])
    entries: list[dict[str, Any]] = json.loads(metrics_file.read_text(encoding="utf-8"))
    return entries


def test_metrics_json_has_an_entry_for_every_artefact_in_the_order_of_making(
    records_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_detections(tmp_path / "js", "tfjs", found=[WRONG], names=("a.jpg", "b.jpg"))
    write_detections(tmp_path / "tf", "frozen_graph", found=[OVERHANGING], names=("a.jpg", "b.jpg"))
    write_detections(tmp_path / "tf", "checkpoint", found=[RIGHT], names=("b.jpg", "a.jpg"))
    entries = run(records_dir, tmp_path / "js", tmp_path / "tf")
    told = entries[0].pop("memory_bytes")
    assert 1_000_000 < told < 20_000_000_000
    assert entries[0] == {
        "artefact": "checkpoint",
        "runtime": "some runtime 1.0",
        "map": pytest.approx(1),
        "map50": pytest.approx(1),
        "ar100": pytest.approx(1),
        "ms_median": 15.0,
        "ms_p95": 19.5,
        "size_bytes": 4700000,
        "per_class": {"cat": pytest.approx(1), "dog": None},
        "memory_shared": False,
        "difference_points": None,
        "same_boxes": None,
        "limit_points": None,
        "limit_either_way": False,
        "aim_points": None,
        "verdict": "reference",
        "rarest_class": {"name": "cat", "boxes": 2, "points_per_box": 50.0},
        "not_run": None,
    }
    assert [
        (entry["artefact"], pytest.approx(entry["map"]), entry["difference_points"], entry["verdict"])
        for entry in entries[1:]
    ] == [("frozen_graph", 1.0, pytest.approx(0), "within"), ("tfjs", 0.0, pytest.approx(-100), "broken")]
    assert [entry["same_boxes"] for entry in entries[1:]] == [1.0, 0.0]


def test_the_shipped_file_is_scored_with_the_boxes_that_it_gives(records_dir: Path, tmp_path: Path) -> None:
    worse = Detection(1, 0.95, 0.0, 0.0, 0.1, 0.1)
    write_detections(tmp_path / "d", "tflite", found=[worse, RIGHT], names=("a.jpg", "b.jpg"))
    write_detections(tmp_path / "d", "tflite_fast_nms", found=[RIGHT], names=("a.jpg", "b.jpg"))
    names = ("tflite", "tflite_fast_nms")
    regular = run(records_dir, tmp_path / "d", flags=("--max-detections", "1"))
    assert regular[0]["as_shipped"] == {"nms": "regular", "max_detections": 1, "map": 0.0}
    assert regular[0]["map"] > 0.4
    assert [(entry["artefact"], entry["limit_points"], "as_shipped" in entry) for entry in regular] == [
        (names[0], 1.5, True), (names[1], None, False),
    ]  # fmt: skip
    fast = run(records_dir, tmp_path / "d", flags=("--max-detections", "1", "--nms", "fast"))
    assert fast[1]["as_shipped"] == {"nms": "fast", "max_detections": 1, "map": pytest.approx(1)}
    assert [(entry["limit_points"], "as_shipped" in entry) for entry in fast] == [(1.5, False), (1.5, True)]


def test_an_artefact_that_could_not_run_has_a_row_that_says_why(records_dir: Path, tmp_path: Path) -> None:
    write_detections(tmp_path / "tf", "checkpoint", found=[RIGHT], names=("a.jpg", "b.jpg"))
    header = Header("tfjs_chromium", "Chromium", 717_000, not_run="there is no Chromium on PATH")
    DetectionsWriter(str(tmp_path / "tf" / "tfjs_chromium.jsonl"), header).close()
    entries = run(records_dir, tmp_path / "tf")
    assert [(entry["artefact"], entry["verdict"], entry["map"]) for entry in entries] == [
        ("checkpoint", "reference", pytest.approx(1)), ("tfjs_chromium", "not_run", None),
    ]  # fmt: skip
    table = render_artefact_table(entries)
    assert "not run" in table and "None" not in table
    assert describe_notes(entries) == ["tfjs_chromium was not run: there is no Chromium on PATH"]


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


def test_the_tables_compare_with_the_checkpoint_in_100_columns(records_dir: Path, tmp_path: Path) -> None:
    folder = write_detections(tmp_path / "d", "checkpoint", found=[RIGHT], names=("a.jpg", "b.jpg"))
    write_detections(folder, "tflite", found=[WRONG], names=("a.jpg", "b.jpg"))
    entries = run(records_dir, folder)
    entries[0] |= {"memory_bytes": 587_500_000, "memory_shared": True}
    entries[1] |= {"memory_bytes": 62_800_000, "runtime": "Chromium 150.0.7871.100, tfjs 4.22.0 wasm, 1 thread"}
    accuracy, costs, classes = render_artefact_table(entries).split("\n\n")
    assert [" ".join(line.split()) for line in accuracy.splitlines() if "─" not in line] == [
        "artefact mAP points limit mAP@.5 AR@100 same boxes verdict",
        "checkpoint 1.0000 - - 1.0000 1.0000 -",
        "tflite 0.0000 -100.00 -1.5 0.0000 0.0000 0 % BROKEN",
    ]
    assert [" ".join(line.split()) for line in costs.splitlines() if "─" not in line] == [
        "artefact runtime size ms an image 95 % within peak memory",
        "checkpoint some runtime 1.0 4.7 MB 15.0 19.5 587.5 MB*",
        "tflite Chromium 150.0.7871.100, tfjs 4.7 MB 15.0 19.5 62.8 MB",
        "4.22.0 wasm, 1 thread",
        "* of one process that ran several of them",
    ]
    assert [" ".join(line.split()) for line in classes.splitlines() if "─" not in line] == [
        "class AP of the checkpoint lowest points of",
        "cat 1.0000 0.0000 -100.00 tflite",
    ]
    assert max(map(len, "\n".join((accuracy, costs, classes)).splitlines())) <= 100


def test_of_many_classes_the_tables_show_those_that_lost_most() -> None:
    figures = {
        "map": 0.5, "map50": 0.8, "ar100": 0.6, "ms_median": 1.0, "ms_p95": 2.0, "size_bytes": 5, "not_run": None,
        "memory_bytes": None, "memory_shared": False, "same_boxes": None, "difference_points": None, "runtime": "r",
        "limit_either_way": False,
    }  # fmt: skip
    names = [f"class {number}" for number in range(30)]
    before = {"artefact": "checkpoint", "verdict": "reference", "limit_points": None}
    after = {"artefact": "tflite", "verdict": "within", "limit_points": 1.5}
    entries = [
        figures | before | {"per_class": dict.fromkeys(names, 0.5)},
        figures | after | {"per_class": {name: 0.5 - number / 100 for number, name in enumerate(names)}},
    ]
    table = render_artefact_table(entries)
    assert "class 29" in table and "class 18" in table and "class 17 " not in table
    assert table.endswith("18 more classes lost less: metrics.json has them all")


def test_sizes_are_said_as_people_say_them() -> None:
    assert [format_size(size) for size in (12, 496_000, 4_725_336)] == ["1 kB", "496 kB", "4.7 MB"]
