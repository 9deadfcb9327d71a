"""Run keras_to_checkpoint.py many times in one process; runs in the odapi environment.

    python keras_conversions.py --cases cases.json --report report.json

cases.json: {name: {"flags": [...], "out": folder}}. report.json: {name: {"exit_code": 0, "shown": [lines],
"arrays": {variable: flat list}}}, `arrays` being those of the checkpoint, where it was written.
"""

import argparse
import io
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import keras_to_checkpoint
import numpy as np
import tensorflow as tf
import vgg16_extractor
from keras_models import keras_fit

import pipeline.report.screen


def convert(flags, out):
    """Run the converter; return what a process of its own would have shown and left."""
    shown = pipeline.report.screen._screen = io.StringIO()
    sys.argv = ["keras_to_checkpoint.py", *flags, "--out", out]
    try:
        code = keras_to_checkpoint.main()
    except SystemExit as end:
        code = end.code
    arrays = {}
    if os.path.exists(os.path.join(out, "model.ckpt.index")):
        reader = tf.train.load_checkpoint(os.path.join(out, "model.ckpt"))
        arrays = {name: reader.get_tensor(name).ravel().tolist() for name in reader.get_variable_to_shape_map()}
    return {"exit_code": code, "shown": shown.getvalue().splitlines(), "arrays": arrays}


def rename():
    """Give what a VGG-16 of one's own is renamed to, and one that lacks a convolution."""
    wanted = vgg16_extractor.classifier_variables()
    own, layers = {}, []
    for name, shape in wanted.items():
        layer, weight = name.split("/")
        if layer not in layers:
            layers.append(layer)
        kind = "conv2d" if layer.startswith("block") else "dense"
        number = layers.index(layer) if kind == "conv2d" else layers.index(layer) - 13
        own[f"{kind}_{number}/{weight}"] = np.broadcast_to(np.float32(0), shape)
    own["dense_2/kernel"] = np.broadcast_to(np.float32(0), (4096, 3))
    named, renamed = keras_fit.rename_like(own, wanted)
    shorter = {name: array for name, array in own.items() if not name.startswith("conv2d_12/")}
    return {"names": list(named), "renamed": renamed, "of_a_shorter_one": keras_fit.rename_like(shorter, wanted)[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", required=True)
    parser.add_argument("--report", required=True)
    arguments = parser.parse_args()
    with open(arguments.cases) as file:
        cases = json.load(file)
    report = {name: convert(case["flags"], case["out"]) for name, case in cases.items()}
    report["rename"] = rename()
    with open(arguments.report, "w") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main()
