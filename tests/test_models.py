"""Presets: every file is one, and a wrong name is answered with the right one."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import ConfigError
from pipeline.models import Preset, parse_preset, preset_names, read_preset

SMALLEST = """
summary: a test
architecture: ssd
quantized: false
input_height: 160
input_width: 160
steps: 10
batch: 2
pipeline: {model: {ssd: {num_classes: 1}}}
"""


def test_the_presets_of_the_project_are_known():
    assert preset_names() == [
        "faster_rcnn_inception_v2",
        "ssd_mobilenet_v2",
        "ssd_mobilenet_v2_quantized",
        "ssd_mobilenet_v2_quantized_small",
    ]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_of_itself_what_its_pipeline_says(name: str):
    preset = read_preset(name)
    model = preset.pipeline["model"][preset.architecture]
    resizer = model["image_resizer"]
    if preset.architecture == "ssd":
        size = resizer["fixed_shape_resizer"]
        assert (size["height"], size["width"]) == (preset.input_height, preset.input_width)
        assert model["feature_extractor"]["override_base_feature_extractor_hyperparams"] is True
    else:
        size = resizer["keep_aspect_ratio_resizer"]
        assert (size["min_dimension"], size["max_dimension"]) == (preset.input_height, preset.input_width)
        assert model["feature_extractor"]["batch_norm_trainable"] is True
    assert ("graph_rewriter" in preset.pipeline) == preset.quantized
    assert len(preset.summary) > 100


@pytest.mark.parametrize("name", preset_names())
def test_a_schedule_is_written_for_the_presets_own_steps(name: str):
    preset = read_preset(name)
    (optimizer,) = (v for v in preset.pipeline["train_config"]["optimizer"].values() if isinstance(v, dict))
    schedule = optimizer["learning_rate"]["cosine_decay_learning_rate"]
    assert schedule["total_steps"] == preset.steps
    assert 0 < schedule["warmup_steps"] < preset.steps / 10
    if preset.quantized:
        delay = preset.pipeline["graph_rewriter"]["quantization"]["delay"]
        assert preset.steps / 2 < delay < preset.steps


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_survives_json(name: str):
    preset = read_preset(name)
    assert Preset.model_validate(json.loads(preset.model_dump_json())) == preset


def test_an_unknown_model_lists_the_known_and_guesses_one():
    with pytest.raises(ConfigError) as caught:
        read_preset("ssd_mobilnet_v2")
    assert str(caught.value) == (
        "unknown model 'ssd_mobilnet_v2'; known: faster_rcnn_inception_v2, ssd_mobilenet_v2, "
        "ssd_mobilenet_v2_quantized, ssd_mobilenet_v2_quantized_small"
    )
    assert caught.value.hint == "did you mean 'ssd_mobilenet_v2'?"


@pytest.mark.parametrize("name", ["../errors", "", "zzz"])
def test_a_name_like_no_other_is_not_guessed(name: str):
    with pytest.raises(ConfigError) as caught:
        read_preset(name)
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        (SMALLEST + "step: 3\n", "pipeline/models/mine.yaml: unknown key 'step'", "did you mean 'steps'?"),
        (SMALLEST.replace("steps: 10", "steps: 0"),
         "pipeline/models/mine.yaml: steps: input should be greater than or equal to 1", None),
        ("- ssd\n", "pipeline/models/mine.yaml: found a list, wanted lines of 'key: value'", None),
    ],
)  # fmt: skip
def test_a_file_that_is_no_preset_is_named_with_its_key(wrong: str, message: str, hint: str | None):
    with pytest.raises(ConfigError) as caught:
        parse_preset("mine", wrong)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_preset_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        parse_preset("mine", SMALLEST).steps = 3  # type: ignore[misc]
