"""Put together what the artefact and the checkpoint's graph gave: where points are lost, why, and what to do.

    explain(Folders(...), name="cats", artefact="tflite")

    {"name": "cats", "artefact": "tflite", "images": 100, "map": {"checkpoint": 0.77, "artefact": 0.61, ...},
     "drop_points": 15.4, "post_processing_points": 0.1, "network_points": 15.3,
     "steps": [{"step": "post_processing", "agrees": true, "text": "..."}, ...],
     "findings": [{"step": "layers", "kind": "range_too_narrow", "layer": "...", "cause": "...", "advice": "..."}],
     "headline": "...", "advice": "...", "first_layer": "...", "layers": [...]}

The steps come in the order in which one should look: post-processing, input, decoding of boxes, layers. Of a frozen
graph or a SavedModel they are those of pipeline/explain/graph_steps.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.explain.checkpoint_nms import decode_boxes
from pipeline.explain.findings import Found, make_finding, make_step
from pipeline.explain.graph_steps import judge_graph
from pipeline.explain.input_check import InputCheck, check_input
from pipeline.explain.layer_fault import MOVING, find_faults, find_weak_ranges, is_dead
from pipeline.explain.post_processing import (
    WORTH,
    judge_post_processing,
    read_iou_threshold,
    read_scales,
    suppress_as_checkpoint,
)
from pipeline.explain.scores import Scorer
from pipeline.fidelity.limits import EXACT

OFF_BOXES = 1e-2
"""Share of the image that a box may lie elsewhere. Anchors in 8 bits move it by 0.004."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the earlier steps left their results, and the checkpoint's graph and config, frozen.

    `checkpoint` is the evaluation's detections, if there is one.
    """

    artefact: Path
    reference: Path
    records: Path
    frozen: Path
    checkpoint: Path | None = None


def explain(folders: Folders, *, name: str, artefact: str) -> Found:
    """Return what drop.json holds; raises DataError for test images without boxes to find."""
    told = json.loads((folders.artefact / "artefact.json").read_text(encoding="utf-8"))
    layers = json.loads((folders.reference / "layers.json").read_text(encoding="utf-8"))
    scorer = Scorer(folders.records, told["images"])
    found: dict[str, float | None] = {
        run.stem: scorer.score_file(run) for run in sorted((folders.artefact / "runs").glob("*.jsonl"))
    }
    is_graph = told["kind"] == "graph"
    if not is_graph:
        evaluated = folders.checkpoint
        found["checkpoint"] = scorer.score_file(evaluated) if evaluated is not None and evaluated.is_file() else None
        told["iou_threshold"] = read_iou_threshold(folders.frozen / "pipeline.config")
        found["checkpoint_nms"] = scorer.score(suppress_as_checkpoint(folders.artefact, told, scorer.sizes))
    # The graph's own answers on these images, and of the checkpoint's graph what it makes of other raw outputs
    found |= {run.stem: scorer.score_file(run) for run in sorted(folders.reference.glob("*.jsonl"))}
    scores = {key: value for key, value in found.items() if value is not None}
    reference = scores["checkpoint" if is_graph else "frozen_graph"]
    # Without it the raw outputs have another shape than the checkpoint's: it is lost in the network
    after_network = scores.get("checkpoint_nms", scores["shipped"])
    if is_graph:
        steps = judge_graph(told, layers, scores, _load_inputs(folders, told), name=name)
    else:
        steps = [
            *_judge_freezing(scores, name),
            judge_post_processing(scores, told, name),
            _judge_input(folders, told, layers, name),
            _judge_boxes(folders, told, name),
            _judge_layers(layers, told, name),
        ]
    findings = [finding for step in steps for finding in step.pop("findings")]
    result: Found = {
        "name": name,
        "artefact": artefact,
        "images": len(told["images"]),
        "layer_images": len(told["layer_images"]),
        "map": {**scores, "artefact": scores["shipped"], "reference": reference},
        "drop_points": 100 * (reference - scores["shipped"]),
        "post_processing_points": 100 * (after_network - scores["shipped"]),
        "network_points": 100 * (reference - after_network),
        "steps": steps,
        "findings": findings,
        "post_process": told.get("post_process"),
    }
    main = choose_main(findings, result)
    result |= {
        "headline": _say_headline(main, result),
        "advice": main["advice"] if main else _advise_without(result, name, is_graph=is_graph),
        "first_layer": next((one["layer"] for one in findings if one["layer"]), None),
        "layers": layers,
    }
    return result


def choose_main(findings: Sequence[Found], result: Mapping[str, Any]) -> Found | None:
    """Return the finding that most of the drop is laid to; None when there is none.

    Between post-processing and network the points decide, within each the order of the steps: what comes after an
    input that is read wrongly is not to blame.
    """
    post = [one for one in findings if one["step"] in ("freezing", "post_processing")]
    network = [one for one in findings if one["step"] not in ("freezing", "post_processing")]
    first, second = post, network
    if result["network_points"] > result["post_processing_points"]:
        first, second = network, post
    return next(iter([*first, *second]), None)


def _say_headline(main: Found | None, result: Mapping[str, Any]) -> str:
    drop = f"{round(result['drop_points'], 1) + 0.0:.1f} points"  # no "-0.0"
    if main is None:
        return f"nothing found, drop is {drop}: post-processing, input, boxes and every layer agree with the checkpoint"
    where = f"{main['layer']}: " if main["layer"] else ""
    return f"drop is {drop}; {main['step'].replace('_', '-')}: {where}{main['cause']}"


def _advise_without(result: Mapping[str, Any], name: str, *, is_graph: bool) -> str | None:
    if is_graph:
        # Neither more nor less: both make the same sums
        if abs(result["drop_points"]) <= EXACT.points:
            return None
        return f"freeze again (make export NAME={name}); if it stays, please report it with drop.json"
    if result["drop_points"] < 2 * WORTH:
        return None
    return (
        "what is left is the sum of all roundings: a longer quantized phase (STEPS=, or an earlier QAT_DELAY=), or a "
        f"preset that is trained quantized; more images make the figure surer (make explain-drop NAME={name} IMAGES=)"
    )


def _judge_freezing(scores: Mapping[str, float], name: str) -> list[Found]:
    """Compare the frozen graph, which the layers are held against, with the evaluated checkpoint."""
    lost = 100 * (scores.get("checkpoint", scores["frozen_graph"]) - scores["frozen_graph"])
    if abs(lost) <= WORTH:
        return []
    cause = f"the frozen graph scores {lost:+.1f} points against the checkpoint that was evaluated"
    advice = f"they are of different checkpoints: make export NAME={name}, then make evaluate NAME={name}"
    return [make_step("freezing", cause, [make_finding("freezing", "other_checkpoint", cause, advice)])]


def _load_pairs(folders: Folders, told: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (tensors of the file, outputs of the graph) of each image that they were kept of."""
    pairs = []
    wanted = {f"t{told['layers'][0]['tensor']}"}
    for number in range(len(told["layer_images"])):
        with np.load(folders.artefact / f"tensors-{number:03}.npz") as stored:
            tensors = {key: stored[key] for key in wanted}
        with np.load(folders.reference / f"outputs-{number:03}.npz") as stored:
            pairs.append((tensors, dict(stored)))
    return pairs


