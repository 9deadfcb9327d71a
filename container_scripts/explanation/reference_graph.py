"""The checkpoint's graph, frozen, with every tensor of it in reach under the name that an artefact calls it by.

    reference = FrozenGraph("output/cats/frozen")
    place = reference.find("FeatureExtractor/MobilenetV2/Conv/Relu6")      # Place(raw, quantized), or None
    reference.run([place.raw], {reference.image: image[numpy.newaxis]})

TOCO calls an operator's output after the last operation that it fused into it, before the FakeQuant that follows. What
the file holds there are the values after the FakeQuant: so the tensor to compare with is the FakeQuant's output where
there is one (`quantized`), and `raw` says what was clipped by it. Frozen graph and SavedModel themselves are held
against the graph that the checkpoint is restored into: checkpoint_graph.py. Python 3.6 to 3.8, TensorFlow 1.15.
"""

import collections
import os
import re

import numpy as np
import tensorflow as tf
from detection import graph_runtime
from screen import fail

from pipeline.detections.detections_file import measure_size_bytes

FAKE_QUANT = "FakeQuantWithMinMaxVars"
INPUT = "normalized_input_image_tensor"
# The same tensors are called otherwise where the graph ends in TFLite's post-processing
ENDS = {
    "convert_scores": "Postprocessor/convert_scores",
    "raw_outputs/class_predictions": "Postprocessor/convert_scores",
    "raw_outputs/box_encodings": "Postprocessor/raw_box_encodings",
}
ENCODINGS, SCORES, BOXES = "Postprocessor/raw_box_encodings", "Postprocessor/convert_scores", "raw_detection_boxes"
# What converters append where they change the type of a tensor
CHANGED_TYPE = re.compile(r"(_int8|_uint8|_float|_quantized|_dequantized?|_requantized|:0)+$")

Place = collections.namedtuple("Place", "raw quantized low high")
Place.__doc__ = "One tensor before and after its FakeQuant; without one, both are the same and the range is None."


class ReferenceGraph:
    """A detector in a session; `name` is that of its row in the evaluation. Who derives from it sets `input`."""

    def __init__(self, detector, name):
        self.detector, self.name = detector, name
        self.graph = self.detector.session.graph
        self.run = self.detector.session.run
        self._operations = {operation.name: operation for operation in self.graph.get_operations()}
        self.image = self.graph.get_tensor_by_name("image_tensor:0")
        self._ranges = {}

    def find_operation(self, name):
        """Find the operation that an artefact calls so; None where the graph has none of that name."""
        name = CHANGED_TYPE.sub("", name)
        operation = self._operations.get(ENDS.get(name, name))
        return operation if operation is not None and operation.outputs else None

    def find(self, name, is_float=False):
        """Find the tensor that a .tflite calls so; None where the graph has none of that name.

        A float file has no ranges of its own: there a name means the tensor itself, before any FakeQuant.
        """
        if CHANGED_TYPE.sub("", name) == INPUT:
            return Place(self.input, self.input, None, None)
        operation = self.find_operation(name)
        if operation is None:
            return None
        tensor = operation.outputs[0]
        if is_float:
            return Place(tensor, tensor, None, None)
        if operation.type == FAKE_QUANT:
            return Place(operation.inputs[0], tensor, *self.range_of(operation))
        quantizer = find_quantizer(tensor)
        if quantizer is None:
            return Place(tensor, tensor, None, None)
        return Place(tensor, quantizer.outputs[0], *self.range_of(quantizer))

    def range_of(self, quantizer):
        """Return the nudged range of a FakeQuant."""
        if quantizer.name not in self._ranges:
            self._ranges[quantizer.name] = nudge(*self.run(list(quantizer.inputs[1:3])))
        return self._ranges[quantizer.name]

    def read_weights(self, name):
        """Compute the weights that an artefact calls so, in TensorFlow's layout.

        None where the graph has none of that name, or has them as they were before a converter multiplied a batch
        normalization into them: only a graph that was trained quantized has the very weights of the file.
        """
        operation = self._operations.get(CHANGED_TYPE.sub("", name))
        if operation is None or operation.type != FAKE_QUANT:
            return None
        return np.asarray(self.run(operation.outputs[0]))


class FrozenGraph(ReferenceGraph):
    """frozen_inference_graph.pb of an SSD: what files that were converted are held against.

    `input_name` is where the network begins, of an artefact that knows it; else tflite_graph.pb tells.
    """

    def __init__(self, frozen_dir, input_name=None):
        path = os.path.join(frozen_dir, "frozen_inference_graph.pb")
        ReferenceGraph.__init__(self, graph_runtime.load_frozen_graph(path), "frozen_graph")
        self.size_bytes = measure_size_bytes(path)
        if input_name is None:
            self.input = self._find_input(os.path.join(frozen_dir, "tflite_graph.pb"))
        else:
            self.input = self._find_named(input_name)

    def _find_named(self, name):
        """Find the normalized image by its name, which a build of the whole graph has kept."""
        operation = self.find_operation(name)
        if operation is not None:
            return operation.outputs[0]
        return fail(
            "frozen_inference_graph.pb and the build are not of one model: only the build has {}, where its network "
            "begins".format(name),
            hint="make export NAME=... writes both again",
            exit_code=3,
        )

    def _find_input(self, path):
        """Find the normalized image: what the frozen graph has where TFLite's graph has its placeholder."""
        if not os.path.isfile(path):
            fail("there is no {}; only SSDs have one".format(path), hint="make freeze NAME=...", exit_code=3)
        definition = tf.compat.v1.GraphDef()
        with open(path, "rb") as file:
            definition.ParseFromString(file.read())
        for node in definition.node:
            if INPUT in node.input and node.name in self._operations:
                return self._operations[node.name].inputs[list(node.input).index(INPUT)]
        return fail(
            "{} and frozen_inference_graph.pb are not of one model: nothing that reads {} is in both".format(
                path, INPUT
            ),
            hint="make freeze NAME=... writes both again",
            exit_code=3,
        )

    def ends(self):
        """Return the raw outputs: box encodings, scores (background first) and decoded boxes."""
        missing = [name for name in (ENCODINGS, SCORES, BOXES) if name not in self._operations]
        if missing:
            fail(
                "frozen_inference_graph.pb has no {}: it is no SSD of this project's".format(", ".join(missing)),
                hint="make freeze NAME=... writes it again",
                exit_code=3,
            )
        tensors = [self.graph.get_tensor_by_name(name + ":0") for name in (ENCODINGS, SCORES, BOXES)]
        return dict(zip(("encodings", "scores", "boxes"), tensors))  # noqa: B905


def nudge(low, high):
    """Return the range that a FakeQuant computes with: zero is one of its steps (fake_quant_ops_functor.h, Nudge)."""
    low, high = float(low), float(high)
    step = (high - low) / 255
    zero = min(max(round(-low / step), 0), 255) if step else 0
    return -zero * step, (255 - zero) * step


def find_quantizer(tensor):
    """Find the FakeQuant that a tensor goes through before anything else happens to it; None without one."""
    waiting = [tensor]
    while waiting:
        for consumer in waiting.pop(0).consumers():
            if consumer.type == FAKE_QUANT and consumer.inputs[0].dtype == tf.float32:
                return consumer
            if consumer.type == "Identity":
                waiting.append(consumer.outputs[0])
    return None
