"""The page of a run: all its parts, one file, valid, escaped, the same bytes every time, whatever is missing."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError
from pipeline.jobs import report
from pipeline.run_report.run_data import read_run_data
from pipeline.run_report.run_files import read_run_files
from pipeline.run_report.training_part import find_quantization_step
from tests.project import ROOT
from tests.report.test_dataset_page import HOSTILE, Balanced
from tests.run_report.made_run import MadeImage, made_images, make_run, place, rising

METRICS = [
    {
        "artefact": "checkpoint", "runtime": "tensorflow 1.15.5", "map": 0.7, "map50": 0.9, "ar100": 0.8,
        "ms_median": 14.0, "ms_p95": 18.0, "size_bytes": 5_321_350, "per_class": {"cat": 0.72, "dog": None},
        "verdict": "reference", "memory_bytes": 90_000_000, "memory_shared": False, "not_run": None,
    },
    {
        "artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "map": 0.66, "map50": 0.85, "ar100": 0.7,
        "ms_median": 4.5, "ms_p95": 4.8, "size_bytes": 507_512, "per_class": {"cat": 0.66, "dog": None},
        "verdict": "broken", "memory_bytes": None, "not_run": None,
    },
    {"artefact": "tfjs_chromium", "runtime": "", "map": None, "ms_median": None, "not_run": "there is no Chromium"},
]  # fmt: skip
LOSSES = [{"step": 10 * number, "loss": 9 / (number + 1), "learning_rate": 0.01} for number in range(1, 40)]
PREFLIGHT = {
    "on_tpu": 90, "operators": 98, "works": False, "memory": {"verdict": "fits", "parameter_bytes": 450_696},
    "refusals": [
        {"operator": "CUSTOM", "custom": "TFLite_Detection_PostProcess", "expected": True, "why": "", "remedy": ""},
        {"operator": "SQUARE", "custom": None, "expected": False, "why": "unknown to it", "remedy": "another model"},
    ],
}  # fmt: skip
DROP = {
    "artefact": "tflite", "advice": "train longer",
    "headline": "drop is 4.0 points; layers: conv: its range is too narrow",
    "steps": [{"step": "post_processing", "agrees": True, "text": "agrees"}],
    "layers": [
        {"name": f"layer {number}", "relative_error": number / 100, "own_relative_error": number / 300}
        for number in range(30)
    ],
}  # fmt: skip


def flags(root: Path, name: str = "made") -> list[str]:
    return [
        "--name", name, "--run-dir", f"{root}/output/{name}", "--records-dir", f"{root}/input/tf_records/{name}",
        "--tf-csv-dir", f"{root}/input/tf_csv/{name}", "--report-file", f"{root}/report.html",
    ]  # fmt: skip


def write(root: Path, images: Sequence[MadeImage] | None = None, **more: Any) -> Balanced:
    """Make a run below `root`, write its page and read it as a browser does."""
    make_run(root, made_images(12) if images is None else images, **more)
    report.main(flags(root))
    return Balanced((root / "report.html").read_text(encoding="utf-8"))


def test_the_page_holds_all_its_parts(tmp_path: Path):
    images = made_images(30)
    images[0].found = []
    images[1].found = [(2, 0.9, place(9))]
    images[2].found += [(1, 0.8, place(10))]
    output = make_run(tmp_path, images, log=[*LOSSES, *rising(0.3, 0.5, 0.7, 0.7)], metrics=METRICS)
    for path, content in (
        ("edgetpu/preflight.json", PREFLIGHT),
        ("explain/drop.json", DROP),
        ("check.json", {"format": "coco", "findings": {"image_empty": 2}}),
        ("train/best.json", {"step": 300}),
        ("frozen/model.json", {"step": 300, "quantized": True, "input_width": 160, "input_height": 160}),
    ):
        (output / path).parent.mkdir(exist_ok=True)
        (output / path).write_text(json.dumps(content))
    (output / "tflite").mkdir()
    (output / "tflite/detect.tflite").write_bytes(bytes(2_500_000))
    report.main(flags(tmp_path))
    text = (tmp_path / "report.html").read_text()
    page = Balanced(text)
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", text) == [
        "What to do next", "How well it detects", "On test images", "What goes wrong", "The training",
        "The boxes it learned from", "The exported files", "How to use them",
    ]  # fmt: skip
    for words in (
        "Report made",
        "It detects well. On 30 test images it finds 93 % of 120 objects; 98 % of what it finds is right",
        "An exported file finds less than the model does",
        "cat (200), dog (200); in brackets the boxes to train on",
        "1 to train on and 30 to test with",
        "read as coco; the check found 2 things worth a look: dataset.html",
        "step 300, the best of the evaluations",
        "best: 0.700",
        "tflite: further from the model than it may be.",
        "there is no Chromium",
        "-0.040",
        "90 of 98 operators run on the Edge TPU.",
        "unknown to it",
        "Drop is 4.0 points",
        "layer 29",
        "2.5 MB",
        "make detect NAME=made IMAGES=folder THRESHOLD=0.50",
        "missed: cat, dog, cat, dog",
        "wrong: dog 0.90",
    ):
        assert words in page.words, words
    described = [value.split(":")[0] for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert described == [
        "Precision over recall, by class",
        "mAP on the test images over the steps",
        "Loss over the steps",
        "Learning rate over the steps",
        "Boxes by width and height in the images",
        "Boxes by width divided by height",
        "Boxes by where in their images their centres lie",
        "Images by how many boxes they have",
        "Error over the layers",
    ]
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    # The worst first, then typical ones and the best
    assert pictures[0] == "photo 0001.jpg: 0 of 4 found, 1 wrong"
    assert len(pictures) == len(set(pictures)) == 15
    assert not re.search(r"\{\w*\}", page.words), "every placeholder is filled"


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path):
    page = write(tmp_path, log=rising(0.1, 0.2), metrics=METRICS)
    text = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]*", "", text))
    assert not {"script", "link", "iframe", "object", "base", "form"} & page.seen.keys()
    policies = [value for tag, name, value in page.attributes if value.startswith("default-src")]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("data:image/jpeg;base64,", "#")), value


def test_every_word_of_the_run_is_escaped(tmp_path: Path):
    hostile = [label for label in HOSTILE if "\udc80" not in label]
    images = made_images(14, boxes=len(hostile), classes=len(hostile))
    for number, image in enumerate(images):
        label = hostile[number % len(hostile)]
        image.name = f"{label}{number}" if len(label) < 200 else ""
        image.found = [((class_id % len(hostile)) + 1, 0.7, corners) for class_id, _, corners in image.found]
    metrics = [{**METRICS[0], "artefact": HOSTILE[0], "runtime": HOSTILE[1], "per_class": {}}]
    settings = {"dataset": HOSTILE[0], "model": HOSTILE[1]}
    page = write(tmp_path, images, classes=hostile, metrics=metrics, settings=settings)
    assert "script" not in page.seen
    assert all(not name.startswith("on") for _, name, _ in page.attributes)
    assert all(
        value.startswith("data:image/jpeg") for tag, name, value in page.attributes if (tag, name) == ("img", "src")
    )
    for label in hostile:
        assert label in "".join(page.text), label


def test_names_that_run_from_right_to_left_turn_nothing_around_them(tmp_path: Path):
    images = made_images(12)
    for image in images:
        image.found = [(3 - class_id, score, corners) for class_id, score, corners in image.found]
    write(tmp_path, images, classes=("חתול", "כלב"))
    text = (tmp_path / "report.html").read_text()
    for tag in re.findall(r"<(\w+)[^>]*>[^<]*(?:חתול|כלב)", text):
        assert tag in ("bdi", "title", "strong", "svg", "code"), tag


def test_the_same_run_gives_the_same_bytes(tmp_path: Path):
    write(tmp_path, log=rising(0.1, 0.2), metrics=METRICS)
    first = (tmp_path / "report.html").read_bytes()
    lines = (tmp_path / "output/made/evaluation/tensorflow/checkpoint.jsonl").read_text().splitlines()
    (tmp_path / "output/made/evaluation/tensorflow/checkpoint.jsonl").write_text(
        "\n".join([lines[0], *lines[:0:-1]]) + "\n"
    )
    report.main(flags(tmp_path))
    assert (tmp_path / "report.html").read_bytes() == first, "in whatever order the images were tried"
    assert not list(tmp_path.glob("*.part"))


def test_a_run_that_was_not_evaluated_has_a_page_of_its_training(tmp_path: Path):
    make_run(tmp_path, made_images(3), log=LOSSES)
    (tmp_path / "output/made/evaluation/tensorflow/checkpoint.jsonl").unlink()
    report.main(flags(tmp_path))
    page = Balanced((tmp_path / "report.html").read_text())
    assert "The model was not tried on test images: make evaluate NAME=made" in page.words
    assert "Loss: 4.5 at first" in page.words
    assert "The loss was still falling at the end" in page.words
    assert "On test images" not in page.words
    assert "img" not in page.seen


@pytest.mark.parametrize(
    ("settings", "step"),
    [({}, 600), ({"qat_delay": 620}, 620), ({"steps": 4000}, 560), ({"config": "mine.config"}, 560)],
)
def test_the_step_at_which_quantization_begins_is_marked(tmp_path: Path, settings: dict[str, Any], step: int):
    log = [*rising(0.3, 0.5, every=280), {"step": 640, "map": 0.5, "map_50": 0.7, "quantized": True}]
    output = make_run(tmp_path, made_images(2), log=log, settings=settings)
    data = read_run_data(read_run_files(output, "made"), records_dir=tmp_path / "input/tf_records/made")
    assert find_quantization_step(data) == step


def test_a_run_whose_records_and_tables_are_gone_has_a_page_too(tmp_path: Path):
    write(tmp_path, metrics=METRICS)
    for path in (tmp_path / "input").rglob("*.*"):
        if path.is_file():
            path.unlink()
    report.main(flags(tmp_path))
    page = Balanced((tmp_path / "report.html").read_text())
    assert "The dataset's tables are not there any more." in page.words
    assert "0.700" in page.words, "the table of artefacts needs no records"


def test_images_without_boxes_or_detections_are_no_error(tmp_path: Path):
    page = write(tmp_path, [MadeImage([]), MadeImage([], [(1, 0.9, place(0))]), MadeImage([(1, place(0))])])
    assert "It does not detect well yet." in page.words
    page = write(tmp_path / "nothing", [MadeImage([])])
    assert "There is nothing to find in the test images." in page.words


def test_detections_of_other_images_are_refused(tmp_path: Path):
    output = make_run(tmp_path, made_images(3))
    path = output / "evaluation/tensorflow/checkpoint.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(DataError, match="has detections of 2 of the 3 test images"):
        report.main(flags(tmp_path))
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(DataError, match="'photo 0002.jpg' is none of the test images, or comes twice"):
        report.main(flags(tmp_path))


def test_a_config_of_the_users_own_says_nothing_of_the_input(tmp_path: Path):
    page = write(tmp_path, settings={"config": "mine.config"})
    assert "In the model's input, by the shorter side" not in page.words
    assert "In the photo" in page.words


def test_the_page_stays_small_for_many_classes_and_boxes(tmp_path: Path):
    classes = tuple(f"class {number:03}" for number in range(400))
    images = made_images(60, boxes=12, classes=400)
    for image in images[::3]:
        image.found = []
    page = write(tmp_path, images, classes=classes, train_boxes=2)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    assert "370 more classes" in page.words
    assert "The 12 classes of 400 with the most errors." in page.words
    for source in [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]:
        assert len(base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))) < 60_000


MEASURE = """
import resource, sys
from pipeline.jobs import report
report.main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path):
    peaks = []
    for count in (60, 1200):
        root = tmp_path / str(count)
        make_run(root, made_images(count))
        record = next((root / "input/tf_records/made").glob("test.record-*"))
        done = subprocess.run([sys.executable, "-c", MEASURE, *flags(root)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) * 1024)
    grown = peaks[1] - peaks[0]
    assert grown < 0.5 * record.stat().st_size, f"{grown / 1e6:.0f} MB more"
