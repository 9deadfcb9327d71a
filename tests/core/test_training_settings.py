"""The settings of a training: how they are written, what is said of wrong ones, and what the job is told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.augmentations import AUGMENTATIONS
from pipeline.config import Settings, parse_settings, read_settings, settings_from_environment
from pipeline.errors import ConfigError
from pipeline.planner import make_specs, plan_training, write_specs
from pipeline.training_settings import TrainingSettings
from tests.project import ROOT, copy_project

OWN_WORDS = {"pbtxt", "threshold", "backend"}  # of the exports and of detect; they train nothing


@pytest.mark.parametrize(
    "written", ["flip,crop,color", "flip, crop color", "flip;crop\ncolor", ["flip", "crop", "color"]]
)
def test_names_may_stand_between_commas_or_spaces(written: Any) -> None:
    assert parse_settings({"augment": written}).augment == ("flip", "crop", "color")


def test_nothing_is_another_thing_than_not_said() -> None:
    assert Settings().augment is None
    assert parse_settings({"augment": "none"}).augment == parse_settings({"augment": []}).augment == ()


@pytest.mark.parametrize(
    ("written", "assignments"),
    [
        ("train_config.a=1 model.ssd.b=2", ["train_config.a=1", "model.ssd.b=2"]),
        ("train_config.a=1,model.ssd.b=2; eval_input_reader[0].c=3",
         ["train_config.a=1", "model.ssd.b=2", "eval_input_reader[0].c=3"]),
        ("train_config.a=[1, 2, 3] model.ssd.b={x: 1 y: 2}", ["train_config.a=[1, 2, 3]", "model.ssd.b={x: 1 y: 2}"]),
        (["train_config.a=one two", "model.ssd.b = 2"], ["train_config.a=one two", "model.ssd.b = 2"]),
        ("", []),
    ],
)  # fmt: skip
def test_assignments_are_taken_apart_and_their_values_are_not(written: Any, assignments: list[str]) -> None:
    assert list(parse_settings({"set": written}).set) == assignments


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"augment": "flipp"}, "setting 'augment' is 'flipp': unknown augmentation 'flipp'; did you mean 'flip'? "
         f"known: {', '.join(AUGMENTATIONS)}"),
        ({"augment": "flip flip"}, "setting 'augment' is 'flip flip': 'flip' is there twice"),
        ({"augment": "flip,none"}, "setting 'augment' is 'flip,none': 'none' stands alone: it varies nothing"),
        ({"set": "batch_size"}, "setting 'set' is 'batch_size': 'batch_size' assigns nothing; wanted a.b.c=value"),
        ({"freeze": "Feature("}, "setting 'freeze' is 'Feature(': no regular expression: missing ), unterminated "
         "subpattern at position 7"),
        ({"schedule": "cosin"}, "setting 'schedule' is 'cosin': input should be 'cosine', 'exponential' or 'constant'"),
        ({"lr": 0}, "setting 'lr' is 0: input should be greater than 0"),
        ({"moving_average": 1}, "setting 'moving_average' is 1: input should be less than 1"),
        ({"steps": 5, "epochs": 2}, "settings 'steps' and 'epochs' are both given; each says how long to train"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(values)
    assert str(caught.value) == message
    assert caught.value.hint


def test_epochs_take_the_place_of_steps_of_before_and_steps_of_epochs(tmp_path: Path) -> None:
    (tmp_path / "odpipe.yaml").write_text("steps: 100\n")
    settings = read_settings(tmp_path, {"epochs": 2.5})
    assert (settings.steps, settings.epochs) == (None, 2.5)
    (tmp_path / "odpipe.yaml").write_text("epochs: 3\n")
    settings = read_settings(tmp_path, {"steps": 7})
    assert (settings.steps, settings.epochs) == (7, None)


def test_a_run_of_epochs_goes_on_with_them(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    spec = write_specs(project, plan_training(project, {"name": "cats", "epochs": 2.5}))["train"]
    flags = spec["command"]
    assert flags[flags.index("--epochs") + 1] == "2.5" and "--steps" not in flags
    stored = yaml.safe_load((project / "output/cats/.jobs/settings.yaml").read_text())
    assert (stored["steps"], stored["epochs"]) == (None, 2.5)
    (project / "output/cats/train").mkdir()
    (project / "output/cats/.jobs/settings.yaml").rename(project / "output/cats/train/settings.yaml")
    again = plan_training(project, {"name": "cats"}).settings
    assert (again.steps, again.epochs) == (None, 2.5)
    assert make_specs(project, plan_training(project, {"name": "cats"}))["train"]["settings"] == spec["settings"]


def test_options_reach_the_job_and_those_that_train_otherwise_its_receipt(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    given = {
        "name": "cats", "augment": "flip", "lr": 0.01, "warmup": 0, "schedule": "constant", "optimizer": "momentum",
        "freeze": "none", "moving_average": 0.9, "set": ["train_config.a=1"], "qat_delay": 0, "eval_every": 0,
        "patience": 3, "keep": 5, "gpus": 1, "device": "cpu", "pretrained": "none",
    }  # fmt: skip
    spec = write_specs(project, plan_training(project, given))["train"]
    options = json.loads((project / "output/cats/.jobs/options.json").read_text())
    wanted = {
        "augment": ["flip"], "learning_rate": 0.01, "warmup": 0, "schedule": "constant", "optimizer": "momentum",
        "freeze": "none", "moving_average": 0.9, "set": ["train_config.a=1"], "qat_delay": 0, "eval_every": 0,
        "choose_batch": True, "patience": 3, "keep": 5, "gpus": 1, "device": "cpu", "pretrained": None,
    }  # fmt: skip
    assert options == wanted
    assert spec["command"][spec["command"].index("--options") + 1] == "output/cats/.jobs/options.json"
    without_effect = ("keep", "gpus", "device", "choose_batch", "pretrained")
    told = {name: value for name, value in wanted.items() if name not in without_effect}
    assert told.items() <= spec["settings"].items()
    assert not {"keep", "gpus", "device", "threads"} & set(spec["settings"])


def test_a_training_that_is_left_as_it_is_has_the_receipt_it_always_had(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    spec = make_specs(project, plan_training(project, {"name": "cats", "pretrained": "none"}))["train"]
    assert set(spec["settings"]) <= {"model", "steps", "batch", "seed", "pretrained"}


def test_the_job_knows_every_option_that_it_is_told(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    write_specs(project, plan_training(project, {"name": "cats", "pretrained": "none"}))
    path = project / "output/cats/.jobs/options.json"
    assert read_options(path) == (0, list(json.loads(path.read_text())), "")
    path.write_text('{"augmentt": []}')
    code, _, errors = read_options(path)
    assert code == 2
    assert errors.endswith("hint: did you mean 'augment'?\n") and "unknown option 'augmentt'" in errors
    path.write_text("[]")
    assert read_options(path)[::2] == (2, f"error: {path}: found a list, wanted an object\n")


def read_options(path: Path) -> tuple[int, list[str], str]:
    """Read an options.json as the job does; return exit code, the options' names, what was said."""
    code = (
        f"import json; from configs.training_options import *; print(json.dumps(read_options({str(path)!r})._fields))"
    )
    folder = ROOT / "container_scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "[]"), done.stderr


