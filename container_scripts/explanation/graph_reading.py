"""How the layers of a frozen graph or a SavedModel are to be read beside the graph of the checkpoint itself.

    reading = GraphReading(reference, artefact["layers"])     # reference: a CheckpointGraph

Both graphs have the same nodes under the same names, and the same sums: a sound layer adds nothing at all. What a layer
that does has otherwise is told by its nodes (explanation/graph_differences.py). Python 3.6 to 3.8, TensorFlow 1.15.
"""

import numpy as np

from explanation.reference_graph import FAKE_QUANT, Place


class GraphReading:
    """The layers of a graph beside the checkpoint's graph."""

    def __init__(self, reference, layers):
        """Take the nodes of each layer out of `layers`, and leave in their place what differs in them."""
        self._reference = reference
        for layer in layers:
            known = [reference.differences.get(name) for name in layer.pop("nodes")]
            layer["differences"] = [difference for difference in known if difference is not None]

    def find(self, layer):
        """Find the place of a layer in the graph; None where it has no node of that name."""
        operation = self._reference.find_operation(layer["node"])
        if operation is None:
            return None
        tensor = operation.outputs[0]
        if operation.type == FAKE_QUANT:
            return Place(operation.inputs[0], tensor, *self._reference.range_of(operation))
        return Place(tensor, tensor, None, None)

    def to_real(self, layer, values):
        """Return what the numbers of a layer stand for: themselves."""
        return values.astype(np.float32)

    def find_feeds(self, layer, place):
        """Return the graph's tensors that stand for a layer, as what comes after it reads them."""
        return [place.quantized]

    def make_wanted(self, place, raw, quantized):
        """Return what a layer should hold, given the graph's tensor before and after its FakeQuant."""
        return quantized

    def describe(self, layer, place):
        """Return what layers.json says of a layer beside artefact.json."""
        return {}
