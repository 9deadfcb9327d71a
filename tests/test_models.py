"""Presets: every file is one and says the truth of itself, and a wrong name is answered with the right one."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import ConfigError
from pipeline.models import Preset, parse_preset, preset_names, read_preset, read_presets

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
NAMES = [
    "embedded_ssd_mobilenet_v1", "faster_rcnn_inception_v2", "faster_rcnn_resnet101", "faster_rcnn_resnet50",
    "faster_rcnn_vgg16", "rfcn_resnet101", "ssd_inception_v2", "ssd_mobilenet_v1", "ssd_mobilenet_v1_0.75_depth",
    "ssd_mobilenet_v1_0.75_depth_quantized", "ssd_mobilenet_v1_fpn", "ssd_mobilenet_v1_ppn",
    "ssd_mobilenet_v1_quantized", "ssd_mobilenet_v2", "ssd_mobilenet_v2_quantized",
    "ssd_mobilenet_v2_quantized_small", "ssdlite_mobiledet_cpu", "ssdlite_mobiledet_dsp",
    "ssdlite_mobiledet_edgetpu", "ssdlite_mobilenet_edgetpu", "ssdlite_mobilenet_v2", "ssdlite_mobilenet_v3_large",
    "ssdlite_mobilenet_v3_small",
]  # fmt: skip
# The zoo has no weights of these
OURS = ["embedded_ssd_mobilenet_v1", "ssd_mobilenet_v2_quantized_small"]
# The Edge TPU has no hard swish, and takes little more than half of the feature pyramid
CPU_ONLY = ["ssd_mobilenet_v1_fpn", "ssdlite_mobiledet_cpu", "ssdlite_mobilenet_v3_large", "ssdlite_mobilenet_v3_small"]
# Their base extractor takes no batch norm from outside
MOBILEDET = "ssd_mobiledet_"


def test_the_presets_of_the_project_are_known():
    assert preset_names() == NAMES
    assert [preset.name for preset in read_presets()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_of_itself_what_its_pipeline_says(name: str):
    preset = read_preset(name)
    model = preset.pipeline["model"][preset.architecture]
    resizer = model["image_resizer"]
    extractor = model["feature_extractor"]
    if preset.architecture == "ssd":
        size = resizer["fixed_shape_resizer"]
        assert (size["height"], size["width"]) == (preset.input_height, preset.input_width)
        overrides = extractor.get("override_base_feature_extractor_hyperparams", False)
        assert overrides is not extractor["type"].startswith(MOBILEDET)
        assert extractor["conv_hyperparams"]["batch_norm"]["decay"] <= 0.99
    else:
        size = resizer["keep_aspect_ratio_resizer"]
        assert (size["min_dimension"], size["max_dimension"]) == (preset.input_height, preset.input_width)
        # VGG-16 is older than batch norm
        assert extractor.get("batch_norm_trainable") is (None if name == "faster_rcnn_vgg16" else True)
    assert ("graph_rewriter" in preset.pipeline) == preset.quantized
    assert len(preset.summary) > 100


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_what_it_becomes_and_where_it_belongs(name: str):
    preset = read_preset(name)
    exports = ["tfjs"]
    if preset.architecture == "ssd" and name not in CPU_ONLY:
        exports.insert(0, "edgetpu")
    if preset.architecture == "ssd":
        exports.insert(0, "tflite")
    assert list(preset.exports) == exports
    assert (preset.published is None) == (name in OURS)
    assert (preset.zoo is None) == (name in OURS or name == "faster_rcnn_vgg16")  # its figures are its paper's
    assert 30 < len(preset.hardware) < 120
    assert preset.parameters is not None
    assert preset.parameters > 100_000
    if preset.published:
        assert preset.published.source.startswith("https://")


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_is_written_for_the_presets_own_steps(name: str):
    preset = read_preset(name)
    (optimizer,) = (v for v in preset.pipeline["train_config"]["optimizer"].values() if isinstance(v, dict))
    schedule = optimizer["learning_rate"]["cosine_decay_learning_rate"]
    assert schedule["total_steps"] == preset.steps
    assert 0 < schedule["warmup_steps"] < preset.steps / 10
    assert 0 < schedule["warmup_learning_rate"] < schedule["learning_rate_base"]
    if preset.quantized:
        delay = preset.pipeline["graph_rewriter"]["quantization"]["delay"]
        assert preset.steps / 2 < delay < preset.steps


def test_the_names_of_the_zoo_are_aliases_and_none_means_two_models():
    for alias, name in [
        ("ssd_mobilenet_v2_coco", "ssd_mobilenet_v2"),
        ("ssd_mobilenet_v2_coco_2018_03_29", "ssd_mobilenet_v2"),
        ("ssd_mobilenet_v2_quantized_300x300_coco_2019_01_03", "ssd_mobilenet_v2_quantized"),
        ("ssd_mobilenet_v3_large_coco_2020_01_14", "ssdlite_mobilenet_v3_large"),
        ("ssd_mobiledet_edgetpu_coco", "ssdlite_mobiledet_edgetpu"),
        ("rfcn_resnet101_coco_2018_01_28", "rfcn_resnet101"),
    ]:
        assert read_preset(alias) == read_preset(name)
    known = [*NAMES, *(alias for preset in read_presets() for alias in preset.aliases)]
    assert len(set(known)) == len(known)
    for preset in read_presets():
        archive = (preset.zoo or "").rsplit("/", 1)[-1].replace(".tar.gz", "")
        assert not archive or archive in preset.aliases


def test_the_archive_of_a_preset_lies_in_the_zoo_or_where_its_url_says():
    assert read_preset("ssd_mobilenet_v2").zoo_url == (
        "http://download.tensorflow.org/models/object_detection/ssd_mobilenet_v2_coco_2018_03_29.tar.gz"
    )
    assert read_preset("ssdlite_mobilenet_edgetpu").zoo_url == (
        "https://storage.googleapis.com/mobilenet_edgetpu/checkpoints/ssdlite_mobilenet_edgetpu_coco_quant.tar.gz"
    )
    assert read_preset("embedded_ssd_mobilenet_v1").zoo_url is None


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_holds_the_recipe_alone_and_survives_json(name: str):
    preset = read_preset(name)
    again = Preset.model_validate(json.loads(preset.model_dump_json()))
    assert again.model_dump() == preset.model_dump()
    assert set(preset.model_dump()) == {
        "name", "summary", "architecture", "quantized", "input_height", "input_width", "steps", "batch", "pipeline"
    }  # fmt: skip


def test_an_unknown_model_lists_the_known_and_guesses_one():
    with pytest.raises(ConfigError) as caught:
        read_preset("ssd_mobilnet_v2")
    assert str(caught.value) == f"unknown model 'ssd_mobilnet_v2'; known: {', '.join(NAMES)}"
    assert caught.value.hint == "did you mean 'ssd_mobilenet_v2'?"
    with pytest.raises(ConfigError) as caught:
        read_preset("ssd_mobilenet_v2_coco_2018_03_92")
    assert caught.value.hint == "did you mean 'ssd_mobilenet_v2_coco_2018_03_29'?"


@pytest.mark.parametrize("name", ["../errors", "", "zzz"])
def test_a_name_like_no_other_is_not_guessed(name: str):
    with pytest.raises(ConfigError) as caught:
        read_preset(name)
    assert caught.value.hint is None


PUBLISHED = "published: {coco_map: 22, latency_ms: 31, latency_on: a phone, source: 'https://example.org'}\n"


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        (SMALLEST + "step: 3\n", "pipeline/models/mine.yaml: unknown key 'step'", "did you mean 'steps'?"),
        (SMALLEST + PUBLISHED.replace("latency_ms", "latency"),
         "pipeline/models/mine.yaml: published.latency_ms: field required", None),
        (SMALLEST + PUBLISHED.replace("31", "31, coco_mAP: 23"),
         "pipeline/models/mine.yaml: unknown key 'published.coco_mAP'", "did you mean 'coco_map'?"),
        (SMALLEST + "exports: [tflite, onnx]\n",
         "pipeline/models/mine.yaml: exports.1: input should be 'tflite', 'edgetpu' or 'tfjs'", None),
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
