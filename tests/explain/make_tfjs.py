"""Make TensorFlow.js builds of the detector of make_detector.py: of each kind a sound one, and some that are broken.

.envs/tfjs/bin/python tests/explain/make_tfjs.py FOLDER

FOLDER/frozen/{tflite_graph.pb,saved_model/}    what is converted
FOLDER/tfjs/NAME/                               detector.js and fast/, for each of the names of GRAPHS and DESCRIPTIONS
FOLDER/plain/NAME/                              model.json and its shard, for each of the names of PLAIN
FOLDER/padded/healthy/                          the same of frozen_padded/

What breaks a build is done to its files: to numbers in a shard, or to detector.json.
"""

import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "container_scripts"))

import numpy as np
from tfjs import convert, load_converter
from tfjs_build.tfjs_fast import write_fast_build
from tfjs_build.tfjs_model import read_model, write_model

MODEL = {"input_height": 32, "input_width": 32, "classes": ["cat", "dog"]}
DEPTHWISE = "FeatureExtractor/depthwise/convolution"
EXPAND = "FeatureExtractor/expand/Relu6"
PREDICTORS = ("BoxPredictor_0/BoxEncodingPredictor/BiasAdd", "BoxPredictor_0/ClassPredictor/BiasAdd")
CLIP = "BoxPredictor_0/BoxEncodingPredictor/act_quant/FakeQuantWithMinMaxVars"


def change(nodes, weights, name, make, *, inputs=(1,)):
    """Change constants that a node reads."""
    for place in inputs:
        constant = nodes[name]["input"][place]
        weights[constant] = make(weights[constant].astype(np.float64)).astype(np.float32)


def round_to_two_bits(values):
    """Leave four different values."""
    step = (values.max() - values.min()) / 3
    return values.min() + np.rint((values - values.min()) / step) * step


def lose_a_number(values):
    """Make the third number none."""
    values = values.copy()
    values.flat[2] = np.nan
    return values


def fold_wrongly(nodes, weights):
    """Multiply what is before a clip by another factor than the right one, and divide by it after it."""
    change(nodes, weights, DEPTHWISE, lambda values: values * 1.6, inputs=(1, 2))
    change(nodes, weights, EXPAND, lambda values: values / 1.6)


GRAPHS = {
    "healthy": lambda nodes, weights: None,
    "scaled": lambda nodes, weights: change(nodes, weights, EXPAND, lambda values: values * 1.3),
    "rounded": lambda nodes, weights: change(nodes, weights, EXPAND, round_to_two_bits),
    "bias": lambda nodes, weights: change(
        nodes, weights, EXPAND, lambda values: values + 2 * np.eye(16)[5], inputs=(2,)
    ),
    "no_numbers": lambda nodes, weights: change(nodes, weights, PREDICTORS[1], lose_a_number),
    "narrow": lambda nodes, weights: change(nodes, weights, CLIP, lambda values: values * 0.3, inputs=(1, 2)),
    "folded": fold_wrongly,
}
DESCRIPTIONS = {
    "normalized": lambda told: told["input"].update(scale=[1 / 255] * 3, offset=[0.0] * 3),
    "anchors": lambda told: told.update(anchors=[[y, x, 0.6, width] for y, x, _, width in told["anchors"]]),
    "suppressed": lambda told: told["nms"].update(iouThreshold=0.05),
}


def change_named(weights, end, make):
    """Change the constants whose names end so; there has to be one."""
    names = [name for name in weights if name.endswith(end)]
    assert names, end
    for name in names:
        weights[name] = make(weights[name].astype(np.float64)).astype(weights[name].dtype)


PLAIN = {
    "healthy": lambda nodes, weights: None,
    "scaled": lambda nodes, weights: change(nodes, weights, EXPAND, lambda values: values * 4),
    "rounded": lambda nodes, weights: change(nodes, weights, EXPAND, round_to_two_bits),
    "narrow": lambda nodes, weights: change(nodes, weights, CLIP, lambda values: values * 0.3, inputs=(1, 2)),
    "normalized": lambda nodes, weights: change_named(weights, "Preprocessor/mul/y", lambda values: values / 2),
    "anchors": lambda nodes, weights: change_named(weights, "Postprocessor/ExpandDims", lambda values: values * 2),
    "no_anchors": lambda nodes, weights: change_named(weights, "Postprocessor/ExpandDims", lose_a_number),
    "suppressed": lambda nodes, weights: change_named(weights, "/iou_threshold", lambda values: 0 * values + 0.05),
}


def main(folder):
    converter = load_converter()
    make_fast_builds(folder, converter)
    make_plain_builds(folder, converter)


def make_plain_builds(folder, converter):
    for name, damage in PLAIN.items():
        target = os.path.join(folder, "plain", name)
        if name == "healthy":
            signature = convert(os.path.join(folder, "frozen", "saved_model"), target, converter)["signature"]
        else:
            shutil.copytree(os.path.join(folder, "plain", "healthy"), target)
        model_json, weights = read_model(target)
        model_json["signature"] = signature
        damage({node["name"]: node for node in model_json["modelTopology"]["node"]}, weights)
        write_model(target, model_json, weights, lambda array: (array, None))
    padded = os.path.join(folder, "padded", "healthy")
    model_json = convert(os.path.join(folder, "frozen_padded", "saved_model"), padded, converter)
    write_model(padded, model_json, read_model(padded)[1], lambda array: (array, None))


def make_fast_builds(folder, converter):
    sound = os.path.join(folder, "tfjs", "sound")
    write_fast_build(os.path.join(folder, "frozen"), sound, MODEL, "uint8", converter)
    for name in [*GRAPHS, *DESCRIPTIONS]:
        target = os.path.join(folder, "tfjs", name)
        shutil.copytree(sound, target)
        fast = os.path.join(target, "fast")
        model_json, weights = read_model(fast)
        nodes = {node["name"]: node for node in model_json["modelTopology"]["node"]}
        if name in GRAPHS:
            GRAPHS[name](nodes, weights)
            write_model(fast, model_json, weights, lambda array: (array, None))
            continue
        path = os.path.join(fast, "detector.json")
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        DESCRIPTIONS[name](told)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(told, file)
    shutil.rmtree(sound)


if __name__ == "__main__":
    main(sys.argv[1])
