"""`odpipe detect`, as people call it: every form of a model, models of others, videos, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.project import ROOT, shared_data

pytestmark = [pytest.mark.odapi, pytest.mark.tfjs]


def odpipe(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run detect in a project."""
    command = [sys.executable, "-m", "pipeline", "detect", *map(str, arguments), "--backend", "local"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def read_rows(out: Path) -> list[dict[str, str]]:
    with (out / "detection.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def drawn(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three test images of the tiny run, one of them a BMP, and a film of them."""
    folder = tmp_path_factory.mktemp("drawn")
    pictures = sorted((tiny_root / "input/tf_csv/tiny/images/test").iterdir())[:3]
    (folder / "sub").mkdir()
    shutil.copyfile(pictures[0], folder / "a.jpg")
    shutil.copyfile(pictures[1], folder / "sub" / "b.jpg")
    Image.open(pictures[2]).save(folder / "c.bmp")
    with av.open(str(folder / "film.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=5, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for path in (*pictures, *pictures):
            film.mux(stream.encode(av.VideoFrame.from_image(Image.open(path).resize((320, 240)))))
        film.mux(stream.encode(None))
    return folder


FRAMES = ["film.mp4/000000.jpg", "film.mp4/000002.jpg", "film.mp4/000004.jpg"]


@pytest.mark.parametrize(
    "artefact", ["tflite", "tflite_float", "frozen", "saved_model", "checkpoint", "tfjs", "tfjs_fast"]
)
def test_every_form_detects_in_images_and_in_films(tiny_root: Path, drawn: Path, tmp_path: Path, artefact: str) -> None:
    flags = ("--name", "tiny", "--artefact", artefact, "--threshold", "0.02", "--max", "3", "--every", "2")
    done = odpipe(tiny_root, drawn, *flags, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["artefact"].startswith(artefact)
    rows = read_rows(tmp_path / "out")
    assert sorted({row["filename"] for row in rows}) == sorted(["a.jpg", "c.bmp", "sub/b.jpg", *FRAMES])
    assert all({row["width"], row["height"]} == {"320", "240"} for row in rows)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "annotated",
        "detection.csv",
        "detection.json",
    ]
    assert sorted(path.name for path in (tmp_path / "out" / "annotated").rglob("*.*")) == [
        "a.jpg", "b.jpg", "c.bmp.jpg", "film.mp4",
    ]  # fmt: skip


def test_the_fastest_form_is_taken_and_several_places_may_be_named(
    tiny_root: Path, drawn: Path, tmp_path: Path
) -> None:
    places = (drawn / "a.jpg", drawn / "sub", "--images", f"{drawn}/*.bmp")
    done = odpipe(tiny_root, *places, "--name", "tiny", "--threshold", "0", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "detect  3 images with tflite\n" in done.stderr
    assert sorted({row["filename"] for row in read_rows(tmp_path / "out")}) == ["a.jpg", "c.bmp", "sub/b.jpg"]


def test_models_of_others_run_with_their_label_files(tiny_root: Path, tmp_path: Path) -> None:
    cats = shared_data() / "mobiledet_dogcat"
    (tmp_path / "labels.txt").write_text("0  cat\n1  dog\n")
    model = ("--graph", cats / "ssdlite_mobiledet_dog_vs_cat.tflite", "--labels", tmp_path / "labels.txt")
    done = odpipe(tiny_root, cats / "test_images" / "image1.jpg", *model, "--out", tmp_path / "cats")
    assert done.returncode == 0, done.stderr
    assert [row["class"] for row in read_rows(tmp_path / "cats")] == ["dog"]

    frozen = tiny_root / "output/tiny/frozen"
    for graph in (
        frozen / "frozen_inference_graph.pb",
        frozen / "saved_model",
        tiny_root / "output/tiny/tensorflow_js",
    ):
        named = ("--graph", graph, "--labels", frozen / "label_map.pbtxt", "--threshold", "0", "--max", "1")
        done = odpipe(tiny_root, cats / "test_images" / "image1.jpg", *named, "--out", tmp_path / graph.name)
        assert done.returncode == 0, done.stderr
        assert len(read_rows(tmp_path / graph.name)) == 1


def test_our_own_tflite_brings_its_labels_along(tiny_root: Path, drawn: Path, tmp_path: Path) -> None:
    shutil.copyfile(tiny_root / "output/tiny/tflite/detect.tflite", tmp_path / "lent.tflite")
    done = odpipe(
        tiny_root, drawn / "a.jpg", "--graph", tmp_path / "lent.tflite", "--threshold", "0", "--out", tmp_path / "o"
    )
    assert done.returncode == 0, done.stderr
    names = (tiny_root / "output/tiny/tflite/labels.txt").read_text().splitlines()
    assert {row["class"] for row in read_rows(tmp_path / "o")} <= set(names)


def test_what_was_detected_is_a_dataset_to_correct_and_train_on(tiny_root: Path, drawn: Path, tmp_path: Path) -> None:
    flags = ("--name", "tiny", "--threshold", "0.02", "--max", "5", "--every", "3", "--save", "voc,yolo")
    done = odpipe(tiny_root, drawn, *flags, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"then, to train on them: make train DATASET={tmp_path / 'out' / 'yolo'} NAME=...\n")
    boxes = len(read_rows(tmp_path / "out"))
    for kind in ("voc", "yolo"):
        command = [sys.executable, "-m", "pipeline", "check", str(tmp_path / "out" / kind), "--name", kind, "--json"]
        checked = subprocess.run(command, cwd=tiny_root, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        found = json.loads(checked.stdout)
        assert (found["images"], found["boxes"]) == (5, boxes)
    again = odpipe(tiny_root, drawn, *flags, "--out", tmp_path / "out")
    assert again.returncode == 3
    assert "voc is there already, and may hold what somebody corrected" in again.stderr


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--artefact", "tfilte"], 2, "unknown artefact 'tfilte'; known: tflite, tflite_float, frozen, "),
        (["--tiles", "2"], 2, "tiles are '2'; wanted columns and rows, as in 2x2 or 3x2"),
        (["--every", "0"], 2, "every is 0; wanted 1 or more"),
        (["--max", "0"], 2, "max is 0; wanted 1 to 1000 boxes an image"),
        (["--nms", "1.5"], 2, "nms is 1.5; wanted an overlap above 0 and at most 1"),
        (["--save", "coco"], 2, "save is 'coco'; wanted voc or yolo"),
        (["--class-threshold", "wolf=0.3"], 2, "no class is called 'wolf'; the classes: "),
        (["--graph", "output/tiny/frozen"], 2, "output/tiny/frozen has a SavedModel in it, and is none"),
        (["--graph", "pyproject.toml"], 2, "pyproject.toml is no model that detect can run; wanted frozen_"),
        (["--graph", "output/tiny/frozen/saved_model"], 2, "GRAPH needs a label map that names its classes"),
        (["--graph", "nowhere.pb"], 2, "no model at nowhere.pb"),
        (["--out", "Makefile"], 2, "Makefile is a file; wanted a folder to write"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_work(
    tiny_root: Path, drawn: Path, flags: list[str], code: int, said: str
) -> None:
    done = odpipe(tiny_root, drawn, "--name", "tiny", *flags)
    assert done.returncode == code
    assert done.stderr.startswith(f"error: {said}"), done.stderr


def test_without_a_name_the_exported_runs_are_told(tiny_root: Path, drawn: Path) -> None:
    done = odpipe(tiny_root, drawn)
    assert done.returncode == 4
    assert "hint: make export NAME=ssd_mobilenet_v2_quantized; exported is NAME=tiny\n" in done.stderr


def test_without_images_the_hint_says_what_to_name(tiny_root: Path) -> None:
    done = odpipe(tiny_root, "--name", "tiny")
    assert done.returncode == 2
    assert (
        done.stderr == "error: no images are named\nhint: IMAGES=folder, a file, a video, or 'photos/*.jpg' in quotes\n"
    )


def test_make_passes_every_option_on() -> None:
    given = {"images": "p", "out": "o", "graph": "g", "labels": "l", "artefact": "frozen", "threshold": "0.4"}
    given |= {"class-threshold": "a=0.2", "max": "9", "nms": "0.4", "tiles": "2x2", "every": "5", "save": "voc"}
    words = [f"{name.upper().replace('-', '_')}={value}" for name, value in given.items()]
    command = ["make", "--dry-run", "--silent", "detect", *words, "ANNOTATED=0"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    for name, value in given.items():
        assert f"--{name} '{value}'" in printed
    assert "--no-annotated" in printed
