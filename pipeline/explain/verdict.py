"""Put together what the artefact and the checkpoint's graph gave: where points are lost, why, and what to do.

    explain(Folders(...), name="cats", artefact="tflite")

    {"name": "cats", "artefact": "tflite", "images": 100, "map": {"checkpoint": 0.77, "artefact": 0.61, ...},
     "drop_points": 15.4, "post_processing_points": 0.1, "network_points": 15.3,
     "steps": [{"step": "post_processing", "agrees": true, "text": "..."}, ...],
     "findings": [{"step": "layers", "kind": "range_too_narrow", "layer": "...", "cause": "...", "advice": "..."}],
     "headline": "...", "advice": "...", "first_layer": "...", "layers": [...]}

The steps come in the order in which one should look: post-processing, input, decoding of boxes, layers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.detections.detections_file import MAX_DETECTIONS
from pipeline.explain.checkpoint_nms import decode_boxes
from pipeline.explain.input_check import InputCheck, check_input
from pipeline.explain.layer_fault import find_faults, find_weak_ranges, is_dead
from pipeline.explain.scores import Scorer
from pipeline.explain.tflite_layers import MOVING

WORTH = 0.5
"""Points of mAP below which a difference is not looked for: a few boxes of a test split move it so far."""
UNEXPLAINED = 1.0
"""The same where no option explains it: 8-bit scores have ties, and who comes first among equals is chance."""
OFF_BOXES = 1e-2
"""Share of the image that a box may lie elsewhere. Anchors in 8 bits move it by 0.004."""

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the earlier steps left their results; `checkpoint` is the evaluation's detections, if there is one."""

    artefact: Path
    reference: Path
    records: Path
    checkpoint: Path | None = None


