"""Why an artefact loses points, for people: the steps in order, the cause, what to do, and the ten worst layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 120
SHOWN = 10
BAR = 14
FULL = 0.01
"""What a full bar stands for at least: where no layer adds a hundredth, none should look as if it did."""
STEPS = {
    "freezing": "frozen graph",
    "post_processing": "post-processing",
    "input": "input",
    "boxes": "box decoding",
    "layers": "layers",
    "outputs": "raw outputs",
}


def render_drop(found: Mapping[str, Any]) -> str:
    """Render a drop.json as text of at most 120 columns."""
    reference, artefact = (100 * found["map"][key] for key in ("reference", "artefact"))
    lines = [
        f"{found['artefact']} of {found['name']}: mAP {artefact:.1f}, its checkpoint's {reference:.1f} on the same "
        f"{found['images']} test images"
    ]
    for step in found["steps"]:
        mark = "ok  " if step["agrees"] else "LOSS"
        lines.append(f"  {mark} {STEPS[step['step']]:<16} {step['text']}")
    table = render_layers(found["layers"], found["first_layer"])
    if table:
        lines += ["", table]
    lines += ["", found["headline"]]
    others = [one for one in found["findings"] if one["cause"] not in found["headline"]]
    lines += [f"  also {STEPS[one['step']]}: {_where(one)}{one['cause']}" for one in others[:SHOWN]]
    if len(others) > SHOWN:
        lines.append(f"  and {len(others) - SHOWN} more: drop.json has them all")
    if found["advice"]:
        lines.append(f"what to do: {found['advice']}")
    return "\n".join(lines)


def _where(finding: Mapping[str, Any]) -> str:
    return f"{finding['layer']}: " if finding["layer"] else ""


def choose_layers(layers: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (place in the file, layer) of the layers that were compared and carry a signal."""
    return [
        (place, layer)
        for place, layer in enumerate(layers)
        if layer["matched"] and layer["own_relative_error"] is not None and layer["signal"] > 1e-6
    ]


def render_layers(layers: Sequence[Mapping[str, Any]], first: str | None) -> str:
    """Render the ten layers that add most to the error, in the file's order; empty where none adds any."""
    known = [one for one in choose_layers(layers) if one[1]["own_relative_error"] > 0]
    worst = sorted(sorted(known, key=lambda one: -one[1]["own_relative_error"])[:SHOWN], key=lambda one: one[0])
    if not worst:
        return ""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("the layers that add most", no_wrap=True, overflow="ellipsis", min_width=20, max_width=52)
    for title in ("adds", "so far", "cut off"):
        table.add_column(title, justify="right", no_wrap=True, min_width=7)
    table.add_column("", no_wrap=True)
    most = max(FULL, *(layer["own_relative_error"] for _, layer in worst))
    for place, layer in worst:
        clipped = layer["clipped_share"]
        bar = "#" * max(1, round(BAR * layer["own_relative_error"] / most))
        table.add_row(
            str(place),
            Text(shorten(layer["name"], 52)),
            _percent(layer["own_relative_error"]),
            _percent(layer["relative_error"]),
            "-" if clipped is None else _percent(clipped),
            Text(f"{bar}  parts first" if layer["name"] == first else bar),
        )
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    return "\n".join(
        line.rstrip()
        for line in console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        if line.strip()
    )


def shorten(name: str, columns: int) -> str:
    """Cut a layer's name at its beginning: its end tells it from the others."""
    return name if len(name) <= columns else "..." + name[-(columns - 3) :]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