def test_images_fill_epochs_up_to_a_whole_step() -> None:
    code = (
        "from configs import training_options as t; print(t.steps_of_epochs(1, 10, 4), t.steps_of_epochs(0.01, 10, 4), \
        t.steps_of_epochs(2.5, 100, 1), t.batch_size(t.make_options(set=['train_config.batch_size = 7']), 4))"
    )
    folder = ROOT / "container_scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "1", "250", "7"]


def test_every_setting_can_be_given_to_make_compose_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set(Settings.model_fields) - OWN_WORDS
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["x-settings"]
    assert {name for name in names if name.upper() not in compose} == set()
    assert {name for name in names if compose[name.upper()] != f"${{{name.upper()}:-}}"} == {"name"}
    example = (ROOT / ".env.example").read_text()
    assert {name for name in names if not re.search(rf"^#{name.upper()}=", example, re.MULTILINE)} == set()
    makefile = (ROOT / "Makefile").read_text()
    assert {name for name in names if not re.search(rf"\b{name.upper()}\b", makefile)} == set()
    monkeypatch.setenv("SET", "train_config.a=1 model.ssd.b=2")
    monkeypatch.setenv("AUGMENT", "flip,crop")
    settings = parse_settings(settings_from_environment())
    assert (settings.set, settings.augment) == (("train_config.a=1", "model.ssd.b=2"), ("flip", "crop"))


def test_make_hands_every_setting_of_a_training_on() -> None:
    given = {name: f"{number}x" for number, name in enumerate(TrainingSettings.model_fields)}
    words = [f"{name.upper()}={value}" for name, value in given.items()]
    command = ["make", "-n", "-s", "-o", ".envs/pipeline/.ready", "train", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name, value in given.items():
        assert f"--{name.replace('_', '-')} '{value}'" in done.stdout, name


def test_help_explains_every_setting_and_the_augmentations(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    command = [sys.executable, "-m", "pipeline"]
    shown = subprocess.run([*command, "train", "--help"], cwd=project, capture_output=True, text=True, check=True)
    for name in TrainingSettings.model_fields:
        assert f"--{name.replace('_', '-')} " in shown.stdout
        assert Settings.model_fields[name].description
    listed = subprocess.run(
        [*command, "models", "faster_rcnn_resnet50", "--augmentations"],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line for line in listed.stderr.splitlines() if line[:2] in ("  ", "* ")][:-1]
    assert [line[2:].split()[0] for line in rows] == list(AUGMENTATIONS)
    assert [line[2:].split()[0] for line in rows if line.startswith("*")] == ["flip"]
