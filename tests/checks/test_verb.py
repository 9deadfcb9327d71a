"""`odpipe check` and the first stages of every training, as processes: what they print, write and exit with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.tf_csv import read_csv
from tests.checks.photos import Photos
from tests.datasets.drawing import rectangle
from tests.project import copy_project

CAT = rectangle("cat", 5, 5, 40, 40)
KEYS = ["format", "images", "boxes", "classes", "splits", "findings", "usable_images", "usable_boxes"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


@pytest.fixture
def dataset(project: Path) -> Path:
    """Twelve good images in two datasets, in the project."""
    photos = Photos(project / "input" / "cats")
    for number in range(12):
        photos.add_photo(f"{number}.jpg", CAT, dataset="train" if number % 4 else "val")
    return project / "input" / "cats"


def spoil(dataset: Path) -> None:
    """Cut one image short, and move a box of another one out of it."""
    path = dataset / "train/img/1.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    path = dataset / "train/ann/2.jpg.json"
    path.write_text(path.read_text().replace("[40, 40]", "[400, 40]"))


def odpipe(project: Path, *arguments: str, cwd: Path | None = None) -> tuple[int, str, list[str]]:
    search = os.pathsep.join([str(project), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": search, "ODPIPE_ROOT": str(project)}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd or project, capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.splitlines()


def check_json(project: Path, *arguments: str, code: int = 0, cwd: Path | None = None) -> dict[str, Any]:
    done, out, err = odpipe(project, "check", *arguments, "--json", cwd=cwd)
    assert done == code, err
    result: dict[str, Any] = json.loads(out)
    return result


RUN_STAGES = """
import sys
from pathlib import Path
from pipeline.backends import choose_backend
from pipeline.errors import PipelineError
from pipeline.planner import plan_training
from pipeline.runner import run_chain
from pipeline.stages import CHAINS
plan = plan_training(Path.cwd(), dict(word.split("=") for word in sys.argv[1:]))
try:
    run_chain(Path.cwd(), plan, CHAINS["records"], lambda: choose_backend("local", Path.cwd()))
except PipelineError as error:
    sys.exit(error.exit_code)
