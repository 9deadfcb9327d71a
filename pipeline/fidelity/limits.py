"""How far an artefact may be from its checkpoint, in mAP points (hundredths), and whether it is.

Limits by what an artefact is allowed to change:

    what                                                  limit            why
    frozen graph, SavedModel                              0.1 either way   the same sums
    TFLite float, float TF.js                             0.1 either way   the same sums in another order
    both of a quantized model, TF.js with uint8 weights   0.5 lost         values or weights are rounded; see below
    uint8 and int8 TFLite, Edge TPU                       1.5 lost         eight bits a value; 0.5 is what they aim at
    TFLite with the post-processing that is not shipped   none             shown for what it costs

A model that was trained for eight bits rounds every activation (FakeQuant). TF.js clips them as training did, but does
not round them; TFLite float rounds them, and a sum in another order ends on another of the 255 steps now and then,
which the next layers hand on: layers that agree to the last digit by themselves are 9 % apart at the end of a small
model. Neither is the checkpoint to the last digit (0.2 points either way), so that 0.1 would be a limit for luck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.tolerance import Tolerance

REFERENCE = "checkpoint"
SAME_SUMS = ("frozen_graph", "saved_model")
EIGHT_BITS = ("tflite", "edgetpu")
IN_BROWSERS = ("tfjs", "tfjs_fast", "tfjs_chromium")
OF_OTHER_NMS = {"tflite_fast_nms": "fast", "tflite_regular_nms": "regular"}
ROUNDING = 1e-6
"""A difference of exactly the limit is within it, whatever the last bit says."""

Verdict = Literal["reference", "within", "short_of_aim", "broken", "no_limit", "not_run"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Points that may be lost, or with `either_way` gained as well; within `aim` nothing is said."""

    points: float
    either_way: bool = False
    aim: float | None = None


EXACT, ROUNDED = Limit(0.1, either_way=True), Limit(0.5)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What limits depend upon: the model, the browser's weights, and the post-processing in the shipped TFLite file."""

    quantized: bool
    tfjs_weights: str
    nms: str = "regular"
    max_detections: int = 20


def find_limit(artefact: str, shipped: Shipped, tolerance: Tolerance) -> Limit | None:
    """Return the limit of an artefact; None where there is none: the checkpoint, an NMS that does not ship."""
    limit = _limit_of_kind(artefact, shipped)
    asked = tolerance.by_name.get(artefact, tolerance.everywhere if limit else None)
    if asked is None:
        return limit
    return Limit(asked, either_way=bool(limit and limit.either_way))


def _limit_of_kind(artefact: str, shipped: Shipped) -> Limit | None:
    if artefact in SAME_SUMS:
        return EXACT
    if artefact == "tflite_float":
        return ROUNDED if shipped.quantized else EXACT
    if artefact in EIGHT_BITS or OF_OTHER_NMS.get(artefact) == shipped.nms:
        return Limit(1.5, aim=0.5)
    if artefact in IN_BROWSERS:
        # The plain build keeps float weights; the fast ones have what TFJS_WEIGHTS says
        is_rounded = shipped.quantized or (artefact != "tfjs" and shipped.tfjs_weights == "uint8")
        return ROUNDED if is_rounded else EXACT
    return None


def judge(difference_points: float | None, limit: Limit | None) -> Verdict:
    """Say what a difference (the artefact's mAP minus the checkpoint's, in points) is against a limit."""
    if difference_points is None or limit is None:
        return "no_limit"
    lost = abs(difference_points) if limit.either_way else -difference_points
    if lost > limit.points + ROUNDING:
        return "broken"
    return "short_of_aim" if limit.aim is not None and lost > limit.aim + ROUNDING else "within"


def describe_break(entry: Mapping[str, Any]) -> str:
    """Say of an entry of metrics.json whose verdict is "broken": what was found, what was wanted, what a box weighs."""
    found, points = entry["map"], entry["difference_points"]
    verb = "lost" if points < 0 else "gained"
    either = ", either way" if entry["limit_either_way"] else ""
    rarest = entry["rarest_class"]
    return (
        f"{entry['artefact']} {verb} {abs(points):.2f} mAP points: {found:.4f}, where its checkpoint has "
        f"{found - points / 100:.4f}; wanted at most {entry['limit_points']:g}{either} (one of the {rarest['boxes']} "
        f"test boxes of {rarest['name']!r} weighs up to {rarest['points_per_box']:.2f})"
    )


def describe_notes(metrics: list[dict[str, Any]]) -> list[str]:
    """Say what of metrics.json is worth a line: a missed aim, a cap on boxes that costs, what did not run."""
    notes = []
    for entry in metrics:
        name = entry["artefact"]
        if entry["verdict"] == "not_run":
            notes.append(f"{name} was not run: {entry['not_run']}")
        elif entry["verdict"] == "short_of_aim":
            lost, aim, limit = -entry["difference_points"], entry["aim_points"], entry["limit_points"]
            notes.append(f"{name} lost {lost:.2f} mAP points; the aim is {aim:g}, the limit {limit:g}")
        as_shipped = entry.get("as_shipped")
        if as_shipped and (entry["map"] - as_shipped["map"]) * 100 > CAP_WORTH_A_NOTE:
            notes.append(
                f"as shipped, with at most {as_shipped['max_detections']} boxes an image, {name} has an mAP of "
                f"{as_shipped['map']:.4f}, with 100 one of {entry['map']:.4f}: MAX_DETECTIONS= changes it"
            )
    return notes


CAP_WORTH_A_NOTE = 0.5
"""Points. mAP counts up to 100 boxes an image, so fewer always cost a little."""
