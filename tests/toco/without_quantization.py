"""Copy a tflite_graph.pb without its FakeQuant operators: what an unquantized checkpoint is exported to.

.envs/toco/bin/python tests/toco/without_quantization.py output/cats/frozen/tflite_graph.pb float/tflite_graph.pb
"""

import sys

import tensorflow as tf

graph = tf.compat.v1.GraphDef()
with open(sys.argv[1], "rb") as source:
    graph.ParseFromString(source.read())
for node in graph.node:
    if node.op == "FakeQuantWithMinMaxVars":
        node.op = "Identity"
        del node.input[1:]
        node.attr.clear()
        node.attr["T"].type = tf.float32.as_datatype_enum
with open(sys.argv[2], "wb") as target:
    target.write(graph.SerializeToString())
