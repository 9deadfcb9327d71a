"""Fold the clip between two convolutions, and compute both graphs: a JSON line [case, folded clips, difference] a case.

PYTHONPATH=container_scripts python tests/tfjs/fold_clips.py
"""

import base64
import json

import numpy as np
from tfjs_build.tfjs_fold import fold_clips

RANDOM = np.random.default_rng(1)
CASES = {
    "relu6 to less than 6": {"high": 4.5, "fused": ["Relu6"]},
    "relu6 to more than 6": {"high": 6.2, "fused": ["Relu6"]},
    "relu6 before 3x3": {"high": 4.5, "fused": ["Relu6"], "size": 3},
    "two-sided before 1x1": {"low": -1.5, "high": 2.5},
    "two-sided before 3x3": {"low": -1.5, "high": 2.5, "size": 3},
    "another activation": {"high": 4.5, "fused": ["Elu"]},
    "an output": {"high": 4.5, "fused": ["Relu6"], "keep": ["clip"]},
}


def fused(*names):
    """The attribute of a convolution with its bias and an activation."""
    return {"fused_ops": {"list": {"s": [base64.b64encode(name.encode()).decode() for name in ("BiasAdd", *names)]}}}


def make(*, low, high, activation, size):
    """A graph and its weights: 1x1, clip, size x size."""
    weights = {
        "k1": RANDOM.normal(size=(1, 1, 3, 5)), "b1": RANDOM.normal(size=5),
        "low": np.array(low), "high": np.array(high),
        "k2": RANDOM.normal(size=(size, size, 5, 4)), "b2": RANDOM.normal(size=4),
    }  # fmt: skip
    nodes = [
        *({"name": name, "op": "Const"} for name in weights),
        {"name": "x", "op": "Placeholder"},
        {"name": "c1", "op": "_FusedConv2D", "input": ["x", "k1", "b1"], "attr": fused(*activation)},
        {"name": "clip", "op": "ClipByValue", "input": ["c1", "low", "high"], "attr": {}},
        {"name": "c2", "op": "_FusedConv2D", "input": ["clip", "k2", "b2"], "attr": fused()},
    ]
    return {"modelTopology": {"node": nodes}}, {name: one.astype(np.float32) for name, one in weights.items()}


def run(model, weights, image):
    """Compute c2 on an image [height, width, channels], zeros beyond its edge."""
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}

    def value(name):
        node = nodes[name]
        if node["op"] in ("Const", "Placeholder"):
            return image if node["op"] == "Placeholder" else weights[name].astype(np.float64)
        given = [value(one) for one in node["input"]]
        if node["op"] == "ClipByValue":
            return np.clip(*given)
        pixels, kernel, bias = given
        edge = kernel.shape[0] // 2
        padded = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
        out = np.einsum("hwcyx,yxcd->hwd", windows, kernel) + bias
        return np.clip(out, 0, 6) if fused("Relu6") == node["attr"] else out

    return value("c2")


for name, case in CASES.items():
    graph, values = make(
        low=case.get("low", 0.0), high=case["high"], activation=case.get("fused", []), size=case.get("size", 1)
    )
    picture = RANDOM.normal(size=(6, 6, 3)) * 3
    before = run(graph, values, picture)
    folded = fold_clips(graph, values, keep=["c2", *case.get("keep", [])])
    print(json.dumps([name, folded, float(np.abs(run(graph, values, picture) - before).max())]))
