"""The dataset job and the published script, as processes: what they print, write, and exit with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.datasets.formats.registry import FORMATS
from pipeline.datasets.tf_csv import read_csv
from tests.datasets.drawing import Project, rectangle
from tests.project import ROOT, copy_project

SAMPLES = ROOT / "tests" / "samples"


def run_job(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.jobs.dataset", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def run_script(script: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_says_what_it_read(tmp_path: Path) -> None:
    done = run_job("--dataset", "tests/samples/supervisely", "--tf-csv-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[:5] == [
        "tests/samples/supervisely: supervisely, 3 images (1 without boxes), 4 boxes, 2 classes",
        "split as the dataset says: 2 train, 1 test",
        "  cat              1 boxes in train        1 in test",
        '  dog "big"        1 boxes in train        1 in test',
        "note: class without a box: left out of the label map: 2 (mouche verte été, unused)",
    ]
    assert [image.name for image in read_csv(tmp_path / "out/train.csv", tmp_path / "out/images/train")] == [
        "empty.png",
        "train_a.jpg",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run_job("--dataset", SAMPLES / "voc_labelimg", "--tf-csv-dir", tmp_path / name).returncode == 0
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_an_error_is_shown_with_its_hint_and_leaves_nothing(tmp_path: Path) -> None:
    done = run_job("--dataset", tmp_path / "none", "--tf-csv-dir", tmp_path / "out")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: no dataset at {tmp_path / 'none'}: no such folder\n"
        "hint: put a dataset there, or name its folder with DATASET=: Supervisely, Pascal VOC, COCO, YOLO, CVAT, "
        "LabelMe, OpenImages, tf_csv or TFRecord\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_bad_items_stop_it_or_are_named_when_told_to_keep_going(tmp_path: Path) -> None:
    project = Project(tmp_path / "data")
    project.add("a.png", rectangle("cat", 0, 0, 9, 9), shade=1)
    project.add("b.png", rectangle("cat", 0, 0, 9, 9), shade=2)
    bad = project.add("c.png", rectangle("cat", 0, 0, 99, 9), shade=3)
    message = f"{bad}: object 1 (cat): box (0, 0, 100, 10) is outside its image of 40x30"
    strict = run_job("--dataset", tmp_path / "data", "--tf-csv-dir", tmp_path / "out")
    assert (strict.returncode, strict.stderr.splitlines()[0]) == (3, f"error: {message}")
    kept = run_job("--dataset", tmp_path / "data", "--tf-csv-dir", tmp_path / "out", "--keep-going")
    assert kept.returncode == 0
    assert f"skipped: {message}" in kept.stderr.splitlines()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    done = run_job("--dataset", SAMPLES / "voc_devkit", "--tf-csv-dir", tmp_path / "out")
    assert (done.returncode, done.stderr.splitlines()[-2]) == (2, f"error: {tmp_path / 'out'} exists and is not empty")
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "mine"]


def test_a_misspelt_format_exits_with_2(tmp_path: Path) -> None:
    done = run_job("--dataset", tmp_path, "--format", "supervise", "--tf-csv-dir", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: unknown dataset format 'supervise'; known: auto, {', '.join(sorted(FORMATS))}\n"
        "hint: did you mean 'supervisely'?\n"
    )


class TestPublishedScript:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        project = copy_project(tmp_path / "project")
        sample = Project(project / "input" / "supervisely")
        for number in range(4):
            sample.add(f"{number}.png", rectangle("cat", 0, 0, number + 1, 9), shade=number)
        return project

    def test_its_defaults_are_the_published_ones_from_any_folder(self, project: Path, tmp_path: Path) -> None:
        done = run_script(project / "input" / "supervisely2tf_csv.py", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        written = files_of(project / "input" / "tf_csv")
        assert {name for name in written if not name.startswith("images/")} == {
            "train.csv",
            "test.csv",
            "label_map.pbtxt",
        }
        assert sorted(name.rsplit("/")[-1] for name in written if name.startswith("images/")) == [
            "0.png",
            "1.png",
            "2.png",
            "3.png",
        ]

    def test_a_second_run_replaces_what_the_first_wrote_and_nothing_else(self, project: Path) -> None:
        script = Path("input") / "supervisely2tf_csv.py"
        target = project / "input" / "tf_csv"
        assert run_script(script, cwd=project).returncode == 0
        (target / "my-run").mkdir()
        (target / "my-run" / "train.csv").write_text("another run's")
        before = files_of(target)
        assert run_script(script, cwd=project).returncode == 0
        assert files_of(target) == before

    def test_images_that_are_not_its_own_are_not_deleted(self, project: Path) -> None:
        script = Path("input") / "supervisely2tf_csv.py"
        assert run_script(script, cwd=project).returncode == 0
        mine = project / "input" / "tf_csv" / "images" / "train" / "mine.jpg"
        mine.touch()
        done = run_script(script, cwd=project)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "error: input/tf_csv/images/train/mine.jpg would be lost: input/tf_csv/images is replaced, "
            "and neither train.csv nor test.csv lists that file",
            "hint: move it away, or choose another folder with --tf-csv-dir",
        ]
        assert mine.exists()

    def test_a_python_without_the_packages_says_what_to_do(self, project: Path) -> None:
        command = [sys.executable, "-S", "input/supervisely2tf_csv.py"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 2
        assert done.stderr.splitlines()[1] == (
            "hint: make setup (it makes .envs/pipeline, which this script then uses by itself)"
        )
        assert done.stderr.startswith(
            "error: input/supervisely2tf_csv.py needs the Python package google_crc32c, which "
        )

    def test_a_python_without_the_packages_uses_the_environment_where_there_is_one(self, project: Path) -> None:
        python = project / ".envs" / "pipeline" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        command = [sys.executable, "-S", "input/supervisely2tf_csv.py"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (project / "input" / "tf_csv" / "train.csv").exists()
