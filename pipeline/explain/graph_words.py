"""What differs in the nodes of a layer, in words.

say_cause(layer)     # ("weights_differ", "weights: all channels have 4 times the checkpoint's")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALIKE = 0.02
"""Share by which channels may differ that have the same factor."""
CUT_OFF = 1e-4
KINDS = {
    "weights": "weights_differ", "depthwise_weights": "weights_differ", "kernel": "weights_differ",
    "depthwise_kernel": "weights_differ", "biases": "bias", "bias": "bias", "beta": "batch_norm", "gamma": "batch_norm",
    "moving_mean": "batch_norm", "moving_variance": "batch_norm", "score_threshold": "score_threshold",
    "iou_threshold": "iou_threshold",
}  # fmt: skip
"""What a constant is, by the last part of its name; of others `constant_differs`, of a FakeQuant's `range_differs`."""
OF_NODES = {
    "missing": "missing", "operation": "operation_differs", "attribute": "setting_differs", "inputs": "inputs_differ",
}  # fmt: skip


def say_cause(layer: Mapping[str, Any]) -> tuple[str, str]:
    """Return a word for programs and the likely cause why a layer parts, of what its nodes have otherwise."""
    known = layer["differences"]
    if not known:
        return _say_without(layer)
    # Constants that are read several times, as by the suppression of each class, are told once
    scope = layer["name"].rpartition("/")[0] + "/"
    told = {_say(one, scope): one for one in known}
    first = next(iter(told))
    kind, cause = _kind_of(told[first]), first
    low, high = layer.get("graph_low"), layer.get("graph_high")
    if kind == "range_differs" and high is not None and "weights_quant" not in told[first]["node"]:
        cause = (
            f"range differs: the graph holds [{layer['low']:.3g}, {layer['high']:.3g}], the checkpoint "
            f"[{low:.3g}, {high:.3g}]"
        )
        if (layer["clipped_share"] or 0) > CUT_OFF:
            cause += f"; {100 * layer['clipped_share']:.2g} % of its values are cut off"
        told = {text: one for text, one in told.items() if _kind_of(one) != "range_differs" or text == first}
    others = len(told) - 1
    return kind, cause + (f"; {others} more of its nodes {'differs' if others == 1 else 'differ'}" if others else "")


def _say_without(layer: Mapping[str, Any]) -> tuple[str, str]:
    if layer.get("graph_shape") is not None:
        return "shape", f"it is {layer['shape']} large, in the checkpoint's graph {layer['graph_shape']}"
    if not layer["matched"]:
        return "unknown", "the checkpoint's graph has no such layer"
    own = layer["own_relative_error"]
    how = "what it computes" if own is None else f"what it computes is {100 * own:.2g} % off"
    return "unknown", f"{how}, though all of its nodes are the checkpoint's"


def _kind_of(difference: Mapping[str, Any]) -> str:
    if difference["what"] != "constant":
        return OF_NODES[difference["what"]]
    *scopes, last = difference["node"].split("/")
    if last in ("min", "max") and scopes and scopes[-1].endswith("_quant"):
        return "range_differs"
    return KINDS.get(last, "constant_differs")


def _say(difference: Mapping[str, Any], scope: str) -> str:
    node, found, reference = difference["node"], difference.get("found"), difference.get("reference")
    node = node[len(scope) :] if node.startswith(scope) else _shorten(node)
    match difference["what"]:
        case "missing":
            return f"{node}, a {found}, is not in the checkpoint's graph"
        case "operation":
            return f"{node} is a {found}, in the checkpoint's graph a {reference}"
        case "inputs":
            return f"{node} reads {_number(found)}, in the checkpoint's graph {_number(reference)}"
        case "attribute":
            return f"{node} has {difference['attribute']} {found}, in the checkpoint's graph {reference}"
    if difference.get("no_numbers"):
        return f"{difference['no_numbers']} numbers of {node} are infinite or none (NaN)"
    if found is not None and reference is not None:
        return f"{node} is {_number(found)}, the checkpoint's {_number(reference)}"
    if "worst" not in difference:
        return f"{node} differs from the checkpoint's"
    lowest, highest = difference.get("slopes") or (1, 1)
    if highest - lowest <= ALIKE * abs(highest) and abs(highest - 1) > ALIKE:
        return f"{node}: all channels have {highest:.3g} times the checkpoint's"
    slope = difference.get("worst_slope")
    how = f"{slope:.3g} times" if slope is not None else "other numbers than"
    if slope is not None and abs(slope - 1) <= ALIKE:
        how = f"numbers {100 * difference['worst_relative_error']:.2g} % off from"
    return f"{node}: channel {difference['worst']} of {difference['count']} has {how} the checkpoint's"


def _shorten(node: str) -> str:
    """Leave out the middle of the name of what stands in a loop: it is four lines long."""
    scope, _, inner = node.rpartition("/while/")
    return f"{scope.split('/')[0]}/.../{inner.rsplit('/', 1)[-1]}" if scope else node


def _number(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_number(one) for one in value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
