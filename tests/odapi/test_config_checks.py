"""What would spoil a training is refused before its first step, naming the field: one case a check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.odapi.configs import try_configs

pytestmark = pytest.mark.odapi

ADAM = "train_config.optimizer.adam_optimizer.learning_rate"
COSINE = f"{ADAM}.cosine_decay_learning_rate"
MANUAL = f"{ADAM}.manual_step_learning_rate"
EXPONENTIAL = f"{ADAM}.exponential_decay_learning_rate"
OPTIONS = "train_config.data_augmentation_options"
RESIZER = "model.faster_rcnn.image_resizer.keep_aspect_ratio_resizer"
LEAVE_RECORDS = "leave it as it is: the records of the dataset are read"


def setting(*assignments: str, **case: Any) -> dict[str, Any]:
    return {"options": {"set": assignments}, **case}


def manual(schedule: str, **case: Any) -> dict[str, Any]:
    return setting(f"{MANUAL}={{initial_learning_rate: 0.01 {schedule}}}", **case)


# name: (case, message, hint)
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "classes": (
        setting("model.ssd.num_classes=9"),
        "model.ssd.num_classes is 9, and the label map names 4 (ball, ...",
        "leave num_classes out: it is taken from the dataset",
    ),
    "a reader that reads nothing": (
        setting("train_input_reader.tf_record_input_reader=none"),
        "train_input_reader has no tf_record_input_reader.input_path", LEAVE_RECORDS,
    ),
    "no reader of test images": (
        setting("eval_input_reader=none"), "the config has no eval_input_reader",
        "leave it as it is: the test images of the dataset are read",
    ),
    "a label map that is not there": (
        setting("train_input_reader.label_map_path=cats.pbtxt"),
        "train_input_reader.label_map_path: no file cats.pbtxt",
        "leave it as it is: the label map of the dataset is read",
    ),
    "records that are not there": (
        {"pattern": "nothing-*"}, "train_input_reader.tf_record_input_reader.input_path: no file ...",
        "make records MODEL=...",
    ),
    "no batch": (
        setting("train_config.batch_size=0"), "train_config.batch_size is 0; wanted at least 1", "BATCH=8",
    ),
    "images of several shapes in a batch": (
        setting(f"{RESIZER}.pad_to_max_dimension=false", preset="faster_rcnn_resnet50", batch=2),
        f"{RESIZER}.pad_to_max_dimension is false, and a batch of 2 needs images of one shape",
        "BATCH=1, or leave it out: with BATCH above 1 images are padded",
    ),
    "no learning rate": (
        setting(f"{ADAM}={{}}"), f"{ADAM} is not set", "LR=0.001 SCHEDULE=cosine",
    ),
    "a learning rate that is too high": (
        {"options": {"learning_rate": 3.0}}, f"{COSINE}: a rate of 3 is too high for anything to be learned",
        "LR=0.1 or less",
    ),
    "a learning rate of nothing": (
        {"options": {"learning_rate": 1e-12}}, f"{COSINE}: with a rate of 1e-12 nothing is learned", "LR=0.001",
    ),
    "a warm-up without end": (
        {"options": {"warmup": 5000}},
        f"{COSINE}.warmup_steps is 5000, and the run has 1000 steps: it would end in its warm-up",
        "WARMUP=100, or a longer run: STEPS=...",
    ),
    "a warm-up that falls": (
        setting(f"{COSINE}.warmup_learning_rate=0.05"),
        f"{COSINE}.warmup_learning_rate is 0.05, above learning_rate_base, 0.001: a warm-up climbs",
        f"SET={COSINE}.warmup_learning_rate=0.0001",
    ),
    "a cosine beyond the run": (
        setting(f"{COSINE}.total_steps=9000"),
        f"{COSINE}.total_steps is 9000, and the run has 1000 steps: its end would never come",
        "leave total_steps out: it is fitted to STEPS",
    ),
    "a cosine that ends too early": (
        setting(f"{COSINE}.total_steps=500"),
        f"{COSINE}.total_steps is 500, and the run has 1000 steps: after it nothing is learned",
        "leave total_steps out: it is fitted to STEPS",
    ),
    "a rate that is held too long": (
        setting(f"{COSINE}.hold_base_rate_steps=990"),
        f"{COSINE}: warmup_steps and hold_base_rate_steps are 1040 together, and the run has 1000 steps",
        f"SET={COSINE}.hold_base_rate_steps=0",
    ),
    "an exponential warm-up without end": (
        {"options": {"schedule": "exponential", "warmup": 1000}},
        f"{EXPONENTIAL}.burnin_steps is 1000, and the run has 1000 steps: it would end in its warm-up",
        "WARMUP=100, or a longer run: STEPS=...",
    ),
    "an exponential warm-up that falls": (
        {"options": {"schedule": "exponential", "warmup": 10, "set": [f"{EXPONENTIAL}.burnin_learning_rate=0.5"]}},
        f"{EXPONENTIAL}.burnin_learning_rate is 0.5, above initial_learning_rate, 0.001: a warm-up climbs",
        f"SET={EXPONENTIAL}.burnin_learning_rate=0.0001",
    ),
    "a rate that grows": (
        {"options": {"schedule": "exponential", "warmup": 10, "set": [f"{EXPONENTIAL}.decay_factor=2"]}},
        f"{EXPONENTIAL}: decay_factor is 2 and decay_steps 990; wanted a factor of 0 to 1 and a step from 1",
        "SCHEDULE=exponential sets both",
    ),
    "First step cannot be zero": (
        manual("schedule { step: 0 learning_rate: 0.001 }"),
        f"{MANUAL}.schedule[0].step is 0: the first change of the rate cannot be at the first step",
        "put that rate into initial_learning_rate, or SCHEDULE=constant",
    ),
    "steps that do not rise": (
        manual("schedule { step: 50 learning_rate: 0.001 } schedule { step: 20 learning_rate: 0.001 }"),
        f"{MANUAL}.schedule[1].step is 20, not after 50: steps must rise", "put them in order",
    ),
    "a step beyond the run": (
        manual("schedule { step: 5000 learning_rate: 0.001 }"),
        f"{MANUAL}.schedule[0].step is 5000, and the run has 1000 steps: it would never come",
        "leave it out, or a longer run: STEPS=...",
    ),
    "a manual warm-up without end": (
        manual("warmup: true schedule { step: 1000 learning_rate: 0.001 }"),
        f"{MANUAL}.schedule[0].step is 1000, and the run has 1000 steps: it would end in its warm-up",
        "WARMUP=100, or a longer run: STEPS=...",
    ),
    "no steps": (manual(""), f"{MANUAL}.schedule is empty", "SCHEDULE=constant"),
    "quantization after the end": (
        {"options": {"qat_delay": 1000}},
        "graph_rewriter.quantization.delay is 1000, and the run has 1000 steps: the model would never be quantized",
        "QAT_DELAY=900 or less, or leave it out",
    ),
    "an average that remembers too long": (
        {"options": {"moving_average": 0.9999}},
        "train_config.optimizer.moving_average_decay is 0.9999: the average would still hold the first weights after "
        "1000 steps",
        "MOVING_AVERAGE=0.997 or less",
    ),
    "averages that nobody keeps": (
        setting("eval_config.use_moving_averages=true"),
        "eval_config.use_moving_averages is true, and train_config.optimizer.use_moving_average is false: there would "
        "be none",
        "MOVING_AVERAGE=0.99 sets both",
    ),
    "an empty augmentation": (
        setting(f"{OPTIONS}[2]={{}}"), f"{OPTIONS}[2] is empty",
        "AUGMENT=flip,crop (odpipe models --augmentations lists all)",
    ),
    "an augmentation that is none": (
        setting(f"{OPTIONS}[2]={{scale_boxes_to_pixel_coordinates {{}}}}"),
        f"{OPTIONS}[2].scale_boxes_to_pixel_coordinates does not fit: the model wants boxes in 0..1", "leave it out",
    ),
    "an augmentation that cannot be built": (
        setting(f"{OPTIONS}[2]={{random_pad_image {{min_image_height: 5}}}}"),
        f"{OPTIONS}[2].random_pad_image: min_image_height and min_image_width should be either both set or both unset.",
        "odpipe models --augmentations lists what works",
    ),
    "a pattern that is none": (
        setting("train_config.freeze_variables=Feature("),
        "train_config.freeze_variables[0] is 'Feature(': no regular expression: missing ), unterminated subpattern at "
        "position 7",
        "FREEZE=backbone",
    ),
    "random weights that are frozen": (
        {"options": {"freeze": "backbone"}}, "FREEZE=backbone without pretrained weights would keep random ones",
        "PRETRAINED=zoo, or leave FREEZE out",
    ),
    "weights that are not there": (
        {"options": {"pretrained": {"prefix": "nowhere/model.ckpt", "source": "zoo cats"}}},
        "no checkpoint at nowhere/model.ckpt (zoo cats)",
        "PRETRAINED=none, or the path of its .index file without the ending",
    ),
}  # fmt: skip

# name: (case, what is said)
SAID: dict[str, tuple[dict[str, Any], list[str]]] = {
    "more images a step than there are": (
        {"images": 3, "batch": 4}, ["a step takes 4 images, and there are 3: it sees some of them twice"],
    ),
    "a rate that never falls": (
        setting(f"{EXPONENTIAL}={{initial_learning_rate: 0.01 decay_steps: 4000 decay_factor: 0.9}}"),
        ["the learning rate stays the same for all 1000 steps: " f"{EXPONENTIAL}.decay_steps is 4000"],
    ),
    "a frozen backbone that was trained": ({"options": {"freeze": "backbone"}, "resumed": True}, []),
    "a run of one step": ({"steps": 1}, []),
    "a run of two steps": ({"steps": 2, "preset": "ssd_mobilenet_v1_fpn"}, []),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    cases = {name: case for name, (case, *_) in [*REFUSED.items(), *SAID.items()]}
    return try_configs(odapi_python, records, tmp_path_factory.mktemp("presets"), cases)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_spoil_the_run_is_refused(found: dict[str, dict[str, Any]], name: str) -> None:
    _, message, hint = REFUSED[name]
    assert found[name]["exit"] == 2
    first, second = found[name]["said"]
    begin, more, _ = f"error: {message}".partition("...")
    assert first == begin or (more and first.startswith(begin))
    assert second == f"hint: {hint}"


@pytest.mark.parametrize("name", SAID)
def test_what_is_only_odd_is_said(found: dict[str, dict[str, Any]], name: str) -> None:
    assert (found[name]["exit"], found[name]["said"]) == (0, SAID[name][1])


def test_every_preset_passes_for_any_number_of_steps(
    odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from pipeline.models import preset_names

    cases = {
        f"{name} {steps}": {"preset": name, "steps": steps, "batch": 1}
        for name in preset_names() for steps in (1, 2, 20, 300, 100000)
    }  # fmt: skip
    found = try_configs(odapi_python, records, tmp_path_factory.mktemp("all"), cases)
    assert {name: case["said"] for name, case in found.items() if case["exit"] or case["said"]} == {}
