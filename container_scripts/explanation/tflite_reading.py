"""How the layers of a .tflite are to be read: which tensor of the graph each is, and what its numbers stand for.

    reading = TfliteReading(reference, artefact["layers"])
    place = reading.find(layer)                 # reference_graph.Place, or None
    reading.to_real(layer, stored)

Python 3.6 to 3.8.
"""

import numpy as np

from explanation.layer_statistics import compare_weights
from explanation.reference_graph import find_quantizer


class TfliteReading:
    """A .tflite beside the checkpoint's graph."""

    def __init__(self, reference, layers):
        self._reference = reference
        # A float file of a quantized model keeps its FakeQuants as operators
        self._keeps_fake_quant = any(layer["operator"] == "FAKE_QUANT" for layer in layers)

    def find(self, layer):
        """Find the place of a layer in the graph; None where it has none."""
        return self._reference.find(layer["name"], is_float=not layer["step"])

    def to_real(self, layer, values):
        """Return what the numbers of a layer stand for."""
        if not layer["step"]:
            return values.astype(np.float32)
        return (values.astype(np.float32) - layer["zero_point"]) * np.float32(layer["step"])

    def find_feeds(self, layer, place):
        """Return the graph's tensors that stand for a layer, as what comes after it reads them."""
        if layer["step"] or self._keeps_fake_quant:
            # Who reads it before its FakeQuant gets the same values
            return [place.raw, place.quantized]
        # The file has left out a FakeQuant that the graph has
        quantizer = find_quantizer(place.raw)
        return [place.raw] + ([quantizer.outputs[0]] if quantizer is not None else [])

    def make_wanted(self, place, raw, quantized):
        """Return what a layer should hold, given the graph's tensor before and after its FakeQuant."""
        return quantized

    def describe(self, layer, place):
        """Return what layers.json says of a layer beside artefact.json."""
        return {}

    def compare_weights(self, layer, found):
        """Compare weights; TFLite's are [out, high, wide, in], depthwise [1, high, wide, out]."""
        reference = self._reference.read_weights(layer["weights_name"])
        depthwise = layer["operator"] == "DEPTHWISE_CONV_2D"
        if reference is not None and reference.ndim == 4:
            reference = (
                reference.reshape((1,) + reference.shape[:2] + (-1,)) if depthwise else reference.transpose(3, 0, 1, 2)
            )
        return compare_weights(found, reference, found.ndim - 1 if depthwise else 0)
