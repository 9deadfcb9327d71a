"""TensorFlow 1.15's converters: TOCO, which makes a graph a .tflite, and what quantizes a float one after training.

    graph = read_graph("tflite_graph.pb", max_detections=20, regular_nms=True)
    to_float(graph, model)     to_uint8(graph, model)     to_int8(content, images, count)

What is quantized still needs dead_layers.repair.

A model that was trained with quantization becomes uint8 in operators of version 1: the only ones that every
edgetpu_compiler accepts (google-coral/edgetpu#879). Its float form keeps the graph's FakeQuant nodes as operators:
without them it would compute other numbers than the checkpoint.

One that was not becomes int8, each output channel of a kernel with a scale of its own, in operators of versions 1 to 3,
which edgetpu_compiler 16 knows. Its input is uint8 pixels, as of the others: what feeds it need not know which it is.
"""

import os
import sys

import tensorflow as tf
from screen import Progress, fail
from tensorflow.lite.python.convert import ConverterError
from tensorflow.lite.python.optimize.calibrator import Calibrator

from tflite_build import dead_layers

INPUT = "normalized_input_image_tensor"
POST_PROCESS = "TFLite_Detection_PostProcess"
# Programs read the outputs by position (blakeblackshear/frigate#9433): boxes, classes, scores, count.
OUTPUTS = [POST_PROCESS] + ["{}:{}".format(POST_PROCESS, number) for number in (1, 2, 3)]
# real = (pixel - mean) / std. What MobileNets are trained on is (127.5, 127.5); a zero point has to be whole.
MEAN_AND_STD = (128, 128)


def read_graph(path, max_detections, regular_nms):
    """Read a tflite_graph.pb, its post-processing set to what the shipped file shall do."""
    graph = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        graph.ParseFromString(file.read())
    nodes = [node for node in graph.node if node.op == POST_PROCESS]
    if len(nodes) != 1:
        fail(
            "{} has {} nodes {}, not one".format(path, len(nodes), POST_PROCESS),
            hint="make the frozen graph again: make export NAME=...",
            exit_code=4,
        )
    nodes[0].attr["max_detections"].i = max_detections
    nodes[0].attr["use_regular_nms"].b = regular_nms
    dead_layers.widen(graph)
    return graph


def input_shape(model):
    """Return the shape of the input tensor."""
    return [1, model["input_height"], model["input_width"], 3]


def to_float(graph, model):
    """Convert a graph as it is; return the content of the .tflite."""
    return _convert(_converter(graph, model))


def to_uint8(graph, model):
    """Convert a graph that was trained with quantization; return the content of the .tflite."""
    converter = _converter(graph, model)
    converter.inference_type = tf.uint8
    converter.quantized_input_stats = {INPUT: mean_and_std(model)}
    return _convert(converter)


def mean_and_std(model):
    """Return what TOCO takes for a model's normalization; ends the job where channels differ, as one scale is all."""
    pairs = set(zip(model["preprocessing"]["scale"], model["preprocessing"]["offset"]))  # noqa: B905
    if len(pairs) > 1:
        fail(
            "this model's normalization differs between red, green and blue; a quantized input has one scale for all",
            hint="train one of the presets: make models lists them",
            exit_code=2,
        )
    ((scale, offset),) = pairs
    mean, std = -offset / scale, 1 / scale
    return MEAN_AND_STD if abs(mean - 127.5) < 0.01 and abs(std - 127.5) < 0.01 else (mean, std)


def to_int8(content, images, count):
    """Quantize a float .tflite by the ranges that `count` images [1, height, width, 3] give its values."""

    def measured():
        with Progress("int8  measuring ranges", total=count) as progress:
            for number, image in enumerate(images, 1):
                yield [image]
                progress.update(number)

    # allow_float: the post-processing stays float, its inputs are converted back before it
    return Calibrator(content).calibrate_and_quantize(measured, tf.uint8, tf.float32, True)


def _converter(graph, model):
    # TFLiteConverter starts toco_from_protos by its bare name; it lies beside the interpreter.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    # TensorFlow itself does not know the post-processing: the graph is named by its arrays, not by tensors
    converter = tf.lite.TFLiteConverter(
        graph,
        input_tensors=None,
        output_tensors=None,
        input_arrays_with_shape=[(INPUT, input_shape(model))],
        output_arrays=OUTPUTS,
    )
    converter.allow_custom_ops = True  # the post-processing is one
    return converter


def _convert(converter):
    try:
        return converter.convert()
    except ConverterError as error:
        sys.stderr.write(str(error) + "\n")
        if "min/max" in str(error):
            fail(
                "model.json says 'quantized', but tflite_graph.pb lacks the ranges of its values",
                hint="it was trained without quantization; train on with it, then export again",
                exit_code=4,
            )
        fail("TOCO refuses tflite_graph.pb; its own words are in the log", exit_code=4)
