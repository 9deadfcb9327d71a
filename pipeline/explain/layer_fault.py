"""Which layers part, and why: the figures of container_scripts/explanation/layer_statistics.py, judged.

A layer is judged by what it adds itself: what it makes of the artefact's own values before it, against what the
checkpoint's graph makes of the same values. In a sound quantized file that is a rounding here and there, 0.1 steps of
the 255, however far the error that came from before has grown; in a TensorFlow.js build next to nothing, since that
clips to the ranges and rounds no activation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Layer = Mapping[str, Any]

MOVING = frozenset((
    "RESHAPE", "SQUEEZE", "CONCATENATION", "PACK", "UNPACK", "EXPAND_DIMS", "DEQUANTIZE", "QUANTIZE",
    "Reshape", "Squeeze", "ConcatV2", "Pack", "Unpack", "ExpandDims", "Identity",
))  # fmt: skip
"""Operators, of TFLite and of TensorFlow.js, that only move numbers about: what parts there has parted before."""

OFF = 0.05
"""Share of the signal that a layer may lose by itself: 26 dB. 8 bits over a well-fitted range lose 0.005."""
OFF_FLOAT = 0.005
STEPS = 0.75
"""Root of the mean square, in steps: rounding alone leaves 0.29."""
NOTHING = 1e-6
"""A smaller signal is that of a part no box ever taught; its range has collapsed with it."""
CLIPPED = 0.001
UNUSED = 0.9
OTHER_RANGE = 0.02
OTHER_WEIGHTS = 0.02
ALIKE = 0.02
"""Share by which channels may differ that have the same factor."""
FEWER = 0.5
UNEVEN = 30
WEAK = 0.05
NEVER_LEARNT = 6.0
"""Ends of the range that tensorflow.contrib.quantize begins with: [-6, 6]."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A layer that parts. `own_error` is what it adds itself, as a share of the signal; `kind` is a word for programs.

    Kinds: no_numbers, range_too_narrow, range_too_wide, range_never_learnt, weights_differ, weights_rounded,
    uneven_weights, bias, bias_rounded, folding, unknown.
    """

    layer: str
    operator: str
    own_error: float
    kind: str
    cause: str
    advice: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_faults(layers: Sequence[Layer], *, name: str) -> list[Fault]:
    """Return the layers that part, in the order of the file; `name` is the run, for what to do."""
    return [judge_layer(layer, name=name) for layer in layers if parts(layer)]


def parts(layer: Layer) -> bool:
    """Whether a layer adds more to the error than 8 bits explain (or, of floats, than rounding does)."""
    if not layer["matched"] or layer["operator"] == "INPUT" or layer["operator"] in MOVING or is_dead(layer):
        return False
    own, steps = layer["own_relative_error"], layer["own_error_steps"]
    if layer.get("no_numbers_share"):
        return True
    if own is None:
        return False
    if steps is None:
        weights = layer.get("weights_compared") or {}
        # Rounded as a file of 8 bits is, unless the checkpoint's weights lie on a grid of 8 bits already
        rounds = layer.get("weights_dtype") == "uint8" and not weights.get("different_values_in_graph")
        return bool(own > (OFF if rounds else OFF_FLOAT))
    return bool(own > OFF and (steps > STEPS or (layer["unused_share"] or 0) > UNUSED))


def is_dead(layer: Layer) -> bool:
    """Whether a layer carries nothing: all of its values are as good as zero."""
    return bool(layer["matched"] and max(layer["signal"], abs(layer["held"][0]), abs(layer["held"][1])) < NOTHING)


def find_weak_ranges(layers: Sequence[Layer]) -> list[str]:
    """Say which ranges are poor in the checkpoint itself: they cost it mAP, and are no difference to it."""
    lines = []
    for layer in layers:
        if not layer["matched"] or layer["graph_high"] is None or layer["operator"] in MOVING or is_dead(layer):
            continue
        low, high = layer["graph_low"], layer["graph_high"]
        held = f"{layer['name']}: [{low:.3g}, {high:.3g}]"
        if abs(high - NEVER_LEARNT) < 0.1 and abs(low + NEVER_LEARNT) < 0.1 and (layer["unused_share"] or 0) > 0.5:
            lines.append(f"{held} is the range that quantization begins with, never learnt")
        elif layer["clipped_share"] is not None and layer["clipped_share"] > WEAK and not _is_narrower(layer):
            lines.append(f"{held} cuts off {_percent(layer['clipped_share'])} of the values")
    return lines


def judge_layer(layer: Layer, *, name: str) -> Fault:
    """Say the likely cause of a layer that parts, and what to do about it."""
    for judge in (_judge_numbers, _judge_range, _judge_weights, _judge_channels):
        found = judge(layer, name)
        if found is not None:
            return Fault(layer["name"], layer["operator"], layer["own_relative_error"], *found)
    return Fault(
        layer["name"], layer["operator"], layer["own_relative_error"], "unknown",
        f"what it computes is {_percent(layer['own_relative_error'])} off, in all channels alike, though its range and "
        "weights fit",
        f"export again (make export NAME={name}); if it stays, please report it with drop.json",
    )  # fmt: skip


def _judge_numbers(layer: Layer, name: str) -> tuple[str, str, str] | None:
    """Judge whether there are numbers at all, as float weights that were overwritten are none."""
    share, weights = layer.get("no_numbers_share"), layer.get("weights_compared") or {}
    again = f"the file is damaged: make export NAME={name}"
    if weights.get("no_numbers"):
        return "no_numbers", f"{weights['no_numbers']} of its weights are infinite or no numbers (NaN)", again
    if share:
        return "no_numbers", f"{_percent(share)} of its values are infinite or no numbers (NaN)", again
    return None


def _judge_range(layer: Layer, name: str) -> tuple[str, str, str] | None:
    """Judge the range of the output: values are cut off at its ends, or crowd in a small part of it."""
    if layer["high"] is None:
        return None
    low, high, graph_low, graph_high = (layer[key] for key in ("low", "high", "graph_low", "graph_high"))
    held, seen = f"[{low:.3g}, {high:.3g}]", f"[{layer['seen'][0]:.3g}, {layer['seen'][1]:.3g}]"
    clipped = layer["clipped_share"]
    if clipped > CLIPPED and (graph_high is None or _is_narrower(layer)):
        cause = f"range too narrow: the file holds {held}, the values go over {seen}, {_percent(clipped)} are cut off"
        if graph_high is None:
            return (
                "range_too_narrow", cause,
                "the images that the ranges were measured on hold no such values: more and more varied training "
                "images, or a preset that is trained quantized (MODEL=..._quantized)",
            )  # fmt: skip
        return (
            "range_too_narrow", f"{cause}; the checkpoint's own range is [{graph_low:.3g}, {graph_high:.3g}]",
            f"the file was not made of this checkpoint's ranges: freeze and convert again (make export NAME={name})",
        )  # fmt: skip
    if not layer["step"] and graph_high is not None and _is_wider(layer):
        return (
            "range_too_wide",
            f"range too wide: the file cuts off at {held}, the checkpoint at [{graph_low:.3g}, {graph_high:.3g}]",
            f"the file was not made of this checkpoint's ranges: freeze and convert again (make export NAME={name})",
        )  # fmt: skip
    if (layer["unused_share"] or 0) <= UNUSED:
        return None
    used = f"{held} is held, {_percent(layer['unused_share'])} of it never used: few of the 255 steps are left"
    if graph_high is not None and (high - low) > (1 + OTHER_RANGE) * (graph_high - graph_low):
        return (
            "range_too_wide",
            f"range too wide: {used}; the checkpoint's own range is [{graph_low:.3g}, {graph_high:.3g}]",
            f"the file was not made of this checkpoint's ranges: freeze and convert again (make export NAME={name})",
        )  # fmt: skip
    longer = "a longer quantized phase (STEPS=, or an earlier QAT_DELAY=), so that the ranges are learnt"
    if abs(high - NEVER_LEARNT) < 0.1 and abs(low + NEVER_LEARNT) < 0.1:
        return "range_never_learnt", f"activation range never learnt: it is the initial [-6, 6]; {used}", longer
    return "range_too_wide", f"range too wide: {used}", longer


def _is_narrower(layer: Layer) -> bool:
    width = layer["graph_high"] - layer["graph_low"]
    missing = max(layer["low"] - layer["graph_low"], layer["graph_high"] - layer["high"])
    return bool(missing > OTHER_RANGE * width)


def _is_wider(layer: Layer) -> bool:
    width = layer["graph_high"] - layer["graph_low"]
    more = max(layer["graph_low"] - layer["low"], layer["high"] - layer["graph_high"])
    return bool(more > OTHER_RANGE * width)


def _judge_weights(layer: Layer, name: str) -> tuple[str, str, str] | None:
    """Judge the weights: others than the checkpoint's, or one channel that leaves the others no steps."""
    weights = layer.get("weights_compared") or {}
    again = f"the file is damaged or of another checkpoint: make export NAME={name}"
    rounded = _judge_rounding(layer, weights, name)
    if rounded is not None:
        return rounded
    if (weights.get("relative_error") or 0) > OTHER_WEIGHTS:
        slope, worst = weights["worst_slope"], weights["worst"]
        how = f"{slope:.3g} times" if slope is not None else "other than"
        cause = f"weights differ: channel {worst} of {weights['count']} has {how} the checkpoint's weights"
        lowest, highest = weights.get("slopes") or (0, 1)
        if highest - lowest <= ALIKE * abs(highest) and abs(highest - 1) > ALIKE:
            cause = f"weights differ: all channels have {highest:.3g} times the checkpoint's weights"
            if layer.get("folded"):
                cause += f", its clip to [{layer['low']:.3g}, {layer['high']:.3g}] being folded into them"
        return "weights_differ", cause, again
    if (weights.get("range_ratio") or 0) > UNEVEN and layer["step"]:
        ratio = weights["range_ratio"]
        return (
            "uneven_weights",
            f"one scale for all weights: channel {weights['widest']} of {weights['count']} has {ratio:.0f} times the "
            f"range of the middle one, which {max(255 / ratio, 1):.0f} of 255 steps are left for",
            "a preset that is trained quantized (MODEL=..._quantized) learns around it; a longer quantized phase "
            "(QAT_DELAY=)",
        )  # fmt: skip
    return None


