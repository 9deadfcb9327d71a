"""Change constants of a frozen graph or a SavedModel in place, as damage would: a number for all those of a name.

.envs/odapi/bin/python tests/explain/damage_graph.py FROZEN_DIR GRAPH ENDING CHANGE

GRAPH is frozen_inference_graph.pb or saved_model, ENDING the end of the constants' names, CHANGE "*4" or "=0.05".
"""

import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

frozen, graph, ending, change = sys.argv[1:]
path = os.path.join(frozen, graph)
message = tf.compat.v1.GraphDef()
if graph == "saved_model":
    path, message = os.path.join(path, "saved_model.pb"), saved_model_pb2.SavedModel()
with open(path, "rb") as file:
    message.ParseFromString(file.read())
nodes = message.meta_graphs[0].graph_def.node if graph == "saved_model" else message.node
chosen = [node for node in nodes if node.op == "Const" and node.name.endswith(ending)]
assert chosen, ending
for node in chosen:
    values = tf.make_ndarray(node.attr["value"].tensor)
    number = np.array(float(change[1:]), values.dtype)
    changed = values * number if change[0] == "*" else np.full_like(values, number)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(changed, shape=values.shape))
with open(path, "wb") as file:
    file.write(message.SerializeToString())