def _load_inputs(folders: Folders, told: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return what the file takes its input for beside what the graph makes of the same image, of each such image."""
    first = told["layers"][0]
    step, zero, key = first["step"], first["zero_point"], f"t{first['tensor']}"
    return [
        ((tensors[key].astype(np.float32) - zero) * step if step else tensors[key], outputs["input"])
        for tensors, outputs in _load_pairs(folders, told)
    ]


def _judge_input(folders: Folders, told: Mapping[str, Any], layers: Sequence[Mapping[str, Any]], name: str) -> Found:
    first = told["layers"][0]
    step, zero = first["step"], first["zero_point"]
    # A float input does not say itself what a pixel becomes in it; detector.json does, or grey images show it
    pixel = told.get("pixel") or {"step": step, "zero_point": zero}
    check = check_input(_load_inputs(folders, told), **pixel)
    cause = _say_input(check)
    if check.verdict == "agrees":
        return make_step("input", cause, input=check.to_json())
    advice = {
        "normalization": f"convert it with the graph's own mean and deviation: make export NAME={name}",
        "channels": "give it RGB: OpenCV reads BGR",
        "pixels": "resize and decode as the training did (pipeline/detections/resize.py)",
    }[check.verdict]
    return make_step(
        "input",
        cause,
        [make_finding("input", check.verdict, cause, advice, layer=first["name"])],
        input=check.to_json(),
    )


def _say_input(check: InputCheck) -> str:
    line = f"the checkpoint sees {check.slope:.3g} x + {check.shift:.3g} of what the file takes for x"
    has = wants = ""
    if check.mean is not None and check.std is not None:
        has = f"mean {check.mean:.4g}, deviation {check.std:.4g}"
        wants = f"mean {check.wanted_mean:.4g}, deviation {check.wanted_std:.4g}"
    if check.verdict == "agrees":
        return f"same image: {has}" if has else "same image"
    if check.verdict == "normalization":
        return f"other normalization: the file has {has}, the checkpoint {wants}" if has else f"normalized: {line}"
    if check.verdict == "channels":
        return "red and blue are swapped: the file reads BGR"
    return f"other pixels: {100 * check.remains:.0f} % of the image differs, so it is resized or decoded otherwise"


def _judge_boxes(folders: Folders, told: Mapping[str, Any], name: str) -> Found:
    """Decode the graph's own encodings with the file's anchors, and compare with the graph's boxes."""
    with np.load(folders.artefact / "weights.npz") as stored:
        anchors = stored["anchors"]
    broken = int((~np.isfinite(anchors)).any(axis=1).sum())
    if broken:
        cause = f"{broken} of the file's {len(anchors)} anchors are infinite or no numbers (NaN)"
        return make_step("boxes", cause, [make_finding("boxes", "anchors", cause, f"make export NAME={name}")])
    worst = 0.0
    for _, outputs in _load_pairs(folders, told):
        encodings, wanted = outputs["encodings"][0], outputs["boxes"][0]
        if len(encodings) != len(anchors):
            cause = f"the file has {len(anchors)} anchors, the checkpoint {len(encodings)}"
            return make_step("boxes", cause, [make_finding("boxes", "anchors", cause, f"make export NAME={name}")])
        size = np.maximum(np.abs(wanted).max(axis=1), 1)
        found = decode_boxes(encodings, anchors, read_scales(told))
        worst = max(worst, float((np.abs(found - wanted).max(axis=1) / size).max()))
    if worst <= OFF_BOXES:
        return make_step("boxes", f"{len(anchors)} anchors decode to the same boxes", largest_difference=worst)
    cause = f"the file's {len(anchors)} anchors decode to boxes up to {100 * worst:.2g} % of the image elsewhere"
    advice = f"its anchors are of another model or damaged: make export NAME={name}"
    return make_step("boxes", cause, [make_finding("boxes", "anchors", cause, advice)], largest_difference=worst)


def _judge_layers(layers: Sequence[Mapping[str, Any]], told: Mapping[str, Any], name: str) -> Found:
    faults = find_faults(layers, name=name)
    unmatched = [layer["name"] for layer in layers if not layer["matched"]]
    dead = [layer["name"] for layer in layers if is_dead(layer) and layer["operator"] not in MOVING]
    text = f"{len(layers) - len(unmatched)} of {len(layers)} compared on {len(told['layer_images'])} images"
    text += f"; the first of {len(faults)} that part: {faults[0].layer}" if faults else "; none parts by itself"
    findings = [
        make_finding("layers", fault.kind, fault.cause, fault.advice, layer=fault.layer, own_error=fault.own_error)
        for fault in faults
    ]
    weak = find_weak_ranges(layers)
    if weak:
        text += f"; in the checkpoint, too, {len(weak)} {'range is' if len(weak) == 1 else 'ranges are'} poor"
    return make_step("layers", text, findings, unmatched=unmatched, without_signal=dead, weak_in_checkpoint=weak)
