"""Load TensorFlow 1 detectors and run them one image at a time.

Every detector of the Object Detection API, exported by whomever, has an input `image_tensor` (uint8,
[n, height, width, 3]) and outputs `detection_boxes`, `detection_scores`, `detection_classes`,
`num_detections`. Python 3.6 to 3.8, TensorFlow 1.15.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import numpy as np
import tensorflow as tf
from screen import fail

from pipeline.detections.detections_file import to_detections

OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores")
RUNTIME = "tensorflow " + tf.__version__


class GraphDetector:
    """A session with a detector's input and outputs. Threads may share one: `session.run` is thread-safe."""

    def __init__(self, session, image_tensor, outputs):
        self.session = session
        self._run = session.make_callable([outputs[name] for name in OUTPUTS], feed_list=[image_tensor])

    def detect(self, image):
        """Detect objects in a decoded RGB image [height, width, 3]; return (detections, milliseconds)."""
        batch = image[np.newaxis]
        began = time.perf_counter()
        boxes, class_ids, scores = self._run(batch)
        ms = (time.perf_counter() - began) * 1000
        return to_detections(boxes[0].tolist(), class_ids[0].tolist(), scores[0].tolist()), ms


def session_config(intra_op_threads=0, inter_op_threads=0):
    """Configure a session; 0 threads means as many as cores. GPU memory is taken as it is needed."""
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=intra_op_threads, inter_op_parallelism_threads=inter_op_threads
    )
    config.gpu_options.allow_growth = True
    return config


def literal_session_config():
    """Configure a session that computes a graph as it is written, each node by itself.

    Two graphs of the same nodes then make the same sums, whatever is constant in one of them. And the optimizer takes
    a second for each new set of inputs and outputs, of which a look at every layer has hundreds.
    """
    config = session_config()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
    return config


def load_frozen_graph(path, config=None):
    """Load a frozen graph (.pb) that the Object Detection API exported."""
    if not os.path.isfile(path):
        fail("there is no frozen graph at {}".format(path), hint="make freeze NAME=... makes one", exit_code=3)
    graph_def = tf.compat.v1.GraphDef()
    try:
        with open(path, "rb") as file:
            graph_def.ParseFromString(file.read())
        if not graph_def.node:
            raise ValueError("it has no nodes")  # some protobuf builds read any text as an empty message
    except Exception as error:
        fail("{} is not a frozen graph: {}".format(path, error), exit_code=3)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    mismatch = describe_mismatch(graph)
    if mismatch:
        fail("{} is not a frozen graph of an image detector: {}".format(path, mismatch), exit_code=3)
    session = tf.compat.v1.Session(graph=graph, config=config or session_config())
    outputs = {name: graph.get_tensor_by_name(name + ":0") for name in OUTPUTS}
    return GraphDetector(session, graph.get_tensor_by_name("image_tensor:0"), outputs)


def load_saved_model(path, config=None):
    """Load a SavedModel folder by its `serving_default` signature."""
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config or session_config())
    meta_graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
    signature = meta_graph.signature_def["serving_default"]
    missing = sorted(set(OUTPUTS) - set(signature.outputs)) + sorted({"inputs"} - set(signature.inputs))
    if missing:
        fail(
            "{}: serving_default has no {}; it has inputs {} and outputs {}".format(
                path, ", ".join(missing), ", ".join(sorted(signature.inputs)), ", ".join(sorted(signature.outputs))
            ),
            exit_code=3,
        )
    outputs = {name: session.graph.get_tensor_by_name(signature.outputs[name].name) for name in OUTPUTS}
    return GraphDetector(session, session.graph.get_tensor_by_name(signature.inputs["inputs"].name), outputs)


def describe_mismatch(graph):
    """Say what a graph lacks to be a detector, and what it has instead; None when nothing is missing."""
    operations = {operation.name: operation for operation in graph.get_operations()}
    missing = [name for name in ("image_tensor",) + OUTPUTS if name not in operations]
    if not missing:
        return describe_input_mismatch(operations["image_tensor"].outputs[0])
    consumed = {tensor.op.name for operation in operations.values() for tensor in operation.inputs}
    inputs = [name for name, operation in operations.items() if operation.type == "Placeholder"]
    outputs = [
        name
        for name, operation in operations.items()
        if name not in consumed and operation.outputs and operation.type not in ("Const", "Placeholder")
    ]
    return "it has no {}; its inputs are {}; its outputs are {}".format(
        ", ".join(missing), _list_names(inputs), _list_names(outputs)
    )


def describe_input_mismatch(image_tensor):
    """Say why a graph's input does not take a decoded image of any size; None if it does."""
    shape = image_tensor.shape
    if image_tensor.dtype != tf.uint8 or not shape.is_compatible_with([1, None, None, 3]):
        return "wanted image_tensor of uint8 [n, height, width, 3], found {} {}".format(image_tensor.dtype.name, shape)
    if shape.dims is not None and shape[1:3].is_fully_defined():
        return "its image_tensor takes only images of {} pixels; export it without --input_shape".format(
            "{1}x{0}".format(*shape.as_list()[1:3])
        )
    return None


def _list_names(names, limit=12):
    names = sorted(names)
    more = " and {} more".format(len(names) - limit) if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more
