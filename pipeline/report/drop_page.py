"""The page of a drop, output/NAME/explain/drop.html: what was looked at, and the error of each layer as a picture.

One file without scripts, fonts or anything else from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipeline.report.drop_table import STEPS, choose_layers
from pipeline.report.page_style import STYLE

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1040, 300, 64, 12, 34
LEAST = 1e-4
"""Where the picture's axis begins: a ten-thousandth of the signal."""
MORE_STYLE = """
main { padding-top: 20px; }
.layers svg { display: block; width: 100%; height: auto; }
.layers text { fill: var(--soft); font-size: 12px; }
.layers .axis { stroke: var(--line); fill: none; }
.layers .own { fill: var(--accent); } .layers .parts { fill: var(--bad); }
.layers .so-far { fill: none; stroke: var(--second); stroke-width: 1.6; }
td.name-of-layer { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 0.82rem; overflow-wrap: anywhere; }
tr.parts td { background: var(--bad-back); }
"""


def render_drop_page(found: Mapping[str, Any]) -> str:
    """Render a drop.json as a page; the same content gives the same bytes."""
    title = f"Where {found['artefact']} of {found['name']} loses"
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in (
            ("checkpoint, mAP", f"{100 * found['map']['reference']:.1f}"),
            (f"{found['artefact']}, mAP", f"{100 * found['map']['artefact']:.1f}"),
            ("drop, points", f"{found['drop_points']:.1f}"),
            ("in post-processing", f"{found['post_processing_points']:.1f}"),
            ("in the network", f"{found['network_points']:.1f}"),
            ("test images", str(found["images"])),
        )
    )
    advice = f"<p>What to do: {escape(found['advice'])}.</p>" if found["advice"] else ""
    bad = " bad" if found["findings"] else ""
    layers = _render_layers(found["layers"], {one["layer"] for one in found["findings"]}) if found["layers"] else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{MORE_STYLE}</style></head><body><header><h1>{escape(title)}</h1>"
        f'<div class="verdict{bad}"><strong>{escape(found["headline"])}</strong>{advice}</div>'
        f'<dl class="tiles">{tiles}</dl></header><main>'
        f"<section><h2>What was looked at, in this order</h2>{_render_steps(found['steps'])}</section>"
        f"{layers}</main></body></html>\n"
    )


def _render_steps(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{STEPS[step["step"]]}</th>'
        f'<td><span class="badge{"" if step["agrees"] else " error"}">{"agrees" if step["agrees"] else "loses"}</span>'
        f"</td><td>{escape(step['text'])}</td></tr>"
        for step in steps
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _render_layers(layers: Sequence[Mapping[str, Any]], parting: set[str | None]) -> str:
    known = choose_layers(layers)
    rows = "".join(
        f'<tr{" class=parts" if layer["name"] in parting else ""}><td class="number">{place}</td>'
        f'<td class="name-of-layer">{escape(layer["name"])}</td><td>{escape(layer["operator"])}</td>'
        + "".join(f'<td class="number">{_percent(layer[key])}</td>' for key in COLUMNS)
        + "</tr>"
        for place, layer in known
    )
    heads = "".join(f'<th scope="col" class="number">{title}</th>' for title in COLUMNS.values())
    return (
        '<section class="layers"><h2>Error by layer</h2><p>Bars: what a layer adds itself, given the values that the '
        "file has before it. Line: the error so far, which later layers inherit. Both are shares of the signal; each "
        "line of the axis is ten times the one below it.</p>"
        f"{_draw(known, parting)}</section><section><h2>Every layer</h2>"
        '<div class="scroll"><table><thead><tr><th scope="col" class="number">#</th><th scope="col">Layer</th>'
        f'<th scope="col">Operator</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


COLUMNS = {
    "own_relative_error": "Adds",
    "relative_error": "So far",
    "clipped_share": "Cut off",
    "unused_share": "Range unused",
}


def _draw(known: Sequence[tuple[int, Mapping[str, Any]]], parting: set[str | None]) -> str:
    side, tall = WIDTH - LEFT - 8, HEIGHT - TOP - BOTTOM
    wide = side / max(len(known), 1)

    def y(share: float | None) -> float:
        # Ten thousandths at the bottom, the whole signal at the top
        return TOP + tall * min(max(math.log10(max(share or 0, LEAST)) / math.log10(LEAST), 0), 1)

    parts = []
    for power in range(5):
        at = y(10**-power)
        parts.append(f'<path class="axis" d="M{LEFT} {at:.1f}h{side}"/>')
        label = f"{100 * 10**-power:g} %"
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    line = []
    for number, (place, layer) in enumerate(known):
        x, top = LEFT + number * wide, y(layer["own_relative_error"])
        kind = "parts" if layer["name"] in parting else "own"
        words = f"{place} {layer['name']}: adds {_percent(layer['own_relative_error'])}, "
        words += f"so far {_percent(layer['relative_error'])}"
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{top:.1f}" width="{max(wide - 1, 0.5):.1f}" '
            f'height="{max(TOP + tall - top, 1):.1f}"><title>{escape(words)}</title></rect>'
        )
        line.append(f"{x + wide / 2:.1f} {y(layer['relative_error']):.1f}")
    if line:
        parts.append(f'<path class="so-far" d="M{"L".join(line)}"/>')
    parts.append(
        f'<text x="{LEFT}" y="{HEIGHT - 10}">input</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 10}" text-anchor="end">boxes and scores</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Error by layer">{"".join(parts)}</svg>'


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
