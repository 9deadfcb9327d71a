"""The zip: whole, the same each time, and with a card that says what the files of the run say."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import yaml

from pipeline.bundle.data_facts import find_licence
from pipeline.config import Settings
from pipeline.planner import make_plan
from pipeline.stages import CHAINS, bundle
from pipeline.version import VERSION
from tests.bundle.conftest import pack
from tests.project import ROOT

FIGURES = [
    {
        "artefact": "checkpoint", "runtime": "tensorflow 1.15.5", "map": 0.61, "map50": 0.9, "ar100": 0.7,
        "ms_median": 15.0, "ms_p95": 20.0, "size_bytes": 5_300_000, "per_class": {"ball": 0.5, "kite": 0.2},
    },
    {
        "artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "map": 0.6, "map50": 0.89, "ar100": 0.69,
        "ms_median": 4.5, "ms_p95": 5.04, "size_bytes": 507_000, "per_class": {"ball": 0.51, "kite": 0.19},
        "difference_points": -1.0, "same_boxes": 0.972, "limit_points": 1.5, "verdict": "within",
        "memory_bytes": 91_000_000, "memory_shared": False, "not_run": None,
        "as_shipped": {"nms": "regular", "max_detections": 20, "map": 0.595},
    },
    {"artefact": "tfjs_chromium", "runtime": "tfjs", "map": None, "not_run": "no Chromium is on PATH"},
]  # fmt: skip


def section(card: str, title: str) -> str:
    """Return the text below a title."""
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0].strip()


def test_everything_inside_has_its_hash_and_is_as_the_run_has_it(unpacked: Path, tiny_run_dir: Path) -> None:
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "hashes.sha256"], cwd=unpacked, capture_output=True)
    assert (checked.returncode, checked.stdout) == (0, b"")
    listed = {line.split("  ", 1)[1] for line in (unpacked / "hashes.sha256").read_text().splitlines()}
    inside = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert listed == inside - {"hashes.sha256"}
    assert {"detect.py", "MODEL_CARD.md", "tflite/detect.tflite", "tflite/labels.txt", "frigate/labelmap.txt"} <= listed
    assert {"frozen/frozen_inference_graph.pb", "frozen/saved_model/saved_model.pb"} <= listed
    assert {"tensorflow_js/model.json", "tensorflow_js/detector.js", "tensorflow_js/fast/model.json"} <= listed
    assert "frozen/tflite_graph.pb" not in inside
    for name in ("tflite/detect.tflite", "tensorflow_js/fast/model.json"):
        assert (unpacked / name).read_bytes() == (tiny_run_dir / name).read_bytes()


def test_the_same_model_gives_the_same_bytes(packed: Path, tiny_run_dir: Path, tmp_path: Path) -> None:
    pack(tiny_run_dir, tmp_path / "again")
    for name in ("tiny.zip", "MODEL_CARD.md"):
        assert (tmp_path / "again" / name).read_bytes() == (packed / name).read_bytes()
    with zipfile.ZipFile(packed / "tiny.zip") as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o644}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_the_card_tells_data_training_figures_and_licences(
    tiny_run_dir: Path, tiny_records_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(FIGURES))
    pack(tiny_run_dir, tmp_path / "out", metrics_file=tmp_path / "metrics.json")
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["pipeline_tag"], head["model-index"][0]["name"]) == ("object-detection", "tiny")
    assert [one["value"] for one in head["model-index"][0]["results"][0]["metrics"]] == [0.6, 0.89]

    records = json.loads((tiny_records_dir / "records.json").read_text())
    told = section(card, "Data")
    assert f"Images: {records['train']['images']} train, {records['test']['images']} test." in told
    assert f"| all classes | {records['train']['boxes']} | {records['test']['boxes']} |" in told
    by_class = [line.split("|")[2:4] for line in told.splitlines() if line.startswith(("| ball", "| kite"))]
    assert len(by_class) == 2 and all(int(cell) > 0 for row in by_class for cell in row)

    training = section(card, "Training")
    assert "| model | ssd_mobilenet_v2_quantized_small |" in training and "| batch | 8 |" in training
    assert "none: from scratch" in training

    figures = section(card, "Figures of each form")
    row = next(line for line in figures.splitlines() if line.startswith("| `tflite` |"))
    assert row.startswith("| `tflite` | ai-edge-litert 2.3.0 | 0.600 | 0.890 | 0.690 | -1.00 | 1.5 | 97.2 % |")
    assert row.endswith("| 4.5 | 5.0 | 91.0 MB | 507 kB |")
    assert "Not run: tfjs_chromium, no Chromium is on PATH." in figures
    assert "gives at most 20 boxes an image (regular NMS), and scores mAP 0.595 so." in figures
    assert "Milliseconds go from the decoded image to the boxes, on this machine: " in figures
    assert "| kite | 0.200 | 0.190 |" in section(card, "Average precision of each class")
    assert "- Average precision below 0.3: kite (0.19). Do not rely on these." in section(
        card, "Intended use and limits"
    )
    versions = section(card, "Versions")
    for program in ("odpipe", "TensorFlow | 1.15.5", "Object Detection API | 2.8.0", "ai-edge-litert | 2.3.0"):
        assert f"| {program}" in versions
    assert "Apache-2.0" in section(card, "Licences") and "unknown: no file beside the images" in card
    digest = hashlib.sha256((tiny_run_dir / "tflite/detect.tflite").read_bytes()).hexdigest()
    assert f"| `tflite/detect.tflite` | `{digest}` |" in section(card, "Hashes")


def test_a_model_that_was_not_evaluated_is_packed_and_says_so(packed: Path) -> None:
    card = (packed / "MODEL_CARD.md").read_text()
    assert section(card, "Figures of each form").startswith("Not evaluated")
    assert "- It was not evaluated here: nothing is known of how well it detects." in card


def test_a_card_holds_no_path_of_the_machine(packed: Path, tiny_root: Path) -> None:
    card = (packed / "MODEL_CARD.md").read_text()
    assert str(tiny_root) not in card and str(Path.home()) not in card


def test_the_licence_of_the_data_is_what_a_file_beside_it_says(tmp_path: Path) -> None:
    assert find_licence(tmp_path) is None
    (tmp_path / "README.roboflow.txt").write_text("animals - v1\n\nProvided by a user\nLicense: CC BY 4.0\n")
    assert find_licence(tmp_path) == "CC BY 4.0 (its file README.roboflow.txt)"
    (tmp_path / "LICENSE").write_text("MIT License\n\nCopyright (c) 2017\n")
    assert find_licence(tmp_path) == "MIT License (its file LICENSE)"


def test_the_bundle_comes_last_and_asks_for_nothing_that_the_model_has_not(tmp_path: Path) -> None:
    assert CHAINS["export"][-1] == "bundle"
    job = bundle.job(make_plan(tmp_path, Settings(model="faster_rcnn_resnet50", name="cats")))
    assert not {"tflite", "edgetpu", "frigate"} & set(job.inputs)
    assert {name for name, place in job.inputs.items() if place.optional} == {"metrics", "check", "records", "tf_csv"}


def test_the_version_is_that_of_the_package() -> None:
    assert f'\nversion = "{VERSION}"\n' in (ROOT / "pyproject.toml").read_text()
