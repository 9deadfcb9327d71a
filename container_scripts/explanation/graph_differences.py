"""Node by node, what a frozen graph has otherwise than the checkpoint's graph: numbers, operations, what they read.

    find_differences(frozen.as_graph_def(), graph, session.run)
    {"net/Conv/weights": {"node": "net/Conv/weights", "what": "constant", "slopes": [4.0, 4.0], ...}, ...}

    what        constant    other numbers than the checkpoint's constant or variable of that name
                operation   another operation of that name      attribute   another setting of it, its strides for one
                inputs      it reads something else             missing     the checkpoint's graph has no such node

Python 3.6 to 3.8, TensorFlow 1.15.
"""

import numpy as np
import tensorflow as tf

from explanation.layer_statistics import compare_weights

VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
# Freezing makes constants of variables, and of what reads them
READING = {"Identity": "ReadVariableOp"}
# How and where it is computed, or what loading sets, and not what is computed
NO_DIFFERENCE = ("shape", "dtype", "container", "shared_name", "use_cudnn_on_gpu", "validate_shape", "value")
FEW = 4
LONGEST = 80


def find_differences(graph_def, graph, run):
    """Return {node: what differs} of the nodes that the checkpoint's graph has otherwise; `run` reads its variables."""
    operations = {operation.name: operation for operation in graph.get_operations()}
    variables = {one.op.name: one for one in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)}
    found = {}
    for node in graph_def.node:
        reference = operations.get(node.name)
        if reference is None:
            told = {"what": "missing", "found": node.op}
        elif node.op == "Const" and reference.type in VARIABLES + ("Const",):
            values = (
                tf.make_ndarray(reference.get_attr("value")) if reference.type == "Const" else run(variables[node.name])
            )
            told = compare_constants(tf.make_ndarray(node.attr["value"].tensor), np.asarray(values))
        else:
            told = _compare_nodes(node, reference.node_def)
        if told:
            found[node.name] = dict(told, node=node.name)
    return found


def compare_constants(found, reference):
    """Say how two constants differ; None where they do not. A few numbers are told as they are."""
    if found.shape == reference.shape and (found == reference).all():
        return None
    told = {"what": "constant", "found": _tell(found), "reference": _tell(reference)}
    if found.shape != reference.shape or found.dtype.kind != "f" or not found.ndim:
        return told
    if found.ndim == 4 and found.shape[-1] == 1:
        # Depthwise: the channels come before their multiples
        found, reference = [one.reshape(one.shape[:2] + (-1,)) for one in (found, reference)]
    return dict(told, **compare_weights(found, reference, found.ndim - 1))


def _tell(values):
    return values.astype(str if values.dtype.kind == "S" else values.dtype).tolist() if values.size <= FEW else None


def _compare_nodes(node, reference):
    if node.op != reference.op:
        if READING.get(node.op) == reference.op:
            return None
        return {"what": "operation", "found": node.op, "reference": reference.op}
    for name in sorted(set(node.attr) | set(reference.attr)):
        if name in NO_DIFFERENCE or name.startswith("_") or node.attr[name] == reference.attr[name]:
            continue
        texts = [" ".join(str(one.attr[name]).split())[:LONGEST] for one in (node, reference)]
        return {"what": "attribute", "attribute": name, "found": texts[0], "reference": texts[1]}
    inputs = [_read(one) for one in (node, reference)]
    return None if inputs[0] == inputs[1] else {"what": "inputs", "found": inputs[0], "reference": inputs[1]}


def _read(node):
    """Return what a node reads, without those it only waits for."""
    return [one[:-2] if one.endswith(":0") else one for one in node.input if not one.startswith("^")]