def _judge_rounding(layer: Layer, weights: Mapping[str, Any], name: str) -> tuple[str, str, str] | None:
    """Judge whether weights or a bias are the checkpoint's but for being rounded: to 8 bits, or to a few values."""
    left, had = weights.get("different_values"), weights.get("different_values_in_graph")
    more_bits = f"more than 8 bits for them: make export NAME={name} TFJS_WEIGHTS=float16"
    if (weights.get("bias_rounding_error") or 0) > layer["own_relative_error"] * layer["signal"] / 2:
        cause = "bias rounded: 8 bits with one scale for all its channels hold it"
        return "bias_rounded", cause, f"a newer export leaves biases as they are: make export NAME={name}"
    if left and had and left < FEWER * had and (weights.get("relative_error") or 0) > OTHER_WEIGHTS:
        cause = f"weights rounded: {left} different values are left of the checkpoint's {had}"
    elif not had and (weights.get("rounding_error") or 0) > OTHER_WEIGHTS:
        cause = (
            f"weights rounded: 8 bits with one scale for all its channels leave them "
            f"{_percent(weights['rounding_error'])} off"
        )
        return "weights_rounded", cause, more_bits
    else:
        return None
    return "weights_rounded", cause, f"the file is damaged or of another checkpoint: make export NAME={name}"


