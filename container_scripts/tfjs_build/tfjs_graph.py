"""Rewrite a detection graph, before its conversion, where TensorFlow.js computes something else than TensorFlow.

Two operators matter to detectors:

- FakeQuantWithMinMaxVars: TensorFlow.js passes its input through, unclipped. Here a FakeQuant of activations becomes a
  ClipByValue to the range that its 8 bits can express; what is lost is only the rounding. (Those of weights, which
  depend on no input, are left: the converter computes them.)
- Cast from float to bool: on its WASM backend every number between -1 and 1 becomes false (tensorflow/tfjs#2590), and
  with it every box that is smaller than the image. Here it becomes NotEqual to zero, which is what it means.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2


def write_rewritten_saved_model(source, target, rewrite=None):
    """Write a SavedModel like `source` into the empty folder `target`, with its graphs rewritten."""
    rewrite = rewrite or rewrite_graph
    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(source, "saved_model.pb"), "rb") as file:
        saved_model.ParseFromString(file.read())
    for meta_graph in saved_model.meta_graphs:
        rewrite(meta_graph.graph_def)
    with open(os.path.join(target, "saved_model.pb"), "wb") as file:
        file.write(saved_model.SerializeToString(deterministic=True))
    for name in ("variables", "assets"):
        if os.path.isdir(os.path.join(source, name)):
            os.symlink(os.path.abspath(os.path.join(source, name)), os.path.join(target, name))
    return saved_model


def rewrite_graph(graph_def):
    """Replace, in place, the operators that this module is about."""
    mend_casts(graph_def)
    clip_activations(graph_def)


def mend_casts(graph_def):
    """Replace casts of floats to bool, in place."""
    added = []
    for node in graph_def.node:
        if node.op == "Cast" and (node.attr["SrcT"].type, node.attr["DstT"].type) == (
            tf.float32.as_datatype_enum,
            tf.bool.as_datatype_enum,
        ):
            make_not_zero(node, added)
    graph_def.node.extend(added)


def clip_activations(graph_def):
    """Replace FakeQuants of activations, in place."""
    nodes = {node.name: node for node in graph_def.node}
    added = []
    for node in graph_def.node:
        if node.op == "FakeQuantWithMinMaxVars" and not is_constant(node.input[0], nodes):
            low, high = (find_constant(name, nodes) for name in node.input[1:3])
            if low is not None and high is not None:
                make_clip(node, float(low), float(high), added)
    graph_def.node.extend(added)


def make_not_zero(cast, added):
    """Turn a Cast of floats to bool into NotEqual(x, 0)."""
    # ZerosLike, not a constant: a constant would lie outside the loop that the cast may be in.
    zeros = node_def_pb2.NodeDef(name=cast.name + "/zeros", op="ZerosLike", input=[cast.input[0]])
    zeros.attr["T"].type = tf.float32.as_datatype_enum
    added.append(zeros)
    cast.op = "NotEqual"
    cast.input.insert(1, zeros.name)
    clear_attributes(cast)


def make_clip(fake_quant, low, high, added):
    """Turn a FakeQuant of activations into ClipByValue."""
    low, high = nudge_range(
        low, high, bits=fake_quant.attr["num_bits"].i or 8, narrow_range=fake_quant.attr["narrow_range"].b
    )
    for position, (name, value) in enumerate((("low", low), ("high", high)), start=1):
        constant = node_def_pb2.NodeDef(name="{}/{}".format(fake_quant.name, name), op="Const")
        constant.attr["dtype"].type = tf.float32.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.float32, shape=[]))
        added.append(constant)
        fake_quant.input[position] = constant.name
    fake_quant.op = "ClipByValue"
    clear_attributes(fake_quant)


def clear_attributes(node):
    """Leave a node its type and nothing of the operator it was."""
    node.attr.clear()
    node.attr["T"].type = tf.float32.as_datatype_enum


def nudge_range(low, high, *, bits, narrow_range):
    """Return the range that FakeQuant really clips to: moved a little, so that zero falls on a step.

    Source: Nudge() in tensorflow/core/kernels/fake_quant_ops_functor.h, computed in float32 as there.

    >>> nudge_range(0.0, 6.0, bits=8, narrow_range=False)
    (0.0, 6.0)
    """
    first, last = np.float32(1 if narrow_range else 0), np.float32(2**bits - 1)
    low, high = np.float32(low), np.float32(high)
    scale = (high - low) / (last - first)
    zero = np.clip(first - low / scale, first, last)
    zero = np.floor(zero + np.float32(0.5))
    return float((first - zero) * scale), float((last - zero) * scale)


def find_constant(name, nodes):
    """Return the value of the constant that an input names, looking through Identity, or None."""
    node = nodes.get(name.split(":")[0])
    while node is not None and node.op == "Identity":
        node = nodes.get(node.input[0].split(":")[0])
    if node is None or node.op != "Const":
        return None
    return tf.make_ndarray(node.attr["value"].tensor)


def is_constant(name, nodes):
    """Tell whether a value depends on no input and no variable: constants, and what is computed from them."""
    waiting, seen = [name], set()
    while waiting:
        node = nodes.get(waiting.pop().lstrip("^").split(":")[0])
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if not node.input and node.op != "Const":
            return False
        waiting.extend(node.input)
    return True
