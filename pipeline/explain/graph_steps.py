"""The steps of a frozen graph or a SavedModel beside the checkpoint itself: the same nodes, and the same sums.

    judge_graph(told, layers, scores, pairs, name="cats")     # [post-processing, input, layers]

Where a layer parts, its nodes tell why (container_scripts/explanation/graph_differences.py): a constant that is not the
checkpoint's variable of that name, another operation, another setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from pipeline.explain.findings import Found, make_finding, make_step
from pipeline.explain.graph_words import say_cause
from pipeline.explain.input_check import check_input
from pipeline.explain.layer_fault import NOTHING, is_dead

Layer = Mapping[str, Any]
Pairs = Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
SAME = 1e-4
"""Share of the signal that a layer may add: a sound one adds nothing, what a thousandth is off parts."""


def judge_graph(
    told: Mapping[str, Any], layers: Sequence[Layer], scores: Mapping[str, float], pairs: Pairs, *, name: str
) -> list[Found]:
    """Judge the steps in the order in which one should look; `pairs` are inputs, as check_input takes them."""
    first, *others = layers
    return [
        _judge_post_processing([one for one in others if one["operator"] == "OUTPUT"], scores, name),
        _judge_input(first, pairs, name),
        _judge_layers([one for one in others if one["operator"] != "OUTPUT"], len(told["layer_images"]), name),
    ]


def parts(layer: Layer) -> bool:
    """Whether a layer makes other values of those before it than the checkpoint does."""
    if not layer["matched"]:
        return bool(layer["differences"])
    if layer["no_numbers_share"]:
        return True
    own = layer["own_relative_error"]
    # None: it should hold zeros only
    return bool(not is_dead(layer) and own > SAME) if own is not None else max(map(abs, layer["held"])) > NOTHING


def _again(name: str) -> str:
    return f"the graph is damaged or of another checkpoint: make export NAME={name}"


def _judge_post_processing(outputs: Sequence[Layer], scores: Mapping[str, float], name: str) -> Found:
    """Judge what becomes of the graph's own raw boxes and scores: by itself, and in the checkpoint's graph."""
    lost = 100 * (scores["checkpoint_nms"] - scores["shipped"]) if "checkpoint_nms" in scores else None
    gains = (
        "" if lost is None else f"; instead: the checkpoint's own post-processing {round(lost, 1) + 0.0:+.1f} points"
    )
    wrong = [one for one in outputs if parts(one)]
    if not wrong:
        return make_step("post_processing", f"the same boxes of the same raw outputs{gains}", points=lost)
    differences = {each["node"]: each for one in wrong for each in one["differences"]}
    kind, cause = say_cause({**wrong[0], "differences": list(differences.values())})
    finding = make_finding("post_processing", kind, cause, _again(name), points=lost)
    return make_step("post_processing", f"other boxes of the same raw outputs{gains}", [finding], points=lost)


def _judge_input(first: Layer, pairs: Pairs, name: str) -> Found:
    """Judge what the graph makes of an image before its first convolution."""
    if first["matched"] and not parts(first):
        return make_step("input", "same image")
    kind, cause = say_cause(first)
    check = None
    if first["matched"] and all(found.shape == reference.shape for found, reference in pairs):
        check = check_input(pairs)
        line = f"the checkpoint sees {check.slope:.4g} x + {check.shift:.3g} of what the graph takes for x"
        how = {
            "channels": "red and blue are swapped",
            "pixels": f"other pixels: {100 * check.remains:.2g} % of the image differs",
        }.get(check.verdict, line)
        kind, cause = check.verdict if check.verdict != "agrees" else "normalization", f"{how}; {cause}"
    finding = make_finding("input", kind, cause, _again(name), layer=first["name"])
    return make_step("input", cause, [finding], input=check.to_json() if check else None)


def _judge_layers(layers: Sequence[Layer], images: int, name: str) -> Found:
    """Judge the network. Of layers of another shape only the first is told: those after it follow from it."""
    wrong = [one for one in layers if parts(one)]
    odd = next((one for one in layers if one.get("graph_shape") is not None), None)
    if odd is not None and not wrong:
        wrong = [odd]
    matched = [one for one in layers if one["matched"]]
    text = f"{len(matched)} of {len(layers)} compared on {images} images"
    text += f"; the first of {len(wrong)} that part: {wrong[0]['name']}" if wrong else "; none parts by itself"
    findings = []
    for one in wrong:
        kind, cause = say_cause(one)
        findings.append(
            make_finding(
                "layers", kind, cause, _again(name), layer=one["name"], own_error=one.get("own_relative_error")
            )
        )
    return make_step(
        "layers", text, findings,
        unmatched=[one["name"] for one in layers if not one["matched"]],
        without_signal=[one["name"] for one in matched if is_dead(one)],
        weak_in_checkpoint=[],
    )  # fmt: skip
