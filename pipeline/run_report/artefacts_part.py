"""The exported files: what each finds, how fast, how large; what the Edge TPU takes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.report.artefact_table import format_size
from pipeline.report.preflight_table import MEMORY
from pipeline.run_report.parts import render_table
from pipeline.run_report.run_files import RunFiles

TITLES = {
    "checkpoint": "the trained model",
    "frozen_graph": "TensorFlow, one file",
    "saved_model": "TensorFlow Serving",
    "tflite": "phone, Raspberry Pi, Coral, Frigate",
    "tflite_float": "the same in float numbers",
    "tflite_fast_nms": "with fast post-processing",
    "tflite_regular_nms": "with regular post-processing",
    "edgetpu": "compiled for Coral",
    "tfjs": "browser, whole graph",
    "tfjs_fast": "browser, fast build",
    "tfjs_chromium": "browser, in Chromium",
}
BROKEN = ("broken",)
LOST = 0.005
"""mAP by which a file is marked as worse: a point is seen, half of one is chance."""


def render_artefacts(files: RunFiles) -> str:
    """Render the table of artefacts, and how to read it."""
    if not files.metrics:
        return f"<p>Nothing was evaluated yet: <code>make evaluate NAME={escape(files.name)}</code></p>"
    checkpoint = files.entry("checkpoint")
    has_memory = any(entry.get("memory_bytes") for entry in files.metrics)
    rows = [_row(entry, checkpoint, has_memory=has_memory) for entry in files.metrics]
    heads = ["File", "mAP@.5", "mAP", "against the model", "ms an image", "95 % within", "Size"]
    if has_memory:
        heads.append("Memory")
    broken = [str(entry["artefact"]) for entry in files.metrics if entry.get("verdict") in BROKEN]
    told = (
        f'<p class="verdict bad"><strong>{escape(", ".join(broken))}: further from the model than it may be.</strong> '
        "What is lost, and where: <code>odpipe explain-drop</code>.</p>"
        if broken
        else ""
    )
    return (
        f"{told}<p>Every exported file was run over the same test images. Times are of this machine, one image at a "
        f"time; sizes of what has to be shipped.</p>{render_table(heads, rows)}"
    )


def _row(entry: Mapping[str, Any], checkpoint: Mapping[str, Any] | None, *, has_memory: bool) -> list[str]:
    name = str(entry.get("artefact"))
    words = ": ".join(str(one) for one in (TITLES.get(name), entry.get("runtime")) if one)
    head = f'{escape(name)}<br><small class="soft">{escape(words)}</small>'
    if entry.get("not_run"):
        return [head, f'<small class="soft">{escape(str(entry["not_run"]))}</small>', *[""] * (5 + has_memory)]
    size = entry.get("size_bytes")
    cells = [
        head,
        _figure(entry.get("map50")),
        _figure(entry.get("map")),
        _difference(entry, checkpoint),
        _milliseconds(entry.get("ms_median")),
        _milliseconds(entry.get("ms_p95")),
        format_size(size) if isinstance(size, int) else "-",
    ]
    if has_memory:
        memory = entry.get("memory_bytes")
        cells.append(format_size(memory) if isinstance(memory, int) else "-")
    return cells


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else "-"


def _milliseconds(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else "-"


def _difference(entry: Mapping[str, Any], checkpoint: Mapping[str, Any] | None) -> str:
    ours, theirs = entry.get("map"), (checkpoint or {}).get("map")
    if entry is checkpoint or not isinstance(ours, (int, float)) or not isinstance(theirs, (int, float)):
        return ""
    lost = theirs - ours
    kind = "badly" if lost >= LOST else "good"
    return f'<span class="{kind}">{-lost:+.3f}</span>' if abs(lost) >= 0.0005 else '<span class="good">the same</span>'


def render_preflight_part(found: Mapping[str, Any] | None) -> str:
    """Render what the Edge TPU would make of the TFLite file: the sum, and what is in the way."""
    if not found:
        return ""
    on_tpu, operators = found.get("on_tpu", 0), found.get("operators", 0)
    refusals = [one for one in found.get("refusals", ()) if not one.get("expected")]
    fits = MEMORY.get(str(found.get("memory", {}).get("verdict")), "")
    good = bool(found.get("works"))
    words = (
        "All but the last step, which runs on the CPU in every Coral detector, is taken."
        if good
        else "Not all of it is taken: what is not runs on the CPU, and what comes after it as well."
    )
    size = found.get("memory", {}).get("parameter_bytes")
    memory = (
        f" {size / (1 << 20):.1f} of 8 MB on the chip: {fits}." if isinstance(size, int) and fits and on_tpu else ""
    )
    kinds: dict[tuple[str, str, str], int] = {}
    for one in refusals:
        key = (str(one.get("custom") or one.get("operator")), str(one.get("why")), str(one.get("remedy")))
        kinds[key] = kinds.get(key, 0) + 1
    rows = [
        [escape(name), f"{escape(why)}<br>{escape(remedy)}", str(number)]
        for (name, why, remedy), number in kinds.items()
    ]
    table = render_table(["Operator", "Why not, and what to do", "Count"], rows[:8], numbers_from=2) if rows else ""
    return (
        f'<h3>On the Coral Edge TPU</h3><p class="verdict{"" if good else " bad"}"><strong>{on_tpu} of {operators} '
        f"operators run on the Edge TPU.</strong> {words}{memory}</p>{table}"
    )
