"""LR=, WARMUP=, SCHEDULE=, OPTIMIZER=, FREEZE=, MOVING_AVERAGE=, QAT_DELAY=, AUGMENT= and SET=, in final configs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.odapi.configs import try_configs

pytestmark = pytest.mark.odapi

RATES = [0, 50, 100, 500, 999]
NO_SUCH = "model.ssd.anchor_generater.ssd_anchor_generator.num_layers=5"
BATCH_NORM = "model.ssd.feature_extractor.conv_hyperparams.batch_norm"
HEAD = "model.ssd.box_predictor.convolutional_box_predictor"
CONFIG = """
model { ssd { num_classes: 3 image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
  feature_extractor { type: "ssd_mobilenet_v2" } } }
train_config { num_steps: 100 optimizer { momentum_optimizer { learning_rate { %s } } } }
"""
MANUAL = CONFIG % "manual_step_learning_rate { initial_learning_rate: 0.1 schedule { step: 50 learning_rate: 0.01 } }"

CASES: dict[str, dict[str, Any]] = {
    "as the model has it": {"rates": RATES},
    "lr": {"options": {"learning_rate": 0.004}, "rates": RATES},
    "warmup": {"options": {"warmup": 100}, "rates": RATES},
    "no warmup": {"options": {"warmup": 0}, "rates": RATES},
    "exponential": {"options": {"schedule": "exponential", "warmup": 100, "learning_rate": 0.01}, "rates": RATES},
    "constant": {"options": {"schedule": "constant", "warmup": 100}, "rates": RATES},
    "constant at once": {"options": {"schedule": "constant", "warmup": 0}, "rates": RATES},
    "cosine": {"config": MANUAL, "options": {"schedule": "cosine", "warmup": 100}, "rates": RATES},
    "manual": {"config": MANUAL, "rates": RATES},
    "manual lr": {"config": MANUAL, "options": {"learning_rate": 0.2}, "rates": RATES},
    "manual warmup": {"config": MANUAL, "options": {"warmup": 100}, "rates": RATES},
    "optimizer": {
        "options": {"optimizer": "momentum", "learning_rate": 0.02},
        "rates": RATES,
        "fields": ["train_config.optimizer.momentum_optimizer.momentum_optimizer_value"],
    },
    "same optimizer": {
        "config": MANUAL,
        "options": {"optimizer": "momentum"},
        "rates": RATES,
    },
    "freeze ssd": {
        "options": {"freeze": "backbone"}, "resumed": True,
        "fields": ["train_config.freeze_variables", "model.ssd.freeze_batchnorm", f"{BATCH_NORM}.train"],
    },
    "freeze faster rcnn": {
        "preset": "faster_rcnn_resnet50", "batch": 1, "resumed": True, "options": {"freeze": "backbone"},
        "fields": ["model.faster_rcnn.feature_extractor.batch_norm_trainable"],
    },
    "freeze pattern": {
        "options": {"freeze": "^FeatureExtractor/.*/Conv/"},
        "fields": ["train_config.freeze_variables", "model.ssd.freeze_batchnorm"],
    },
    "average": {
        "options": {"moving_average": 0.99},
        "fields": ["train_config.optimizer.use_moving_average", "train_config.optimizer.moving_average_decay",
                   "eval_config.use_moving_averages"],
    },
    "averages nobody reads": {"config": MANUAL, "fields": ["train_config.optimizer.use_moving_average"]},
    "qat": {"options": {"qat_delay": 123}, "fields": ["graph_rewriter.quantization.delay"]},
    "qat at once": {
        "options": {"qat_delay": 0},
        "fields": ["graph_rewriter.quantization.delay", f"{BATCH_NORM}.decay"],
    },
    "qat of a float model": {"preset": "ssd_mobilenet_v2", "options": {"qat_delay": 5}},
    "augment": {
        "options": {"augment": ["color", "repeat"]},
        "fields": ["train_config.data_augmentation_options", "train_config.max_number_of_boxes"],
    },
    "augment nothing": {"options": {"augment": []}, "fields": ["train_config.data_augmentation_options"]},
    "augment misspelt": {"options": {"augment": ["flipp"]}},
    "augment a model it does not fit": {
        "preset": "faster_rcnn_resnet50", "batch": 1, "options": {"augment": ["scale"]},
    },
    "set": {
        "options": {"set": [
            "train_config.gradient_clipping_by_norm=5", f"{HEAD}.use_dropout = yes",
            "model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios=[1, 2, 0.5]",
            "model.ssd.anchor_generator.ssd_anchor_generator.scales[0]=0.3",
            "train_config.data_augmentation_options[1]={random_adjust_hue {max_delta: 0.1}}",
            "train_config.data_augmentation_options[2].random_vertical_flip.probability=0.25",
            "model.ssd.feature_extractor.conv_hyperparams.activation=relu", "graph_rewriter=none",
            "train_config.fine_tune_checkpoint_type='detection'", "train_config.batch_size=3",
        ]},
        "fields": [
            "train_config.gradient_clipping_by_norm", f"{HEAD}.use_dropout",
            "model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios",
            "train_config.data_augmentation_options[1]", "train_config.data_augmentation_options[2]",
            "model.ssd.feature_extractor.conv_hyperparams.activation", "graph_rewriter",
            "train_config.fine_tune_checkpoint_type", "train_config.batch_size",
        ],
    },
    "set a misspelt field": {"options": {"set": [NO_SUCH]}},
    "set a field of elsewhere": {"options": {"set": ["train_config.height=5"]}},
    "set the wrong kind": {"options": {"set": ["train_config.gradient_clipping_by_norm=strong"]}},
    "set a part of a number": {"options": {"set": ["train_config.batch_size=2.5"]}},
    "set no number": {"options": {"set": ["train_config.gradient_clipping_by_norm=nan"]}},
    "set neither true nor false": {"options": {"set": [f"{HEAD}.use_dropout=maybe"]}},
    "set an unknown value": {"options": {"set": ["model.ssd.feature_extractor.conv_hyperparams.activation=RELU66"]}},
    "set a whole message": {"options": {"set": ["model.ssd.loss=3"]}},
    "set the other model": {"options": {"set": ["model.faster_rcnn.num_classes=3"]}},
    "set an entry that is far": {
        "options": {"set": ["train_config.data_augmentation_options[7]={random_rgb_to_gray{}}"]},
    },
    "set an entry of no list": {"options": {"set": ["train_config[1].batch_size=3"]}},
    "set into a list": {"options": {"set": ["eval_input_reader.shuffle=true"]}},
    "set what has a setting": {"options": {"set": ["train_config.num_steps=7"]}},
    "set below a number": {"options": {"set": ["train_config.batch_size.x=7"]}},
    "a misspelt file": {"config": "model { ssd {\n  anchor_generater { } } }"},
    "a wrong number": {"config": "model {\n ssd {\n  num_classes: many } }"},
    "a wrong name of a value": {
        "config": "model { ssd { feature_extractor { conv_hyperparams {\nactivation: RELU66 } } } }",
    },
    "a cut file": {"config": "model { ssd {"},
    "another architecture": {"config": "model { center_net { num_classes: 3 } }"},
    "no model": {"config": "train_config { batch_size: 3 }"},
}  # fmt: skip


@pytest.fixture(scope="module")
def found(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return try_configs(odapi_python, records, tmp_path_factory.mktemp("presets"), CASES)


@pytest.mark.parametrize(
    ("case", "rates"),
    [
        ("as the model has it", [0.0001, 0.001, 0.00099318, 0.00054129, 0.0]),
        ("lr", [0.0004, 0.004, 0.0039727, 0.0021652, 0.0]),
        ("warmup", [0.0001, 0.00055, 0.001, 0.00058682, 0.0]),
        ("no warmup", [0.001, 0.00099384, 0.00097553, 0.0005, 0.0]),
        ("exponential", [0.001, 0.001, 0.01, 0.0012915, 0.00010051]),
        ("constant", [0.0001, 0.00055, 0.001, 0.001, 0.001]),
        ("constant at once", [0.001] * 5),
        ("cosine", [0.01, 0.055, 0.1, 0.058682, 3e-07]),
        ("manual", [0.1, 0.1, 0.1, 0.01, 0.01]),
        ("manual lr", [0.2, 0.2, 0.2, 0.02, 0.02]),
        ("manual warmup", [0.01, 0.055, 0.1, 0.01, 0.01]),
        ("optimizer", [0.002, 0.02, 0.019864, 0.010826, 0.0]),
        ("same optimizer", [0.1, 0.1, 0.1, 0.01, 0.01]),
    ],
)
def test_learning_rates_are_what_was_asked_for(found: dict[str, dict], case: str, rates: list[float]) -> None:
    assert (found[case]["exit"], found[case]["said"]) == (0, [])
    assert list(found[case]["rates"].values()) == pytest.approx(rates, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize(
    ("case", "values"),
    [
        ("optimizer", [pytest.approx(0.9)]),
        ("freeze ssd", [[r"^(FirstStage)?FeatureExtractor/(?!.*(_[12]_Conv2d_\d+_\dx\d|/fpn/))"], True, False]),
        ("freeze faster rcnn", [False]),
        ("freeze pattern", [["^FeatureExtractor/.*/Conv/"], False]),
        ("average", [True, pytest.approx(0.99), True]),
        ("averages nobody reads", [False]),
        ("qat", [123]),
        ("qat at once", [0, pytest.approx(0.5)]),
        ("augment nothing", [[]]),
        (
            "set",
            [
                5.0, True, [1.0, 2.0, 0.5], "random_adjust_hue {\n  max_delta: 0.10000000149011612\n}\n",
                "random_vertical_flip {\n  probability: 0.25\n}\n", 1, "", "detection", 3,
            ],
        ),
    ],
)  # fmt: skip
def test_fields_are_what_was_asked_for(found: dict[str, dict], case: str, values: list[Any]) -> None:
    assert (found[case]["exit"], found[case]["said"]) == (0, [])
    assert list(found[case]["fields"].values()) == values


def test_a_repeated_image_keeps_all_of_its_boxes(found: dict[str, dict]) -> None:
    options, most = found["augment"]["fields"].values()
    assert (len(options), most) == (2, 400)


@pytest.mark.parametrize(
    ("case", "message", "hint"),
    [
        ("qat of a float model", "QAT_DELAY=5: the model is not quantized",
         "leave it out, or MODEL=ssd_mobilenet_v2_quantized (make models lists all)"),
        ("augment misspelt", "AUGMENT: unknown augmentation 'flipp'; did you mean 'flip'? known: flip, ...", None),
        ("augment a model it does not fit",
         "AUGMENT=scale: the model's input is no fixed square, and scale makes images square",
         "leave it out; pad and crop change the size of objects as well"),
        ("set a misspelt field", f"SET {NO_SUCH}: model.ssd has no field 'anchor_generater'",
         "did you mean 'anchor_generator'?"),
        ("set a field of elsewhere", "SET train_config.height=5: train_config has no field 'height'", "known: ..."),
        ("set the wrong kind",
         "SET train_config.gradient_clipping_by_norm=strong: wanted a number, found 'strong'", None),
        ("set a part of a number", "SET train_config.batch_size=2.5: wanted a whole number from 0, found '2.5'", None),
        ("set no number", "SET train_config.gradient_clipping_by_norm=nan: wanted a number, found 'nan'", None),
        ("set neither true nor false", f"SET {HEAD}.use_dropout=maybe: wanted true or false, found 'maybe'", None),
        ("set an unknown value",
         "SET model.ssd.feature_extractor.conv_hyperparams.activation=RELU66: wanted one of NONE, RELU, RELU_6, ...",
         "did you mean 'RELU_6'?"),
        ("set a whole message",
         "SET model.ssd.loss=3: wanted a Loss in braces, or a path to one of its fields, found '3'", "its fields: ..."),
        ("set the other model",
         "SET model.faster_rcnn.num_classes=3: model.faster_rcnn would take the place of ssd, which the config has",
         "change ssd instead, or replace it whole first: model.faster_rcnn={}"),
        ("set an entry that is far",
         "SET train_config.data_augmentation_options[7]={random_rgb_to_gray{}}: "
         "train_config.data_augmentation_options[7]: the list has 2; the next one is [2]", None),
        ("set an entry of no list", "SET train_config[1].batch_size=3: train_config is no list", "leave [1] out"),
        ("set into a list", "SET eval_input_reader.shuffle=true: eval_input_reader is a list of 1",
         "name the entry: eval_input_reader[0]"),
        ("set what has a setting", "SET train_config.num_steps=7: train_config.num_steps has a setting of its own",
         "STEPS="),
        ("set below a number",
         "SET train_config.batch_size.x=7: train_config.batch_size is a whole number from 0, and has no fields", None),
        ("a misspelt file", "pipeline.config, line 2: Ssd has no field 'anchor_generater'",
         "did you mean 'anchor_generator'?"),
        ("a wrong number", "pipeline.config, line 3: not a pipeline.config: Couldn't parse integer: many", None),
        ("a wrong name of a value", "pipeline.config, line 2: Activation has no value 'RELU66'",
         "did you mean 'RELU_6'?"),
        ("a cut file", "pipeline.config, line 1: not a pipeline.config: Expected ...", None),
        ("another architecture", "pipeline.config: model 'center_net' cannot be trained here; known: ssd, faster_rcnn",
         None),
        ("no model", "pipeline.config: a config without a model cannot be trained here; known: ssd, faster_rcnn",
         "model { ssd { ... } }"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(found: dict[str, dict], case: str, message: str, hint: str | None) -> None:
    assert found[case]["exit"] == 2
    wanted = [f"error: {message}", *([f"hint: {hint}"] if hint else [])]
    assert len(found[case]["said"]) == len(wanted)
    for line, expected in zip(found[case]["said"], wanted, strict=True):
        begin = expected.partition("...")[0]
        assert line[: len(begin)] == begin
        assert "..." in expected or line == expected
