"""The graph that the checkpoint itself is restored into: what frozen graph and SavedModel are held against.

    reference = CheckpointGraph("output/cats/train", "output/cats/frozen", "artefact/graph.pb", input_name)
    reference.differences["net/Conv/weights"]         # what the graph has otherwise there

It is built of pipeline.config as the evaluation builds it, and has the names that the frozen graph has: freezing only
makes constants of its variables. Python 3.6 to 3.8, TensorFlow 1.15.
"""

import tensorflow as tf
from detection import checkpoint_detector, graph_runtime
from screen import fail

from explanation.graph_differences import find_differences
from explanation.reference_graph import ReferenceGraph


class CheckpointGraph(ReferenceGraph):
    """The checkpoint in a session. `differences` are the nodes that the graph beside it has otherwise."""

    def __init__(self, train_dir, frozen_dir, graph_path, input_name):
        """Read the graph beside it from `graph_path`; its normalized image is the output of `input_name`."""
        config = graph_runtime.literal_session_config()
        detector = checkpoint_detector.load_frozen_checkpoint(train_dir, frozen_dir, config)
        ReferenceGraph.__init__(self, detector, "checkpoint")
        self.size_bytes = 0  # nobody asks for it here
        definition = tf.compat.v1.GraphDef()
        with open(graph_path, "rb") as file:
            definition.ParseFromString(file.read())
        self.differences = find_differences(definition, self.graph, self.run)
        operation = self.find_operation(input_name)
        if operation is None:
            fail(
                "the checkpoint's graph has no {}, which the graph makes of its image".format(input_name),
                hint="they are of different models: make export NAME=...",
                exit_code=3,
            )
        self.input = operation.outputs[0]

    def find_operation(self, name):
        """Find the operation of a name; None where there is none. Nothing is called otherwise here."""
        return self._operations.get(name)

    def ends(self):
        """Return no raw outputs: those of such a graph are layers like others."""
        return {}