def _judge_channels(layer: Layer, name: str) -> tuple[str, str, str] | None:
    """Judge how the error is shared out between the channels."""
    channels = layer.get("channels")
    if not channels or channels["slope"] is None:
        return None
    again = f"the file is damaged or of another checkpoint: make export NAME={name}"
    few = channels["nine_tenths"] <= max(1, channels["count"] // 10)
    slope, shift, worst = channels["slope"], channels["shift"], channels["worst"]
    off = (layer.get("weights_compared") or {}).get("relative_error")
    if few and off is not None and off <= OTHER_WEIGHTS:
        return "bias", f"channel {worst} of {channels['count']} differs, but its weights do not: its bias does", again
    if few and abs(slope - 1) > 0.1:
        return "weights_differ", f"channel {worst} of {channels['count']} is {slope:.3g} times what it should be", again
    if few:
        cause = f"channel {worst} of {channels['count']} is shifted by {shift:.3g}: its bias differs"
        return "bias", cause, again
    tenth, _, ninetieth = channels["slopes"]
    if ninetieth - tenth > 0.2:
        return (
            "folding",
            f"each channel is scaled by another factor ({tenth:.2f} to {ninetieth:.2f}): batch normalization folded "
            "wrongly, or with other moving averages",
            f"freeze the checkpoint again (make export NAME={name})",
        )  # fmt: skip
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