def explain(folders: Folders, *, name: str, artefact: str) -> Found:
    """Return what drop.json holds; raises DataError for test images without boxes to find."""
    told = json.loads((folders.artefact / "artefact.json").read_text(encoding="utf-8"))
    layers = json.loads((folders.reference / "layers.json").read_text(encoding="utf-8"))
    scorer = Scorer(folders.records, told["images"])
    found: dict[str, float | None] = {
        run.stem: scorer.score(run) for run in sorted((folders.artefact / "runs").glob("*.jsonl"))
    }
    found["frozen_graph"] = scorer.score(folders.reference / "frozen_graph.jsonl")
    evaluated = folders.checkpoint
    found["checkpoint"] = scorer.score(evaluated) if evaluated is not None and evaluated.is_file() else None
    scores = {key: value for key, value in found.items() if value is not None}
    reference = scores["frozen_graph"]
    steps = [
        *_judge_freezing(scores, name),
        _judge_post_processing(scores, told, name),
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
        "map": {**scores, "artefact": scores["shipped"]},
        "drop_points": 100 * (reference - scores["shipped"]),
        "post_processing_points": 100 * (scores["checkpoint_nms"] - scores["shipped"]),
        "network_points": 100 * (reference - scores["checkpoint_nms"]),
        "steps": steps,
        "findings": findings,
        "post_process": told["post_process"],
    }
    main = choose_main(findings, result)
    result |= {
        "headline": _say_headline(main, result),
        "advice": main["advice"] if main else _advise_without(result, name),
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
    drop = f"{result['drop_points']:.1f} points"
    if main is None:
        return f"nothing found, drop is {drop}: post-processing, input, boxes and every layer agree with the checkpoint"
    where = f"{main['layer']}: " if main["layer"] else ""
    return f"drop is {drop}; {main['step'].replace('_', '-')}: {where}{main['cause']}"


def _advise_without(result: Mapping[str, Any], name: str) -> str | None:
    if result["drop_points"] < 2 * WORTH:
        return None
    return (
        "what is left is the sum of all roundings: a longer quantized phase (STEPS=, or an earlier QAT_DELAY=), or a "
        f"preset that is trained quantized; more images make the figure surer (make explain-drop NAME={name} IMAGES=)"
    )


def _step(step: str, text: str, findings: Sequence[Found] = (), **facts: Any) -> Found:
    return {"step": step, "agrees": not findings, "text": text, "findings": list(findings), **facts}


def _finding(step: str, kind: str, cause: str, advice: str, *, layer: str | None = None, **facts: Any) -> Found:
    return {"step": step, "kind": kind, "layer": layer, "cause": cause, "advice": advice, **facts}


def _judge_freezing(scores: Mapping[str, float], name: str) -> list[Found]:
    """Compare the frozen graph, which the layers are held against, with the evaluated checkpoint."""
    lost = 100 * (scores.get("checkpoint", scores["frozen_graph"]) - scores["frozen_graph"])
    if abs(lost) <= WORTH:
        return []
    cause = f"the frozen graph scores {lost:+.1f} points against the checkpoint that was evaluated"
    advice = f"they are of different checkpoints: make export NAME={name}, then make evaluate NAME={name}"
    return [_step("freezing", cause, [_finding("freezing", "other_checkpoint", cause, advice)])]


def _judge_post_processing(scores: Mapping[str, float], told: Mapping[str, Any], name: str) -> Found:
    """Swap the suppression, give more boxes, and take the checkpoint's own post-processing of the raw outputs."""
    options = told["post_process"]
    shipped, more, other = (100 * scores[key] for key in ("shipped", "more_boxes", "other_nms"))
    lost = 100 * scores["checkpoint_nms"] - shipped
    kind, swapped = ("regular", "fast") if options["regular_nms"] else ("fast", "regular")
    tried = [f"{swapped} NMS {other - more:+.1f}", f"the checkpoint's own post-processing {lost:+.1f} points"]
    if options["max_detections"] < MAX_DETECTIONS:
        tried.insert(0, f"{MAX_DETECTIONS} boxes {more - shipped:+.1f}")
    text = f"{kind} NMS, {options['max_detections']} boxes; instead: {', '.join(tried)}"
    findings = []
    if not options["regular_nms"] and other - more > WORTH:
        findings.append(_finding(
            "post_processing", "fast_nms",
            f"fast NMS loses {other - more:.1f} points: it keeps one class of each box and suppresses over all classes",
            f"make export NAME={name} NMS=regular", points=other - more,
        ))  # fmt: skip
    if more - shipped > WORTH:
        findings.append(_finding(
            "post_processing", "few_boxes",
            f"the file gives {options['max_detections']} boxes an image, and {more - shipped:.1f} points lie in the "
            "others", f"make export NAME={name} MAX_DETECTIONS=100; each box costs time", points=more - shipped,
        ))  # fmt: skip
    rest = 100 * scores["checkpoint_nms"] - (more if options["regular_nms"] else other)
    if rest > WORTH:
        findings += _judge_thresholds(options, told, rest, name)
    return _step("post_processing", text, findings, points=lost)


def _judge_thresholds(options: Mapping[str, Any], told: Mapping[str, Any], rest: float, name: str) -> list[Found]:
    """Say what else the file's post-processing does otherwise than the checkpoint's: nothing, where it is little."""
    if options["score_threshold"] > 1e-3:
        kind = "score_threshold"
        cause = f"the file drops what scores below {options['score_threshold']:.2g}, and {rest:.1f} points with it"
    elif abs(options["iou_threshold"] - told["iou_threshold"]) > 0.01:
        kind = "iou_threshold"
        cause = (
            f"the file suppresses at an overlap of {options['iou_threshold']:.2g}, the checkpoint at "
            f"{told['iou_threshold']:.2g}: {rest:.1f} points"
        )
    elif rest > UNEXPLAINED:
        kind, cause = "unknown", f"the post-processing in the file loses {rest:.1f} points in another way"
    else:
        return []
    return [_finding("post_processing", kind, cause, f"convert it again: make export NAME={name}", points=rest)]


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


def _judge_input(folders: Folders, told: Mapping[str, Any], layers: Sequence[Mapping[str, Any]], name: str) -> Found:
    first = told["layers"][0]
    step, zero = first["step"], first["zero_point"]
    key = f"t{first['tensor']}"
    pairs = [
        ((tensors[key].astype(np.float32) - zero) * step if step else tensors[key], outputs["input"])
        for tensors, outputs in _load_pairs(folders, told)
    ]
    check = check_input(pairs, step=step, zero_point=zero)
    cause = _say_input(check)
    if check.verdict == "agrees":
        return _step("input", cause, input=check.to_json())
    advice = {
        "normalization": f"convert it with the graph's own mean and deviation: make export NAME={name}",
        "channels": "give it RGB: OpenCV reads BGR",
        "pixels": "resize and decode as the training did (pipeline/detections/resize.py)",
    }[check.verdict]
    return _step(
        "input", cause, [_finding("input", check.verdict, cause, advice, layer=first["name"])], input=check.to_json()
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
    worst = 0.0
    for _, outputs in _load_pairs(folders, told):
        encodings, wanted = outputs["encodings"][0], outputs["boxes"][0]
        if len(encodings) != len(anchors):
            cause = f"the file has {len(anchors)} anchors, the checkpoint {len(encodings)}"
            return _step("boxes", cause, [_finding("boxes", "anchors", cause, f"make export NAME={name}")])
        size = np.maximum(np.abs(wanted).max(axis=1), 1)
        worst = max(worst, float((np.abs(decode_boxes(encodings, anchors) - wanted).max(axis=1) / size).max()))
    if worst <= OFF_BOXES:
        return _step("boxes", f"{len(anchors)} anchors decode to the same boxes", largest_difference=worst)
    cause = f"the file's {len(anchors)} anchors decode to boxes up to {100 * worst:.2g} % of the image elsewhere"
    advice = f"its anchors are of another model or damaged: make export NAME={name}"
    return _step("boxes", cause, [_finding("boxes", "anchors", cause, advice)], largest_difference=worst)


def _judge_layers(layers: Sequence[Mapping[str, Any]], told: Mapping[str, Any], name: str) -> Found:
    faults = find_faults(layers, name=name)
    unmatched = [layer["name"] for layer in layers if not layer["matched"]]
    dead = [layer["name"] for layer in layers if is_dead(layer) and layer["operator"] not in MOVING]
    text = f"{len(layers) - len(unmatched)} of {len(layers)} compared on {len(told['layer_images'])} images"
    text += f"; the first of {len(faults)} that part: {faults[0].layer}" if faults else "; none parts by itself"
    findings = [
        _finding("layers", fault.kind, fault.cause, fault.advice, layer=fault.layer, own_error=fault.own_error)
        for fault in faults
    ]
    weak = find_weak_ranges(layers)
    if weak:
        text += f"; in the checkpoint, too, {len(weak)} {'range is' if len(weak) == 1 else 'ranges are'} poor"
    return _step("layers", text, findings, unmatched=unmatched, without_signal=dead, weak_in_checkpoint=weak)
