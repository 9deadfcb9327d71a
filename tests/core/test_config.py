"""Settings: where they come from, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings, read_settings
from pipeline.errors import ConfigError
from pipeline.planner import plan_training

STEPS = "training steps; the model's own number when unset"


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "odpipe.yaml").write_text("steps: 100\nbatch: 4\n")
    settings = read_settings(tmp_path, {"steps": 200, "batch": None})
    assert (settings.steps, settings.batch, settings.seed) == (200, 4, 0)


def test_a_run_goes_on_with_what_it_was_begun_with(tmp_path: Path) -> None:
    train = tmp_path / "output/cats/train"
    train.mkdir(parents=True)
    stored = "model: ssd_mobilenet_v2\nname: cats\nsteps: 100\nbatch: 4\ndataset: photos\n"
    (train / "settings.yaml").write_text(stored)
    (tmp_path / "odpipe.yaml").write_text("batch: 8\n")
    settings = plan_training(tmp_path, {"name": "cats", "steps": 200}).settings
    assert (settings.model, settings.dataset, settings.steps, settings.batch) == ("ssd_mobilenet_v2", "photos", 200, 8)
    assert plan_training(tmp_path, {"name": "cats"}, fresh=True).settings.dataset == "input/supervisely"


def test_without_a_file_the_defaults_stand(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == Settings()


def test_the_run_is_called_after_its_model() -> None:
    assert Settings().run_name == "ssd_mobilenet_v2_quantized"
    assert Settings(name="cats").run_name == "cats"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "step: 100\n",
            f"odpipe.yaml: unknown setting 'step'; known: {', '.join(sorted(Settings.model_fields))}",
            "did you mean 'steps'?",
        ),
        ("steps: many\n", "setting 'steps' is 'many': input should be a valid integer, unable to parse string as an "
         "integer", STEPS),
        ("steps: 0\n", "setting 'steps' is 0: input should be greater than or equal to 1", STEPS),
        ("- steps\n", "odpipe.yaml: found a list, wanted lines of 'key: value'", None),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    (tmp_path / "odpipe.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path, {})
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "odpipe.yaml").write_text("steps: 1\nbatch: [\n")
    with pytest.raises(ConfigError, match=r"^odpipe\.yaml: not YAML: .*line 3"):
        read_settings(tmp_path, {})


def test_a_name_that_leaves_the_output_folder_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        _ = Settings(name="../cats").run_name
    assert str(caught.value) == (
        "NAME is '../cats'; wanted letters, digits, '.', '_' or '-', beginning with a letter or a digit"
    )
