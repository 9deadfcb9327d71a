"""Do the clipping of a quantized model within its convolutions: the same numbers, half of the operators.

    fold_clips(model_json, weights, keep=("raw_outputs/box_encodings", ...))

tfjs_graph.py makes a ClipByValue of each FakeQuant. Each is another pass over memory, although the convolution before
it could clip for nothing: TensorFlow.js has the activation Relu6, which clips to [0, 6]. Convolutions are linear, so
any range can be made that one, and what follows be told:

- clip(relu6(z), 0, h) with h < 6 is relu6(s * z) / s with s = 6 / h: the kernel and the bias before are multiplied by
  s, the kernels after divided by it. With h >= 6 it changes nothing.
- clip(z, l, h) is relu6(s * (z - l)) / s + l with s = 6 / (h - l). The l goes into the biases of what follows, which
  must be 1x1: beyond the edge, larger kernels see 0, not l.

A kernel on a grid of 8 bits is on one still, so it takes a byte a value as before. A clip stays where anything else
reads it: the sums of residual blocks, and the outputs.
"""

import base64

import numpy as np

CONVOLUTIONS = ("_FusedConv2D", "FusedDepthwiseConv2dNative")
LINEAR = (*CONVOLUTIONS, "Conv2D", "DepthwiseConv2dNative")
SMALLEST_RANGE = 1e-3  # a channel range below it would blow a kernel up


def fold_clips(model_json, weights, keep):
    """Fold what can be, in place; `keep` names the outputs. Return how many clips are gone."""
    graph = _Graph(model_json["modelTopology"]["node"], weights, keep)
    clips = [node for node in graph.nodes.values() if node["op"] == "ClipByValue"]
    folded = sum(_fold(graph, clip) for clip in clips)
    model_json["modelTopology"]["node"] = [
        node for node in graph.nodes.values() if node["op"] != "Const" or node["name"] in graph.readers
    ]
    for name in set(weights) - set(graph.nodes).intersection(graph.readers):
        del weights[name]
    return folded


def _fold(graph, clip):
    """Fold one clip into the convolution before it; tell whether that could be done."""
    before = graph.producer(clip)
    low, high = (graph.scalar(name) for name in clip["input"][1:3])
    if before["op"] not in CONVOLUTIONS or len(graph.readers[before["name"]]) != 1 or low is None or high is None:
        return False
    fused = _fused_operators(before)
    after = [graph.nodes[name] for name in graph.readers.get(clip["name"], [])]
    if clip["name"] in graph.keep:
        return False
    if fused == ["BiasAdd", "Relu6"] and low == 0 and high >= 6:
        graph.remove(clip)
        return True
    follow = all(node["op"] in LINEAR and _name(node["input"][0]) == clip["name"] for node in after)
    if not after or not follow or high - low < SMALLEST_RANGE:
        return False
    if fused == ["BiasAdd", "Relu6"] and low == 0:
        offset = 0.0
    elif fused == ["BiasAdd"] and all(graph.is_pointwise(node) and _has_bias(node) for node in after):
        offset = low
    else:
        return False
    if not all(graph.owns_weights(node) for node in (before, *after)):
        return False
    scale = 6 / (high - low)
    graph.change(before, lambda kernel, bias: (kernel * scale, (bias - offset) * scale))
    before["attr"]["fused_ops"] = {"list": {"s": [_encode(name) for name in ("BiasAdd", "Relu6")]}}
    for node in after:
        # An offset only comes with 1x1 kernels, whose shape is (1, 1, in, out)
        graph.change(
            node, lambda kernel, bias: (kernel / scale, bias + offset * kernel.sum((0, 1, 2)) if offset else bias)
        )
    graph.remove(clip)
    return True


class _Graph:
    """Nodes by name, and who reads whom."""

    def __init__(self, nodes, weights, keep):
        self.nodes = {node["name"]: node for node in nodes}
        self.weights = weights
        self.keep = set(keep)
        self.readers = {}
        for node in nodes:
            for name in node.get("input", []):
                self.readers.setdefault(_name(name), []).append(node["name"])

    def producer(self, node):
        return self.nodes[_name(node["input"][0])]

    def scalar(self, name):
        """The value of a constant scalar; None for anything else."""
        value = self.weights.get(_name(name))
        return float(value) if value is not None and value.shape == () else None

    def is_pointwise(self, node):
        """Whether a convolution's kernel is 1x1 and mixes channels."""
        kernel = self.weights.get(_name(node["input"][1]))
        return node["op"] == "_FusedConv2D" and kernel is not None and kernel.shape[:2] == (1, 1)

    def owns_weights(self, node):
        """Whether a convolution's kernel and bias are constants that nobody else reads."""
        names = [_name(name) for name in node["input"][1:]]
        return all(name in self.weights and len(self.readers[name]) == 1 for name in names)

    def change(self, node, change):
        """Change a convolution's constants: change(kernel, bias) -> (kernel, bias) in float64, bias 0 without one."""
        names = [_name(name) for name in node["input"][1:]]
        before = [self.weights[name].astype(np.float64) for name in names]
        after = change(before[0], before[1] if len(names) > 1 else 0.0)
        for name, array in zip(names, after):  # noqa: B905 - Python 3.6 has no strict=
            self.weights[name] = array.astype(np.float32)

    def remove(self, node):
        """Take a node out: who read it reads its input."""
        source = node["input"][0]
        for name in self.readers.pop(node["name"], []):
            reader = self.nodes[name]
            reader["input"] = [source if _name(given) == node["name"] else given for given in reader["input"]]
            self.readers[_name(source)].append(name)
        for given in node["input"]:
            self.readers[_name(given)].remove(node["name"])
            if not self.readers[_name(given)]:
                del self.readers[_name(given)]
        del self.nodes[node["name"]]


def _name(given):
    """The node of an input such as `relu:0` or `^relu`."""
    return given.lstrip("^").split(":")[0]


def _has_bias(node):
    return "BiasAdd" in _fused_operators(node)


def _fused_operators(node):
    listed = node["attr"].get("fused_ops", {}).get("list", {}).get("s", [])
    return [base64.b64decode(name).decode() for name in listed]


def _encode(name):
    return base64.b64encode(name.encode()).decode()
