"""How the nodes of a TensorFlow.js build are to be read: the same questions as of a .tflite, other answers.

    reading = TfjsReading(reference, artefact["layers"])

Its numbers are floats. A FakeQuant of the graph is there a ClipByValue, which rounds nothing, or, in a fast build, it
is folded into the convolution before it (tfjs_build/tfjs_fold.py): then the convolution ends in Relu6 and holds
(z - low) * 6 / (high - low) for a z between low and high. What was folded, and how, is not taken from the file, which
may have it wrong, but follows from the graph: its FakeQuant is no node of the file, and its range is the graph's.
Python 3.6 to 3.8, TensorFlow 1.15.
"""

import collections

import numpy as np

from explanation.layer_statistics import compare_weights
from explanation.reference_graph import FAKE_QUANT, INPUT, Place, find_quantizer

RELU6 = 6.0
ADDING = ("BiasAdd", "Add", "AddV2", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
CONVOLVING = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
# What may stand between a convolution and the bias or the activation that is fused into it
PASSED = ADDING + ("Identity", "Mul")
EIGHT_BITS = "uint8"

Fold = collections.namedtuple("Fold", "scale offset")
Fold.__doc__ = "What a node holds is (real - offset) * scale."
PLAIN = Fold(1.0, 0.0)


class TfjsReading:
    """The nodes of a build, fast or plain, beside the checkpoint's graph."""

    def __init__(self, reference, layers):
        self._reference = reference
        self._names = {layer["name"] for layer in layers}
        self._folds = {}

    def find(self, layer):
        """Find the place of a node in the graph; None where it has none."""
        if layer["name"] == INPUT:
            return Place(self._reference.input, self._reference.input, None, None)
        operation = self._reference.find_operation(layer["name"])
        if operation is None:
            return None
        operation = find_end(operation, layer["fused"])
        tensor = operation.outputs[0]
        if operation.type == FAKE_QUANT:
            return Place(operation.inputs[0], tensor, *self._reference.range_of(operation))
        quantizer = find_quantizer(tensor)
        if quantizer is None or quantizer.name in self._names:
            return Place(tensor, tensor, None, None)
        place = Place(tensor, quantizer.outputs[0], *self._reference.range_of(quantizer))
        self._folds[layer["tensor"]] = find_fold(layer, operation, place)
        return place

    def _fold(self, tensor):
        return self._folds.get(tensor, PLAIN)

    def to_real(self, layer, values):
        """Return what the numbers of a node stand for."""
        fold = self._fold(layer["tensor"])
        return values.astype(np.float32) / np.float32(fold.scale) + np.float32(fold.offset)

    def find_feeds(self, layer, place):
        """Return the graph's tensors that stand for a node, as what comes after it reads them."""
        return [place.raw, place.quantized] if layer["tensor"] in self._folds else [place.quantized]

    def make_wanted(self, place, raw, quantized):
        """Return what a node should hold: cut off where the graph's FakeQuant does, and not rounded."""
        return quantized if place.low is None else np.clip(raw, place.low, place.high)

    def describe(self, layer, place):
        """Return what layers.json says of a node beside artefact.json: the range that is folded into it."""
        if layer["tensor"] not in self._folds or layer["high"] is not None:
            return {"folded": False}
        return {"low": place.low, "high": place.high, "folded": self._fold(layer["tensor"]) != PLAIN}

    def compare_weights(self, layer, found):
        """Compare weights, [high, wide, in, out] or depthwise [high, wide, in, several]; None for none in the graph.

        What is folded into them is taken out: what this node's clip multiplies, what that of the node before divides.
        """
        reference = self._reference.read_weights(layer["weights_name"])
        before, own = [self._fold(tensor) for tensor in (layer["inputs"][0], layer["tensor"])]
        found = found.astype(np.float64) * before.scale / own.scale
        if "Depthwise" in layer["operator"]:
            found = found.reshape(found.shape[:2] + (-1,))
            reference = None if reference is None else reference.reshape(reference.shape[:2] + (-1,))
        told = compare_weights(found, reference, found.ndim - 1)
        if layer["weights_dtype"] == EIGHT_BITS and layer["weights_step"]:
            sizes = np.sqrt((found**2).mean(axis=tuple(range(found.ndim - 1))))
            step = layer["weights_step"] * before.scale / own.scale
            middle = float(np.median(sizes))
            told["rounding_error"] = step / np.sqrt(12) / middle if middle > 0 else None
        # What rounding a bias to 8 bits adds to every value of its channel
        told["bias_rounding_error"] = layer["bias_step"] / own.scale / np.sqrt(12)
        return told


def find_end(operation, fused):
    """Find the last operation of the graph that is fused into one node.

    TensorFlow's optimizer calls that node after the last of them, TensorFlow.js' own one after the convolution.
    """
    if not fused or operation.type not in CONVOLVING:
        return operation
    wanted = ADDING if fused[-1] == "BiasAdd" else (fused[-1],)
    waiting, seen = [operation], set()
    while waiting:
        for consumer in waiting.pop(0).outputs[0].consumers():
            if consumer.type in wanted:
                return consumer
            if consumer.type in PASSED and consumer.name not in seen:
                seen.add(consumer.name)
                waiting.append(consumer)
    return operation


def find_fold(layer, operation, place):
    """Say how the range of a FakeQuant that is no node of its own must have been folded into a convolution."""
    if "Relu6" not in layer["fused"]:
        return PLAIN
    if operation.type != "Relu6":
        return Fold(RELU6 / (place.high - place.low), place.low)
    return Fold(RELU6 / place.high, 0.0) if place.high < RELU6 else PLAIN
