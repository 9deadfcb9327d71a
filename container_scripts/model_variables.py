"""List the variables of a preset: what a checkpoint to begin from has to hold.

    python container_scripts/model_variables.py --model model.json --classes 90 --variables variables.json

writes {"FeatureExtractor/MobilenetV2/Conv/weights": [3, 3, 3, 32], ...}: the weights and batch-norm averages
of the float network, whose names and shapes are those of the zoo's checkpoints; no optimizer slots, no
global_step. With --quantized, the ranges that the quantization rewriter adds, too.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
from configs import model_config
from feature_extractors import model_builder
from screen import fail
from tensorflow.contrib import quantize


def build_network(config, class_count, is_training):
    """Build a config's network, without losses, on a placeholder of one image into the default graph.

    Returns (model, predictions, shapes of the image).
    """
    model_message = type(config.model)()
    model_message.CopyFrom(config.model)
    getattr(model_message, model_message.WhichOneof("model")).num_classes = class_count
    tf.compat.v1.keras.backend.set_learning_phase(is_training)
    model = model_builder.build(model_message, is_training=is_training, add_summaries=False)
    height, width = model_config.input_size(config)
    image, shapes = model.preprocess(tf.compat.v1.placeholder(tf.float32, [1, height, width, 3]))
    if is_training and model_message.WhichOneof("model") == "faster_rcnn":
        # Its second stage draws its proposals from the labelled boxes.
        model.provide_groundtruth([tf.zeros([1, 4])], [tf.zeros([1, class_count])])
    return model, model.predict(image, shapes), shapes


def find_variables(config, class_count, quantized):
    """Give {name: shape} of the variables of a config's network."""
    with tf.Graph().as_default() as graph:
        build_network(config, class_count, is_training=True)
        if quantized:
            quantize.experimental_create_training_graph(graph, quant_delay=0)
        return shapes_of(tf.compat.v1.global_variables())


def shapes_of(variables):
    """Give {name: shape} of variables, as lists of integers, in the order of their names."""
    shapes = {variable.op.name: variable.shape.as_list() for variable in variables}
    shapes.pop("global_step", None)
    return dict(sorted(shapes.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a preset as JSON")
    parser.add_argument("--classes", type=int, default=90)
    parser.add_argument("--quantized", action="store_true", help="also the ranges of a quantized model")
    parser.add_argument("--variables", required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    if arguments.classes < 1:
        parser.error("--classes starts at 1")
    config = model_config.read_preset_config(arguments.model)
    if arguments.quantized and not config.HasField("graph_rewriter"):
        fail("{}: not trained for uint8, so it has no ranges".format(arguments.model), exit_code=2)
    shapes = find_variables(config, arguments.classes, arguments.quantized)
    with open(arguments.variables, "w", encoding="utf-8") as file:
        json.dump(shapes, file, indent=1)
        file.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