"""


def run_stages(project: Path, *settings: str) -> tuple[int, list[str]]:
    """Run the stages before the training, as `train` does."""
    command = [sys.executable, "-c", RUN_STAGES, "dataset=input/cats", "name=cats", *settings]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr.splitlines()


def test_a_good_dataset(project: Path, dataset: Path) -> None:
    result = check_json(project, "input/cats", "--name", "cats")
    assert list(result) == KEYS
    assert result == {
        "format": "supervisely",
        "images": 12,
        "boxes": 12,
        "classes": {"cat": 12},
        "splits": {"train": 9, "val": 3},
        "findings": {},
        "usable_images": 12,
        "usable_boxes": 12,
    }
    assert (project / "output/cats/dataset.html").read_text().startswith("<!")
    planned = sorted(path.name for path in (project / "output/cats/.jobs").glob("*.json"))
    assert planned == ["check.json", "model.json", "options.json"]


def test_a_bad_one_exits_with_3_and_counts_what_is_left(project: Path, dataset: Path) -> None:
    spoil(dataset)
    result = check_json(project, "input/cats", "--name", "cats", code=3)
    assert (result["images"], result["boxes"], result["usable_images"], result["usable_boxes"]) == (12, 12, 11, 10)
    assert result["findings"] == {"image_truncated": 1, "image_empty": 1, "box_outside": 1}
    assert (result["classes"], result["splits"]) == ({"cat": 10}, {"train": 8, "val": 3})


def test_told_to_keep_going_it_is_content_with_what_is_left(project: Path, dataset: Path) -> None:
    spoil(dataset)
    result = check_json(project, "input/cats", "--name", "cats", "--keep-going")
    assert (result["images"], result["usable_images"]) == (12, 11)


def test_what_people_read(project: Path, dataset: Path) -> None:
    spoil(dataset)
    code, out, err = odpipe(project, "check", "input/cats", "--name", "cats")
    assert (code, out) == (3, "")
    told = [line for line in err if not line.startswith("check  ")]
    assert told == [
        "input/cats: supervisely, 12 images, 12 boxes, 1 classes; usable: 11 images, 10 boxes",
        "splits: train 8, val 3",
        "  cat       10 boxes",
        "findings:",
        "  1  image that is cut short or broken: an error; left out with --keep-going",
        "       input/cats/train/img/1.jpg: cannot be decoded: image file is truncated (5 bytes not processed)",
        "  1  box outside its image: an error; left out with --keep-going",
        "       input/cats/train/ann/2.jpg.json: object 1 (cat): box (5, 5, 401, 41) is outside its image of 120x90",
        "  1  image without boxes: kept: it teaches what is background",
        "       input/cats/train/img/2.jpg",
        "split as the dataset says",
        "cannot be used: 1 x image that is cut short or broken, 1 x box outside its image; "
        "the page: output/cats/dataset.html; next: mend them, or KEEP_GOING=1",
    ]
    again = odpipe(project, "check", "input/cats", "--name", "cats")
    assert again == (3, "", ["check  up to date", *told[:-2], told[-1]])


def test_a_dataset_that_cannot_be_read(project: Path, tmp_path: Path) -> None:
    assert check_json(project, "nowhere", code=3) == {
        "error": "no dataset at nowhere",
        "hint": "put your labelled images there, or name their folder, tar or zip: DATASET=path",
        "exit_code": 3,
    }
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.doc").touch()
    code, out, err = odpipe(project, "check", str(tmp_path / "empty"), "--name", "cats", "--json")
    result = json.loads(out)
    assert (code, set(result), result["exit_code"]) == (3, {"error", "hint", "exit_code"}, 3)
    assert result["error"].startswith(f"{tmp_path}/empty fits no known dataset format; ")
    assert "\n  supervisely: no meta.json in it" in result["error"]
    assert f"error: {result['error']}".splitlines() == err[1:-1]
    assert err[-1] == f"hint: {result['hint']}"


def test_not_one_good_image(project: Path, dataset: Path) -> None:
    for path in dataset.rglob("*.jpg"):
        path.write_bytes(b"no image")
    result = check_json(project, "input/cats", "--name", "cats", code=3)
    assert (result["images"], result["usable_images"], result["splits"]) == (12, 0, {})
    assert result["findings"] == {"image_unreadable": 12, "label_unused": 1}
    code, err = run_stages(project, "keep_going=1")
    assert (code, err[-2:]) == (
        3,
        [
            "error: input/cats: not one image can be used: 12 x image that cannot be opened",
            "hint: look at output/cats/dataset.html",
        ],
    )


def test_from_another_folder_and_outside_the_project(project: Path, dataset: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sub").mkdir(parents=True)
    dataset.rename(elsewhere / "mine")
    assert check_json(project, "../mine", "--name", "cats", cwd=elsewhere / "sub")["images"] == 12
    assert check_json(project, str(elsewhere / "mine"), "--name", "cats", cwd=elsewhere)["images"] == 12
    (elsewhere / "mine").rename(dataset)
    assert check_json(project, "input/cats", "--name", "cats", cwd=elsewhere)["images"] == 12
    assert check_json(project, "cats", "--name", "cats", cwd=project / "input")["images"] == 12


def test_a_second_check_runs_nothing_and_a_changed_image_is_looked_at(project: Path, dataset: Path) -> None:
    check_json(project, "input/cats", "--name", "cats")
    _, _, err = odpipe(project, "check", "input/cats", "--name", "cats")
    assert err[0] == "check  up to date"
    spoil(dataset)
    _, _, err = odpipe(project, "check", "input/cats", "--name", "cats")
    assert err[0] == "check  dataset/train/ann/2.jpg.json changed (and 1 more)"
    _, _, err = odpipe(project, "check", "input/cats", "--name", "cats", "--model", "ssd_mobilenet_v2")
    assert err[0].startswith("check  settings changed: model ssd_mobilenet_v2_quantized ")


def test_a_training_stops_at_what_cannot_be_used(project: Path, dataset: Path) -> None:
    spoil(dataset)
    code, err = run_stages(project)
    assert (code, err[-2:]) == (
        3,
        [
            "error: 2 items of input/cats cannot be used: 1 x image that is cut short or broken, 1 x box outside its "
            "image; first: input/cats/train/img/1.jpg: cannot be decoded: image file is truncated (5 bytes not "
            "processed)",
            "hint: look at output/cats/dataset.html, mend them, or leave them out with KEEP_GOING=1",
        ],
    )
    assert not (project / "input/tf_csv/cats").exists()


def test_a_training_leaves_it_out_when_told_to_and_names_it(project: Path, dataset: Path) -> None:
    spoil(dataset)
    code, err = run_stages(project, "keep_going=1")
    assert code == 0, err
    assert (
        "skipped: input/cats/train/img/1.jpg: cannot be decoded: image file is truncated (5 bytes not processed)" in err
    )
    assert "left out: 1 images, 2 boxes (1 x image that is cut short or broken, 1 x box outside its image)" in err
    folder = project / "input/tf_csv/cats"
    names = [image.name for image in read_csv(folder / "train.csv", folder / "images/train")]
    assert names == ["10.jpg", "11.jpg", "2.jpg", "3.jpg", "5.jpg", "6.jpg", "7.jpg", "9.jpg"]
    assert json.loads((project / "input/tf_records/cats/records.json").read_text())["train"]["images"] == 8


def test_a_training_whose_dataset_is_good_checks_first_and_once(project: Path, dataset: Path) -> None:
    code, err = run_stages(project)
    assert code == 0, err
    stages = [line.split("  ")[0] for line in err if "  done in " in line]
    assert stages == ["check", "dataset", "records"]
    assert run_stages(project)[1] == ["check  up to date", "dataset  up to date", "records  up to date"]


def test_an_archive_is_checked_like_its_folder(project: Path, dataset: Path, tmp_path: Path) -> None:
    whole = check_json(project, "input/cats", "--name", "cats")
    subprocess.run(["tar", "-cf", tmp_path / "cats.tar", "-C", dataset.parent, "cats"], check=True)
    assert check_json(project, str(tmp_path / "cats.tar"), "--name", "tar") == whole
    spoil(dataset)
    subprocess.run(["tar", "-cf", tmp_path / "cats.tar", "-C", dataset.parent, "cats"], check=True)
    _, _, err = odpipe(project, "check", str(tmp_path / "cats.tar"), "--name", "tar")
    assert any(line.strip().startswith(f"{tmp_path}/cats.tar/cats/train/img/1.jpg: cannot be decoded") for line in err)
    assert not list((project / "output/tar").rglob("*unpacked*"))
