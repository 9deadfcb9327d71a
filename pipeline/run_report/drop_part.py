"""Where an exported file loses against the model, layer by layer, as `odpipe explain-drop` left it in drop.json.

    {"headline": "...", "advice": "...", "steps": [{"step": "input", "agrees": true, "text": "..."}, ...],
     "layers": [{"name": "...", "relative_error": 0.03, "own_relative_error": 0.01, ...}, ...]}

What is not there is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.run_report.line_chart import Line, draw_lines
from pipeline.run_report.parts import render_table
from pipeline.run_report.scores_part import render_bar

SHOWN_LAYERS = 12


def render_drop(drop: Any) -> str:
    """Render the causes in words, the error over the layers, and the layers that add most to it."""
    if not isinstance(drop, dict) or not (drop.get("headline") or drop.get("layers")):
        return ""
    words = [str(drop[key]) for key in ("headline", "advice") if drop.get(key)]
    told = "".join(f"<p>{escape(one[:1].upper() + one[1:])}.</p>" for one in words)
    steps = [one for one in drop.get("steps") or () if isinstance(one, dict)]
    listed = "".join(
        f"<li>{escape(str(one.get('step', '')).replace('_', '-'))}: {escape(str(one.get('text', '')))}</li>"
        for one in steps
    )
    layers = [one for one in drop.get("layers") or () if isinstance(one, dict) and _error(one) is not None]
    artefact = f" ({escape(str(drop['artefact']))})" if drop.get("artefact") else ""
    return (
        f"<h3>Where an exported file loses{artefact}</h3>{told}"
        f"{f'<ul>{listed}</ul>' if listed else ''}{_render_layers(layers) if layers else ''}"
    )


def _error(layer: Mapping[str, Any], key: str = "own_relative_error") -> float | None:
    value = layer.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def _render_layers(layers: list[dict[str, Any]]) -> str:
    own = [(float(number), _error(one) or 0.0) for number, one in enumerate(layers, 1)]
    total = [
        (float(number), error)
        for number, one in enumerate(layers, 1)
        if (error := _error(one, "relative_error")) is not None
    ]
    chart = draw_lines(
        [Line("so far", total), Line("by itself", own, "var(--second)", "5 3")],
        title="Error over the layers",
        described=f"{len(layers)} layers, the largest of their own is {max(error for _, error in own):.3g}",
        across="layer, from the input on",
        up="error, as a share of the signal",
    )
    worst = sorted(layers, key=lambda one: -(_error(one) or 0.0))[:SHOWN_LAYERS]
    most = _error(worst[0]) or 0.0
    rows = [
        [f"<code>{escape(str(one.get('name')))}</code>", render_bar(_error(one) or 0.0, most), f"{_error(one):.3g}"]
        for one in worst
    ]
    table = render_table(["Layer", "", "Adds itself"], rows, numbers_from=2)
    return (
        f'<div class="charts"><figure class="chart"><h3>Error over the layers</h3>{chart}<figcaption>So far (solid), '
        f"and what each layer adds by itself (dashed).</figcaption></figure><div>{table}</div></div>"
        '<p class="hint">All of it: <code>explain/drop.html</code></p>'
    )
